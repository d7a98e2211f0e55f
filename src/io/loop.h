/*
 * Event loop: one epoll set, timers, tasks that run once in a turn, and notices from other threads.
 *
 * The loop knows nobody: who registers hands a function over. A turn is: wait, call the sources
 * that are ready, fire the timers that are due, run the tasks. Nothing in it grows with the number
 * of sources that have nothing to say.
 *
 * Threads    the I/O thread, but for loop_notify(), loop_asked() and loop_answered() (see there).
 * Ownership  sources, timers, tasks and notices are embedded in whatever they are for. A source is
 *            removed, a timer cleared and a task cancelled before that is freed; whoever notifies
 *            keeps it alive until deliver() was called.
 * Wake-ups   by descriptors and notices, and by time only while a timer is set. A loop without
 *            any sleeps for good.
 */
#pragma once

#include "base/wake.h"
#include "io/busy_poll.h"
#include "io/timer.h"

#include <stdatomic.h>
#include <sys/queue.h>

/* A descriptor that is watched. */
struct source {
    void (*ready)(struct source *source, uint32_t events);
};

/* Something to be done once in this turn, or in the next if asked for by a task of this one. */
struct task {
    void (*run)(struct task *task);
    bool queued;
    TAILQ_ENTRY(task) link;
};

TAILQ_HEAD(task_list, task);

/* A word from another thread: something has changed for its owner. */
struct notice {
    void (*deliver)(struct notice *notice); /* on the I/O thread */
    _Atomic bool raised;
    struct notice *next; /* raised before it */
};

#define LOOP_EVENTS 64

struct loop {
    int epoll_fd;
    bool ended;
    struct timer_heap timers;
    struct task_list tasks;
    struct epoll_event
        events[LOOP_EVENTS]; /* of this turn: [next_event, event_count) are to come */
    int next_event, event_count;

    struct busy_poll busy_poll;
    unsigned peers;               /* who may send a request; busy polling is for them */
    _Atomic unsigned outstanding; /* what is being worked on for them: no busy polling meanwhile */

    struct wake_fd wake;
    struct source wake_source;
    _Atomic(struct notice *) notices; /* raised and not delivered, the last one first */
};

/* `busy_poll_ns`: how long to look for the next event before sleeping; 0: not at all. 0 or -errno.
 * loop_done() is right after a failure and for a zeroed loop with epoll_fd and wake.fd -1. */
int loop_init(struct loop *loop, int64_t busy_poll_ns);
void loop_done(struct loop *loop);

/* Turns until loop_end(): 0; or -errno. */
int loop_run(struct loop *loop);
void loop_end(struct loop *loop);

/* Watches a descriptor: 0 or -errno. */
int loop_add(struct loop *loop, int fd, uint32_t events, struct source *source);
/* Not watched any more; ready() is not called again, in this turn either. */
void loop_remove(struct loop *loop, int fd, struct source *source);

/* Sets a timer, or moves it. It fires once. */
void loop_set_timer(struct loop *loop, struct timer *timer, int64_t at_ns);
void loop_set_timer_in(struct loop *loop, struct timer *timer, int64_t ns);
void loop_clear_timer(struct loop *loop, struct timer *timer);

/* Queues a task; one that is queued already is not queued twice. */
void loop_run_soon(struct loop *loop, struct task *task);
void loop_cancel(struct loop *loop, struct task *task);

/* Any thread: deliver() will be called, and sees what the caller wrote before. False: that was due
 * already, and does as well. */
bool loop_notify(struct loop *loop, struct notice *notice);
/* Calls deliver() for all that was raised; for after the end, when nobody turns the loop. */
void loop_deliver(struct loop *loop);

/* A request is being worked on (the I/O thread). */
static inline void loop_asked(struct loop *loop)
{
    atomic_fetch_add(&loop->outstanding, 1);
}

/* ... and is not any more (any thread). True: it was the last one. */
static inline bool loop_answered(struct loop *loop)
{
    return atomic_fetch_sub(&loop->outstanding, 1) == 1;
}
