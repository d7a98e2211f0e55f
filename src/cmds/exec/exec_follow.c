/*
 * cmds/exec/exec_follow.c - callbacks of the watcher. Shared fields: see cmds/exec/exec_table.c.
 */
#include "cmds/exec/exec_follow.h"

#include "base/uninitialized.h"
#include "cmds/exec/exec_table.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_PIECE_BYTES (64 * KIB) /* a pipe's usual capacity */

/* Only on paths where a source has ended: the last one finishes the process. */
static void source_ended(struct exec_proc *proc, struct exec_source *source)
{
    exec_watch_end(exec_table_watch(proc->table), source);
    if (--proc->open_sources == 0)
        exec_table_finish(proc); /* from here on it may be gone */
}

/* Keeps what the limits allow of a piece; the rest is dropped, which the flag tells. */
static void keep_output(struct exec_output *output, const char *data, size_t len)
{
    struct exec_proc *proc = output->proc;
    size_t want = MIN_OF(len, EXEC_STREAM_MAX - output->data.len);
    size_t granted = output->truncated ? 0 : exec_table_charge(proc->table, want);

    if (granted > 0 && !buf_reserve(&output->data, granted)) {
        output->data.failed = false; /* what is there is still right */
        exec_quota_give(proc->quota, granted);
        granted = 0;
    }
    buf_append(&output->data, data, granted);
    atomic_fetch_add_explicit(&proc->kept_bytes, granted, memory_order_relaxed);
    if (granted < len)
        output->truncated = true;
}

/* One read an event, so that a process that writes without end keeps nobody waiting. */
static void output_ready(struct exec_source *source)
{
    struct exec_output *output = CONTAINER_OF(source, struct exec_output, source);
    UNINITIALIZED char piece[OUTPUT_PIECE_BYTES];
    ssize_t n = read(source->fd, piece, sizeof(piece));

    if (n > 0)
        keep_output(output, piece, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        source_ended(output->proc, source);
}

/* The process stays a zombie, which keeps its pid. An error tells nothing of its end. */
static void end_ready(struct exec_source *source)
{
    struct exec_proc *proc = CONTAINER_OF(source, struct exec_proc, end);
    siginfo_t info = { 0 };
    int r = waitid(P_PID, (id_t)proc->pid, &info, WEXITED | WNOHANG | WNOWAIT);

    if (r < 0 ? errno == EINTR : info.si_pid == 0)
        return;
    proc->lost = r < 0;
    proc->ended = r == 0;
    proc->signaled = info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
    proc->status = info.si_status;
    source_ended(proc, source);
}

void exec_follow(struct exec_proc *proc)
{
    struct exec_watch *watch = exec_table_watch(proc->table);
    struct exec_source *sources[] = { &proc->out.source, &proc->err.source, &proc->end };
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        sources[i]->events = EPOLLIN;
        sources[i]->ready = sources[i] == &proc->end ? end_ready : output_ready;
        if (sources[i]->fd >= 0)
            sources[count++] = sources[i];
    }
    proc->open_sources = (unsigned)count;
    /* The process cannot finish before its last source is added. */
    for (size_t i = 0; i < count; i++)
        exec_watch_add(watch, sources[i]);
}
