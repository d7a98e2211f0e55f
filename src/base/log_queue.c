/*
 * base/log_queue.c - a buffer that is handed over whole to whoever writes.
 *
 * All fields belong to `lock`; the batch that is being written belongs to the one that has set
 * `writing`. `changed` tells the thread of work, and the others that a write is over.
 */
#include "base/log_queue.h"

#include "base/error.h"
#include "base/now.h"

#include <errno.h>
#include <time.h>

#define STACK_BYTES (256 * KIB)
/* How long lines gather behind a batch, and how many bytes of them. */
#define PAUSE_MS     5
#define GATHER_BYTES (LOG_QUEUE_MAX / 4)

static bool has_work_locked(const struct log_queue *queue)
{
    return !queue->held && (queue->waiting.len > 0 || queue->full || queue->reopen);
}

/* Takes what waits and writes it, the lock let go meanwhile. */
static void write_batch_locked(struct log_queue *queue, bool may_wait)
{
    struct buf lines = buf_take(&queue->waiting);
    struct log_batch batch = {
        .lines = &lines,
        .dropped = queue->dropped,
        .reopen = queue->reopen,
        .may_wait = may_wait,
    };
    unsigned long lost;

    queue->full = queue->reopen = false;
    queue->dropped = 0;
    queue->writing = true;
    PTOK(pthread_mutex_unlock(&queue->lock));
    lost = queue->write(&batch);
    buf_done(&lines);
    PTOK(pthread_mutex_lock(&queue->lock));
    queue->dropped += lost;
    queue->writing = false;
    PTOK(pthread_cond_broadcast(&queue->changed));
}

static bool is_gathering(const struct log_queue *queue)
{
    return queue->pausing && !queue->reopen && queue->waiting.len < GATHER_BYTES;
}

static void pause_locked(struct log_queue *queue)
{
    struct timespec deadline = now_plus_ms(PAUSE_MS);
    int r = 0;

    queue->pausing = true;
    while (r == 0 && is_gathering(queue) && !queue->hurry && !queue->stopping)
        r = pthread_cond_clockwait(&queue->changed, &queue->lock, CLOCK_MONOTONIC, &deadline);
    queue->pausing = false;
}

static void *write_lines(void *arg)
{
    struct log_queue *queue = arg;

    PTOK(pthread_mutex_lock(&queue->lock));
    while (!queue->stopping || has_work_locked(queue)) {
        if (has_work_locked(queue)) {
            write_batch_locked(queue, true);
            pause_locked(queue);
        } else {
            PTOK(pthread_cond_wait(&queue->changed, &queue->lock));
        }
    }
    queue->running = false;
    PTOK(pthread_cond_broadcast(&queue->changed));
    PTOK(pthread_mutex_unlock(&queue->lock));
    return NULL;
}

/* Without memory for a thread the lines wait, and the next one tries again. */
static void run_thread_locked(struct log_queue *queue)
{
    pthread_attr_t attributes;
    pthread_t thread;

    PTOK(pthread_attr_init(&attributes));
    PTOK(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
    PTOK(pthread_attr_setstacksize(&attributes, STACK_BYTES));
    queue->running = pthread_create(&thread, &attributes, write_lines, queue) == 0;
    if (queue->running)
        pthread_setname_np(thread, "log");
    PTOK(pthread_attr_destroy(&attributes));
}

/* Has what waits written: by the thread, or here if there is to be none. */
static void write_locked(struct log_queue *queue)
{
    if (!has_work_locked(queue) || queue->stopping)
        return;
    if (queue->started && !queue->running)
        run_thread_locked(queue);
    if (queue->started) {
        if (!is_gathering(queue))
            PTOK(pthread_cond_broadcast(&queue->changed));
        return;
    }
    while (!queue->writing && has_work_locked(queue))
        write_batch_locked(queue, false);
}

static void add_locked(struct log_queue *queue, const struct buf *line)
{
    if (!queue->full && queue->waiting.len + line->len <= LOG_QUEUE_MAX) {
        buf_append(&queue->waiting, line->data, line->len);
        if (buf_ok(&queue->waiting))
            return;
        queue->waiting.failed = false; /* nothing of the line is there */
    }
    queue->full = true;
    queue->dropped++;
}

void log_queue_put(struct log_queue *queue, const struct buf *line)
{
    PTOK(pthread_mutex_lock(&queue->lock));
    add_locked(queue, line);
    write_locked(queue);
    PTOK(pthread_mutex_unlock(&queue->lock));
}

void log_queue_reopen(struct log_queue *queue)
{
    PTOK(pthread_mutex_lock(&queue->lock));
    queue->reopen = true;
    write_locked(queue);
    PTOK(pthread_mutex_unlock(&queue->lock));
}

/* Waits until `over`; false when `ms` have passed before. */
static bool wait_locked(struct log_queue *queue, bool (*over)(const struct log_queue *), int ms)
{
    struct timespec deadline = now_plus_ms(ms);
    int r = 0;

    while (!over(queue) && r != ETIMEDOUT)
        r = pthread_cond_clockwait(&queue->changed, &queue->lock, CLOCK_MONOTONIC, &deadline);
    return over(queue);
}

static bool is_quiet(const struct log_queue *queue)
{
    return !queue->writing;
}

static bool is_flushed(const struct log_queue *queue)
{
    return !queue->writing && !has_work_locked(queue);
}

static bool has_ended(const struct log_queue *queue)
{
    return !queue->running && !queue->writing;
}

void log_queue_hold(struct log_queue *queue, int limit_ms)
{
    PTOK(pthread_mutex_lock(&queue->lock));
    assert(!queue->held);
    queue->held = true;
    wait_locked(queue, is_quiet, limit_ms);
    PTOK(pthread_mutex_unlock(&queue->lock));
}

void log_queue_release(struct log_queue *queue)
{
    PTOK(pthread_mutex_lock(&queue->lock));
    assert(queue->held);
    queue->held = false;
    write_locked(queue);
    PTOK(pthread_mutex_unlock(&queue->lock));
}

bool log_queue_is_held(struct log_queue *queue)
{
    bool held;

    PTOK(pthread_mutex_lock(&queue->lock));
    held = queue->held;
    PTOK(pthread_mutex_unlock(&queue->lock));
    return held;
}

void log_queue_start(struct log_queue *queue)
{
    PTOK(pthread_mutex_lock(&queue->lock));
    queue->started = true;
    PTOK(pthread_mutex_unlock(&queue->lock));
}

bool log_queue_flush(struct log_queue *queue, int limit_ms)
{
    bool flushed;

    PTOK(pthread_mutex_lock(&queue->lock));
    queue->hurry = true;
    PTOK(pthread_cond_broadcast(&queue->changed));
    flushed = wait_locked(queue, is_flushed, limit_ms);
    queue->hurry = false;
    PTOK(pthread_mutex_unlock(&queue->lock));
    return flushed;
}

bool log_queue_stop(struct log_queue *queue, int limit_ms)
{
    bool ended;

    PTOK(pthread_mutex_lock(&queue->lock));
    queue->stopping = true;
    PTOK(pthread_cond_broadcast(&queue->changed));
    ended = wait_locked(queue, has_ended, limit_ms);
    if (ended)
        queue->started = queue->stopping = false;
    PTOK(pthread_mutex_unlock(&queue->lock));
    return ended;
}
