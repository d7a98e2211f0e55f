/*
 * cmds/exec/exec_proc.c - what the watcher does for a process: reads its output, feeds its input,
 * takes its end. Shared fields: see cmds/exec/exec_table.c.
 */
#include "cmds/exec/exec_table.h"

#include "base/fdio.h"

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

/* --- output --------------------------------------------------------------------------- */

/* Keeps what the limits allow of a piece; the rest is dropped, which the flag tells. */
static void keep_output(struct exec_output *output, const char *data, size_t len)
{
    struct exec_proc *proc = output->proc;
    size_t want = MIN_OF(len, EXEC_STREAM_MAX - output->data.len);
    size_t granted = output->truncated ? 0 : exec_table_charge(proc->table, want);

    if (granted > 0 && !buf_reserve(&output->data, granted)) {
        output->data.failed = false; /* what is there is still right */
        exec_table_discharge(proc->table, granted);
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
    char piece[OUTPUT_PIECE_BYTES];
    ssize_t n = read(source->fd, piece, sizeof(piece));

    if (n > 0)
        keep_output(output, piece, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        source_ended(output->proc, source);
}

/* --- end ------------------------------------------------------------------------------ */

static void end_ready(struct exec_source *source)
{
    struct exec_proc *proc = CONTAINER_OF(source, struct exec_proc, end);
    siginfo_t info = { 0 };

    if (waitid(P_PIDFD, (id_t)source->fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
        return;
    proc->signaled = info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
    proc->status = info.si_status;
    source_ended(proc, source);
}

/* --- the record ----------------------------------------------------------------------- */

static void output_init(struct exec_output *output, struct exec_proc *proc)
{
    output->proc = proc;
    output->source = (struct exec_source){ .fd = -1, .events = EPOLLIN, .ready = output_ready };
}

struct exec_proc *exec_proc_new(struct exec_table *table)
{
    struct exec_proc *proc = calloc(1, sizeof(*proc));

    if (!proc)
        return NULL;
    proc->table = table;
    proc->end = (struct exec_source){ .fd = -1, .events = EPOLLIN, .ready = end_ready };
    output_init(&proc->out, proc);
    output_init(&proc->err, proc);
    return proc;
}

void exec_proc_free(struct exec_proc *proc)
{
    if (!proc)
        return;
    exec_table_discharge(proc->table, proc->out.data.len + proc->err.data.len);
    fd_close(proc->end.fd);
    fd_close(proc->out.source.fd);
    fd_close(proc->err.source.fd);
    buf_done(&proc->out.data);
    buf_done(&proc->err.data);
    free(proc);
}

void exec_proc_freep(struct exec_proc **proc)
{
    exec_proc_free(*proc);
    *proc = NULL;
}

void exec_proc_watch(struct exec_proc *proc)
{
    struct exec_watch *watch = exec_table_watch(proc->table);
    struct exec_source *sources[] = { &proc->out.source, &proc->err.source, &proc->end };
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        if (sources[i]->fd >= 0)
            sources[count++] = sources[i];
    }
    proc->open_sources = (unsigned)count;
    /* The process cannot finish before its last source is added. */
    for (size_t i = 0; i < count; i++)
        exec_watch_add(watch, sources[i]);
}

/* --- input ---------------------------------------------------------------------------- */

/* Writes what the pipe takes; at the end of the data, or of its readers, the feed is done. */
static void feed_ready(struct exec_source *source)
{
    struct exec_feed *feed = CONTAINER_OF(source, struct exec_feed, source);
    ssize_t n = write(source->fd, feed->data + feed->done, feed->len - feed->done);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        feed->done += (size_t)n;
    if (n > 0 && feed->done < feed->len)
        return;
    exec_watch_end(exec_table_watch(feed->table), source);
    exec_table_remove_feed(feed->table, feed);
    exec_feed_free(feed);
}

int exec_feed_new(struct exec_table *table, int fd, const void *data, size_t len,
                  struct exec_feed **ret_feed, struct cmd_error *reterr)
{
    CLEANUP(exec_feed_freep) struct exec_feed *feed = calloc(1, sizeof(*feed));

    if (!feed) {
        fd_close(fd);
        return cmd_fail_errno(reterr, ENOMEM, "failed to keep the input of the process");
    }
    feed->table = table;
    feed->source = (struct exec_source){ .fd = fd, .events = EPOLLOUT, .ready = feed_ready };
    feed->len = exec_table_charge(table, len);
    if (feed->len < len)
        return cmd_fail(reterr, "too much input waits to be read by processes");
    feed->data = malloc(len);
    if (!feed->data)
        return cmd_fail_errno(reterr, ENOMEM, "failed to keep the input of the process");
    memcpy(feed->data, data, len);
    *ret_feed = TAKE_PTR(feed);
    return 0;
}

void exec_feed_free(struct exec_feed *feed)
{
    if (!feed)
        return;
    exec_table_discharge(feed->table, feed->len);
    fd_close(feed->source.fd);
    free(feed->data);
    free(feed);
}

void exec_feed_freep(struct exec_feed **feed)
{
    exec_feed_free(*feed);
    *feed = NULL;
}

void exec_feed_watch(struct exec_feed *feed)
{
    exec_watch_add(exec_table_watch(feed->table), &feed->source);
}
