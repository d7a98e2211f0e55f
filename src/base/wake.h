/*
 * Wake-ups between threads: an event count on a futex, and an eventfd with a pending bit.
 *
 * An event count loses no wake-up: the waiter takes a key, looks once more whether there is
 * work, and sleeps only if nobody has woken since the key was taken.
 *
 * Threads    every call from any thread. wake_one() after the work is visible (release).
 * Cost       without a sleeper wake_one() is one atomic add and one load, no system call.
 */
#pragma once

#include "base/defs.h"

#include <stdatomic.h>

struct event_count {
    _Atomic uint32_t epoch;    /* wakers: add, seq_cst; sleepers compare it in the kernel */
    _Atomic uint32_t sleepers; /* sleepers: add/sub; wakers read it to skip the system call */
};

uint32_t event_prepare(struct event_count *event);        /* a sleeper announces itself */
void event_cancel(struct event_count *event);             /* ... found work after all */
void event_wait(struct event_count *event, uint32_t key); /* ... sleeps, then counts itself off */
/* As event_wait(); false when timeout_ms passed without a wake-up. */
bool event_wait_for(struct event_count *event, uint32_t key, int timeout_ms);
void event_wake_one(struct event_count *event);
void event_wake_all(struct event_count *event);

/* Wakes a thread that sits in poll or epoll: one write per batch, however many kicks. */
struct wake_fd {
    int fd; /* eventfd: add it to the poll set, for reading */
    _Atomic bool pending;
};

int wake_fd_init(struct wake_fd *wake); /* 0 or -errno */
void wake_fd_done(struct wake_fd *wake);
void wake_fd_kick(struct wake_fd *wake);
/* The owner, before it looks for work: kicks from now on wake it again. */
void wake_fd_clear(struct wake_fd *wake);
