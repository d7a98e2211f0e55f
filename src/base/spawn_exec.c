/*
 * base/spawn_exec.c - clone(2) with shared memory, and what the child does before its exec.
 *
 *   field          written by          read by     order, and what it buys
 *   files.*        spawn_exec_init()   children    before threads run
 *   start.error    the child           its parent  the parent stands still until the child has
 *                                                  ended or called execve(2)
 *
 * Functions marked IN_CHILD run in the child, on the parent's memory. They make bare system calls
 * and nothing else: no lock, no allocation, no function that a sanitizer watches. What posix_spawn(3)
 * cannot do is done here, where no program can run before it: the umask and the limit of
 * descriptors.
 */
#include "base/spawn_exec.h"

#include "base/defs.h"
#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_BYTES    (16 * KIB)
#define CHILD_UMASK    022         /* a login's: the agent's own keeps its files private */
#define CLOSE_MAX      1048576     /* descriptors looked at where the kernel cannot close a range */
#define SIGSET_BYTES   (_NSIG / 8) /* the kernel's set */
#define ACTION_BYTES   256         /* no smaller than the kernel's struct sigaction anywhere */
#define KERNEL_SIGNALS (SIGSET_BYTES * 8)

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif

#if defined(__has_attribute) && __has_attribute(disable_sanitizer_instrumentation)
#define IN_CHILD __attribute__((disable_sanitizer_instrumentation, noinline))
#else
#define IN_CHILD __attribute__((no_sanitize_thread, no_sanitize_address, noinline))
#endif

/* TSan takes clone(2) for a fork, whatever its flags, and would set itself up anew in the child and
 * again in the parent. glibc's other name for it is not watched. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
extern int __clone(int (*main)(void *), void *stack, int flags, void *arg, ...); /* NOLINT */
#define clone __clone
#endif
#endif

/* As the kernel has it. */
struct kernel_limit {
    uint64_t soft, hard;
};

static struct {
    bool known;
    struct kernel_limit limit;
} files;

struct start {
    const struct spawn_exec *exec;
    int error; /* of the child: errno, 0 while there is none */
};

void spawn_exec_init(void)
{
    files.known = syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &files.limit) == 0;
}

/* --- the child ------------------------------------------------------------------------ */

/* No disposition of the agent's is left: what is ignored would stay so after the exec. */
IN_CHILD static void child_reset_signals(void)
{
    static const char by_default[ACTION_BYTES]; /* all zero is SIG_DFL, whatever the layout */

    for (int number = 1; number <= KERNEL_SIGNALS; number++)
        syscall(SYS_rt_sigaction, number, by_default, NULL, SIGSET_BYTES);
}

IN_CHILD static bool child_take_stream(int fd, int number)
{
    int flags = number == 0 ? O_RDONLY : O_WRONLY;
    long from = fd >= 0 ? fd : syscall(SYS_openat, AT_FDCWD, "/dev/null", flags);

    return from >= 0 && (from == number || syscall(SYS_dup3, from, number, 0) >= 0);
}

/* All are close-on-exec but what a library has left open. */
IN_CHILD static void child_close_rest(void)
{
    struct kernel_limit limit = { .soft = CLOSE_MAX };

    if (syscall(SYS_close_range, 3, ~0U, 0) == 0)
        return;
    syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
    for (uint64_t fd = 3; fd < limit.soft && fd < CLOSE_MAX; fd++)
        syscall(SYS_close, (int)fd);
}

IN_CHILD static bool child_prepare(const struct spawn_exec *exec)
{
    static const char nothing_blocked[SIGSET_BYTES];

    child_reset_signals();
    for (int i = 0; i < 3; i++)
        if (!child_take_stream(exec->fds[i], i))
            return false;
    child_close_rest();
    if (exec->new_group && syscall(SYS_setpgid, 0, 0) < 0)
        return false;
    syscall(SYS_umask, CHILD_UMASK);
    if (files.known && syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &files.limit, NULL) < 0)
        return false;
    return syscall(SYS_rt_sigprocmask, SIG_SETMASK, nothing_blocked, NULL, SIGSET_BYTES) == 0;
}

IN_CHILD static int child_main(void *arg)
{
    struct start *start = arg;
    const struct spawn_exec *exec = start->exec;

    if (child_prepare(exec))
        syscall(SYS_execve, exec->file, exec->argv, exec->envp);
    start->error = errno;
    syscall(SYS_exit, 127);
    return 127;
}

/* --- the parent ----------------------------------------------------------------------- */

/* The child lives on a piece of our stack: it is gone from there before we go on. */
static pid_t clone_child(struct start *start, int *ret_pidfd)
{
    _Alignas(16) char stack[STACK_BYTES];

    return clone(child_main, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                 start, ret_pidfd);
}

static void reap_failed(pid_t pid, int pidfd)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    fd_close(pidfd);
}

int spawn_exec(const struct spawn_exec *exec, pid_t *ret_pid, int *ret_pidfd)
{
    struct start start = { .exec = exec };
    char all[SIGSET_BYTES], before[SIGSET_BYTES];
    int pidfd = -1, r;
    pid_t pid;

    /* No handler may run in the child. The bare call blocks also what glibc keeps for itself. */
    memset(all, 0xff, sizeof(all));
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, all, before, SIGSET_BYTES);
    pid = clone_child(&start, &pidfd);
    r = pid < 0 ? -errno : -start.error;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, before, NULL, SIGSET_BYTES);
    if (pid < 0)
        return r;
    if (r == 0 && pidfd < 0) { /* Linux before 5.2 */
        kill(pid, SIGKILL);
        r = -ENOSYS;
    }
    if (r < 0) {
        reap_failed(pid, pidfd);
        return r;
    }
    *ret_pid = pid;
    *ret_pidfd = pidfd;
    return 0;
}
