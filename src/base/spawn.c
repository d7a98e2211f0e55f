/*
 * base/spawn.c - posix_spawn(3) with all that a child must not inherit switched off.
 *
 * glibc's posix_spawn shares the memory until the exec, so that its price does not grow with
 * the agent's, and reports the errno of a failed exec.
 */
#include "base/spawn.h"

#include "base/fdio.h"
#include "base/now.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX_BYTES (64 * KIB)
#define DEFAULT_PATH     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PATH_MAX_BYTES   4096
#define KILL_WAIT_MS     5000 /* what SIGKILL did not end by then sits in the kernel */

/* Written before threads run. */
static bool agent_has_more_files;
static struct rlimit files_of_children;

void spawn_raise_files(size_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    files_of_children = limit;
    limit.rlim_cur = MIN_OF(limit.rlim_max, (rlim_t)wanted);
    agent_has_more_files = setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/* --- one exec ------------------------------------------------------------------------- */

/* fds[i] becomes descriptor i of the child. */
static int add_stdio(posix_spawn_file_actions_t *actions, const int fds[3])
{
    for (int i = 0; i < 3; i++) {
        int r = fds[i] == SPAWN_NULL ? posix_spawn_file_actions_addopen(
                                           actions, i, "/dev/null", i == 0 ? O_RDONLY : O_WRONLY, 0)
                                     : posix_spawn_file_actions_adddup2(actions, fds[i], i);

        if (r != 0)
            return -r;
    }
    return -posix_spawn_file_actions_addclosefrom_np(actions, 3);
}

static int set_attributes(posix_spawnattr_t *attributes, bool new_group)
{
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t all, none;

    /* sigfillset(3) leaves out the two that glibc keeps for itself and would then ignore. */
    memset(&all, 0xff, sizeof(all));
    sigemptyset(&none);
    if (new_group)
        flags = (short)(flags | POSIX_SPAWN_SETPGROUP); /* group 0: the child's own */
    PTOK(posix_spawnattr_setsigdefault(attributes, &all));
    PTOK(posix_spawnattr_setsigmask(attributes, &none));
    return -posix_spawnattr_setflags(attributes, flags);
}

static int spawn_file(const struct spawn_options *options, const int fds[3], const char *file,
                      char *const *argv, pid_t *ret_pid)
{
    char *const *envp = options->envp ? options->envp : environ;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int r;

    PTOK(posix_spawn_file_actions_init(&actions));
    PTOK(posix_spawnattr_init(&attributes));
    r = add_stdio(&actions, fds);
    if (r == 0)
        r = set_attributes(&attributes, options->new_group);
    if (r == 0)
        r = -posix_spawn(ret_pid, file, &actions, &attributes, argv, envp);
    PTOK(posix_spawnattr_destroy(&attributes));
    PTOK(posix_spawn_file_actions_destroy(&actions));
    return r;
}

static int spawn_by_shell(const struct spawn_options *options, const int fds[3], const char *file,
                          pid_t *ret_pid)
{
    CLEANUP(free_ptr) char **argv = NULL;
    size_t count = 0;
    int r;

    while (options->argv[count])
        count++;
    argv = calloc(count + 3, sizeof(*argv));
    if (!argv)
        return -ENOMEM;
    argv[0] = strdup("/bin/sh");
    argv[1] = strdup(file);
    for (size_t i = 1; i < count; i++)
        argv[i + 1] = options->argv[i];
    r = argv[0] && argv[1] ? spawn_file(options, fds, argv[0], argv, ret_pid) : -ENOMEM;
    free(argv[0]);
    free(argv[1]);
    return r;
}

static int spawn_path(const struct spawn_options *options, const int fds[3], const char *file,
                      pid_t *ret_pid)
{
    int r = spawn_file(options, fds, file, options->argv, ret_pid);

    if (r == -ENOEXEC && options->shell_fallback)
        r = spawn_by_shell(options, fds, file, ret_pid);
    return r;
}

/* What makes execvp(3) try the next directory. */
static bool is_search_error(int r)
{
    return r == -ENOENT || r == -ENOTDIR || r == -EACCES || r == -ESTALE || r == -ENODEV ||
           r == -ETIMEDOUT || r == -ENAMETOOLONG || r == -ELOOP;
}

/* An empty element would be the working directory, which is never searched. */
static int spawn_search(const struct spawn_options *options, const int fds[3], pid_t *ret_pid)
{
    const char *dirs = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    char file[PATH_MAX_BYTES];
    int result = -ENOENT;

    for (dirs = dirs ? dirs : DEFAULT_PATH; *dirs; dirs += *dirs == ':') {
        size_t len = strcspn(dirs, ":");
        int n = snprintf(file, sizeof(file), "%.*s/%s", (int)len, dirs, options->path);
        int r;

        dirs += len;
        if (len == 0 || n < 0 || (size_t)n >= sizeof(file))
            continue;
        /* A look is cheaper than a child that finds nothing. */
        r = faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) < 0 ? -errno : 0;
        if (r == 0)
            r = spawn_path(options, fds, file, ret_pid);
        if (!is_search_error(r))
            return r;
        if (r == -EACCES)
            result = r;
    }
    return result;
}

/* --- spawn_start() -------------------------------------------------------------------- */

/* A descriptor below 3 could be overwritten by an earlier dup2: it moves up. */
static int lift_fd(int fd, int *ret_lifted)
{
    if (fd < 0 || fd > 2)
        return fd;
    *ret_lifted = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return *ret_lifted < 0 ? -errno : *ret_lifted;
}

static int spawn_with_fds(const struct spawn_options *options, pid_t *ret_pid)
{
    CLEANUP(fd_closep) int lifted_in = -1;
    CLEANUP(fd_closep) int lifted_out = -1;
    CLEANUP(fd_closep) int lifted_err = -1;
    const int fds[3] = {
        lift_fd(options->fd_in, &lifted_in),
        lift_fd(options->fd_out, &lifted_out),
        lift_fd(options->fd_err, &lifted_err),
    };

    for (int i = 0; i < 3; i++) {
        if (fds[i] < SPAWN_NULL)
            return fds[i];
    }
    if (!*options->path)
        return -ENOENT;
    return strchr(options->path, '/') ? spawn_path(options, fds, options->path, ret_pid)
                                      : spawn_search(options, fds, ret_pid);
}

static int reap(pid_t pid, int *ret_status)
{
    while (waitpid(pid, ret_status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

int spawn_start(const struct spawn_options *options, struct spawn_child *ret_child)
{
    int pidfd, status, r;
    pid_t pid = -1;

    r = spawn_with_fds(options, &pid);
    if (r < 0)
        return r;
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* glibc has a call for it since 2.36 only */
    if (pidfd < 0) {
        r = -errno;
        kill(pid, SIGKILL);
        reap(pid, &status);
        return r;
    }
    if (agent_has_more_files)
        prlimit(pid, RLIMIT_NOFILE, &files_of_children, NULL);
    ret_child->pid = pid;
    ret_child->pidfd = pidfd;
    return 0;
}

/* --- spawn_run() ---------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    return now_ns() / NSEC_PER_MSEC;
}

/* The input as a file in memory: nobody has to feed a pipe beside reading another. */
static int input_fd(const struct buf *input)
{
    CLEANUP(fd_closep) int fd = memfd_create("spawn-input", MFD_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = fd_write_all(fd, input->data, input->len);
    if (r < 0)
        return r;
    return lseek(fd, 0, SEEK_SET) < 0 ? -errno : TAKE_FD(fd);
}

/* Takes what is in the pipe: true if it was anything. */
static bool drain_once(int fd, struct buf *output)
{
    char bytes[4096];
    ssize_t n = read(fd, bytes, sizeof(bytes));

    if (n > 0)
        buf_append(output, bytes, MIN_OF((size_t)n, OUTPUT_MAX_BYTES - output->len));
    return n > 0;
}

/* Waits for the end of the child and reads its output on the way: false at the deadline. */
static bool wait_for_end(const struct spawn_child *child, int out_fd, int64_t deadline_ms,
                         struct buf *output)
{
    struct pollfd polled[] = {
        { .fd = child->pidfd, .events = POLLIN },
        { .fd = out_fd, .events = POLLIN },
    };

    for (;;) {
        int64_t left = deadline_ms < 0 ? -1 : MAX_OF(deadline_ms - now_ms(), 0);
        int n = poll(polled, ARRAY_LEN(polled), (int)left);

        if (n == 0 && left == 0)
            return false;
        if (n <= 0)
            continue;
        if (polled[1].revents && !drain_once(out_fd, output))
            polled[1].fd = -1; /* all writers have closed it */
        if (polled[0].revents)
            return true;
    }
}

/* The last words: as much as a pipe holds, since a background child may go on for ever. */
static void drain_rest(int fd, struct buf *output)
{
    int capacity = fcntl(fd, F_GETPIPE_SZ);

    for (int taken = 0; taken < capacity; taken += 4096) {
        if (!drain_once(fd, output))
            return;
    }
}

static int collect(const struct spawn_child *child, int out_fd, int timeout_ms,
                   struct spawn_result *result)
{
    int status, r;

    if (!wait_for_end(child, out_fd, timeout_ms < 0 ? -1 : now_ms() + timeout_ms,
                      &result->output)) {
        result->timed_out = true;
        kill(-child->pid, SIGKILL);
        /* What still does not end hangs in the kernel: left behind, a zombie when it ends. */
        if (!wait_for_end(child, out_fd, now_ms() + KILL_WAIT_MS, &result->output)) {
            result->signal = SIGKILL;
            return 0;
        }
    }
    drain_rest(out_fd, &result->output);
    r = reap(child->pid, &status);
    if (r < 0)
        return r;
    result->exited = WIFEXITED(status);
    result->exit_code = result->exited ? WEXITSTATUS(status) : 0;
    result->signal = result->exited ? 0 : WTERMSIG(status);
    return buf_ok(&result->output) ? 0 : -ENOMEM;
}

static int start_with_pipe(const char *const argv[], int in_fd, int out_fd,
                           struct spawn_child *ret_child)
{
    struct spawn_options options = {
        .path = argv[0],
        .fd_in = in_fd,
        .fd_out = out_fd,
        .fd_err = out_fd,
        .new_group = true,
        .shell_fallback = true,
    };

    /* posix_spawn changes no string; its type is from before const. */
    memcpy(&options.argv, &argv, sizeof(options.argv));
    return spawn_start(&options, ret_child);
}

int spawn_run(const char *const argv[], const struct buf *input, int timeout_ms,
              struct spawn_result *ret_result)
{
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };
    CLEANUP(fd_closep) int in_fd = input ? input_fd(input) : SPAWN_NULL;
    struct spawn_child child = { .pidfd = -1 };
    int pipe_fds[2], r;

    if (in_fd < SPAWN_NULL)
        return in_fd;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    fd_set_nonblock(pipe_fds[0], true);
    r = start_with_pipe(argv, in_fd, pipe_fds[1], &child);
    fd_close(pipe_fds[1]);
    if (r == 0) {
        r = collect(&child, pipe_fds[0], timeout_ms, &result);
        fd_close(child.pidfd);
    }
    fd_close(pipe_fds[0]);
    if (r < 0)
        return r;
    *ret_result = result;
    result = (struct spawn_result){ 0 };
    return 0;
}

void spawn_result_done(struct spawn_result *result)
{
    buf_done(&result->output);
}

const char *spawn_result_text(const struct spawn_result *result, char *text, size_t size)
{
    if (result->timed_out)
        snprintf(text, size, "no end within its time limit");
    else if (result->exited)
        snprintf(text, size, "exit status %d", result->exit_code);
    else
        snprintf(text, size, "signal %d", result->signal);
    return text;
}
