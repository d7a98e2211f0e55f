/*
 * Lines on their way to a log, so that whoever makes one never waits for whoever takes it.
 *
 * A queue is a bounded piece of memory. Until log_queue_start() whoever puts a line writes it at
 * once (at start, before anybody is served); from then on a thread of the queue does, which is
 * started by the first line and sleeps while there is none. Behind a batch it lets lines gather for a
 * moment, so that many lines cost few wake-ups. That thread may hang in a write for ever:
 * lines then wait, and when the memory is full they are counted.
 *
 * Threads    any. log_queue_start(), _stop(): main.
 * Lock       held for memory copies only, never across a write.
 * Loss       the newest are dropped and counted when LOG_QUEUE_MAX bytes wait; the count goes to
 *            the writer behind the lines that were kept.
 */
#pragma once

#include "base/buf.h"

#include <pthread.h>

#define LOG_QUEUE_MAX (64 * KIB)

struct log_batch {
    const struct buf *lines; /* whole lines, each with its newline; may be none */
    unsigned long dropped;   /* lines that are missing behind these */
    bool reopen;             /* first: open the log anew */
    bool may_wait;           /* false: what cannot be written now is lost */
};

/* Writes a batch and, if it is not zero, says how many were dropped. Called by one thread at a time
 * and without a lock. Returns how many lines are lost by now and were not said to be. */
typedef unsigned long log_write_fn(const struct log_batch *batch);

struct log_queue {
    log_write_fn *write;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buf waiting;
    unsigned long dropped;
    bool full;    /* a line was dropped: those behind it are too, so that there is no hole */
    bool held;    /* nothing is written */
    bool reopen;  /* wanted from the writer */
    bool started; /* a thread writes */
    bool running; /* ... and is there */
    bool writing; /* somebody is in write() */
    bool pausing; /* the thread lets lines gather */
    bool hurry;   /* ... and shall not */
    bool stopping;
};

#define LOG_QUEUE_INIT(write_)                                                                     \
    {                                                                                              \
        .write = (write_), .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER  \
    }

/* `line` ends with its newline. */
void log_queue_put(struct log_queue *queue, const struct buf *line);
/* The writer opens its log again, with the next batch; at once when nothing is held. */
void log_queue_reopen(struct log_queue *queue);

/* From now on nothing is written; a write that is under way is waited for, `limit_ms` at most. */
void log_queue_hold(struct log_queue *queue, int limit_ms);
void log_queue_release(struct log_queue *queue);
bool log_queue_is_held(struct log_queue *queue);

/* A thread writes from now on. No fork may follow. */
void log_queue_start(struct log_queue *queue);
/* Waits until all is written, `limit_ms` at most. True if it is; what is held does not count. */
bool log_queue_flush(struct log_queue *queue, int limit_ms);
/* The same, and ends the thread. False: it hangs in a write, and what it uses must stay. Then lines
 * are kept and counted, and nobody writes them. */
bool log_queue_stop(struct log_queue *queue, int limit_ms);
