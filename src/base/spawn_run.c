/*
 * base/spawn_run.c - a program run to its end: its input is fed and its output taken by the caller.
 */
#include "base/spawn.h"

#include "base/drain.h"
#include "base/fdio.h"
#include "base/now.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX_BYTES (64 * KIB)
#define PIECE_BYTES      (4 * KIB) /* of reading, and how much of the end is kept */
#define KILL_WAIT_MS     5000      /* what SIGKILL did not end by then sits in the kernel */

/* A run under way. */
struct run {
    struct spawn_child child;
    int in_fd;  /* ours, of the input's pipe; -1: all is written, or nobody reads */
    int out_fd; /* ours, of the output's pipe */
    const struct buf *input;
    size_t fed;
    struct spawn_result *result;
};

static int64_t now_ms(void)
{
    return now_ns() / NSEC_PER_MSEC;
}

/* A pipe and no file in memory: a program under SELinux may read what init's pipes bring, and not
 * what lies in the agent's memory. */
static void feed(struct run *run)
{
    ssize_t n = write(run->in_fd, run->input->data + run->fed, run->input->len - run->fed);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        run->fed += (size_t)n;
    if (n <= 0 || run->fed == run->input->len)
        run->in_fd = fd_close(run->in_fd);
}

/* Makes room for at most a piece: what goes is what stands before the last one. */
static void cut_middle(struct buf *output, size_t len)
{
    char *tail = output->data + OUTPUT_MAX_BYTES - PIECE_BYTES;
    size_t excess;

    if (output->len + len <= OUTPUT_MAX_BYTES)
        return;
    excess = output->len + len - OUTPUT_MAX_BYTES;
    output->len -= excess;
    memmove(tail, tail + excess, (size_t)(output->data + output->len - tail));
}

/* Takes what is in the pipe: true if it was anything. */
static bool drain_once(int fd, struct buf *output)
{
    char bytes[PIECE_BYTES];
    ssize_t n = read(fd, bytes, sizeof(bytes));

    if (n > 0 && buf_ok(output)) {
        cut_middle(output, (size_t)n);
        buf_append(output, bytes, (size_t)n);
    }
    return n > 0;
}

/* Waits for the end of the child, feeds it and reads its output on the way: false at the deadline.
 */
static bool wait_for_end(struct run *run, int64_t deadline_ms)
{
    struct pollfd polled[] = {
        { .fd = run->child.pidfd, .events = POLLIN },
        { .fd = run->out_fd, .events = POLLIN },
        { .fd = run->in_fd, .events = POLLOUT },
    };

    for (;;) {
        int64_t left = deadline_ms < 0 ? -1 : MAX_OF(deadline_ms - now_ms(), 0);
        int n = poll(polled, ARRAY_LEN(polled), (int)left);

        if (n == 0 && left == 0)
            return false;
        if (n <= 0)
            continue;
        if (polled[2].revents)
            feed(run);
        polled[2].fd = run->in_fd;
        if (polled[1].revents && !drain_once(run->out_fd, &run->result->output))
            polled[1].fd = -1; /* all writers have closed it */
        if (polled[0].revents)
            return true;
    }
}

/* The last words: as much as a pipe holds, since a background child may go on for ever. */
static void drain_rest(int fd, struct buf *output)
{
    int capacity = fcntl(fd, F_GETPIPE_SZ);

    for (int taken = 0; taken < capacity; taken += (int)PIECE_BYTES) {
        if (!drain_once(fd, output))
            return;
    }
}

/* A background child that has the pipe still must not die by SIGPIPE: what it writes is read on. */
static void leave_output(struct run *run)
{
    struct pollfd polled = { .fd = run->out_fd, .events = POLLIN };

    if (run->child.pidfd >= 0 && poll(&polled, 1, 0) >= 0 && !(polled.revents & POLLHUP))
        drain_add(TAKE_FD(run->out_fd));
    run->out_fd = fd_close(run->out_fd);
}

static int reap(pid_t pid, int *ret_status)
{
    while (waitpid(pid, ret_status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

static int collect(struct run *run, int timeout_ms)
{
    struct spawn_result *result = run->result;
    int status, r;

    if (!wait_for_end(run, timeout_ms < 0 ? -1 : now_ms() + timeout_ms)) {
        result->timed_out = true;
        kill(-run->child.pid, SIGKILL);
        /* What still does not end hangs in the kernel: left behind, a zombie when it ends. */
        if (!wait_for_end(run, now_ms() + KILL_WAIT_MS)) {
            result->signal = SIGKILL;
            return 0;
        }
    }
    drain_rest(run->out_fd, &result->output);
    r = reap(run->child.pid, &status);
    if (r < 0)
        return r;
    result->exited = WIFEXITED(status);
    result->exit_code = result->exited ? WEXITSTATUS(status) : 0;
    result->signal = result->exited ? 0 : WTERMSIG(status);
    return buf_ok(&result->output) ? 0 : -ENOMEM;
}

/* A pipe of which our end does not block. `ours`: 0 to read, 1 to write. */
static int make_pipe(int ours, int *ret_ours, int *ret_childs)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    fd_set_nonblock(fds[ours], true);
    *ret_ours = fds[ours];
    *ret_childs = fds[!ours];
    return 0;
}

static int start_with_pipes(const char *const argv[], struct run *run)
{
    CLEANUP(fd_closep) int child_in = SPAWN_NULL;
    CLEANUP(fd_closep) int child_out = -1;
    struct spawn_options options = {
        .path = argv[0],
        .new_group = true,
        .shell_fallback = true,
    };
    int r = make_pipe(0, &run->out_fd, &child_out);

    if (r == 0 && run->input)
        r = make_pipe(1, &run->in_fd, &child_in);
    if (r < 0)
        return r;
    options.fd_in = child_in;
    options.fd_out = options.fd_err = child_out;
    /* execve(2) changes no string; its type is from before const. */
    memcpy(&options.argv, &argv, sizeof(options.argv));
    return spawn_start(&options, &run->child);
}

int spawn_run(const char *const argv[], const struct buf *input, int timeout_ms,
              struct spawn_result *ret_result)
{
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };
    struct run run = {
        .child = { .pidfd = -1 }, .in_fd = -1, .out_fd = -1, .input = input, .result = &result
    };
    int r = start_with_pipes(argv, &run);

    if (r == 0)
        r = collect(&run, timeout_ms);
    fd_close(run.child.pidfd);
    fd_close(run.in_fd);
    leave_output(&run);
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
