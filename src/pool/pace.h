/*
 * Pace: how long jobs of one kind take lately, and how much of that they only wait.
 *
 * Quick jobs are left to a worker that is busy; jobs that wait (for a disk, a server, a device) run
 * side by side, however many processors there are. Jobs that compute gain nothing from more workers
 * than processors.
 *
 *   field    written by        read by           order, and what it buys
 *   mean_ns  workers: relaxed  pushers: relaxed  a hint; an update may get lost
 *   wait_ns  workers: relaxed  pushers: relaxed  likewise
 *
 * Threads    any.
 */
#pragma once

#include "base/defs.h"

#include <stdatomic.h>

/* A job that takes less than a wake-up of another worker would cost. */
#define QUICK_JOB_NS (50u * 1000)

struct pace {
    _Atomic unsigned mean_ns; /* what one takes; capped */
    _Atomic unsigned wait_ns; /* what one waits; capped */
};

/* One job. */
struct stopwatch {
    bool looks_at_thread; /* a quick job is not worth the system calls */
    int64_t start_ns, start_cpu_ns, waited_ns;
    long start_sleeps;
};

static inline bool pace_is_quick(const struct pace *pace)
{
    return atomic_load_explicit(&pace->mean_ns, memory_order_relaxed) < QUICK_JOB_NS;
}

/* Its jobs wait longer than it takes to start a thread for each. */
bool pace_waits(const struct pace *pace);

struct stopwatch pace_start(const struct pace *pace);

/* The job itself has run: what it waited. The pool's own locks come behind it. */
void pace_ran(struct stopwatch *watch);

/* Takes the job into account; returns its nanoseconds. */
int64_t pace_stop(struct pace *pace, const struct stopwatch *watch);
