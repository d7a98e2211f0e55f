/*
 * Busy polling: before the I/O thread goes to sleep it polls for the next event for a moment.
 *
 * A host that sends its next request as soon as it has the reply finds the thread awake, which
 * saves the wake-up of an idle processor: more than half of a ping. Whether it pays is learned as
 * it goes: polling in vain doubles the number of waits that do without, and polling that found
 * something halves it, so hosts that take longer, or that need this very processor to go on, cost
 * next to nothing.
 *
 * Threads    the I/O thread.
 */
#pragma once

#include "base/defs.h"

#include <sys/epoll.h>

#define BUSY_POLL_MAX_PAUSE 256 /* waits */

/* Zeroed but for max_ns. */
struct busy_poll {
    int64_t max_ns; /* how long to poll at most; 0: not at all */
    unsigned pause; /* waits without polling behind the next that is in vain */
    unsigned rest;  /* of them, still to come */
};

/* Polls for events as long as it may and has paid so far: their number, 0 for none, or -1 with
 * errno, as epoll_wait(2) with a timeout of 0. */
int busy_poll(struct busy_poll *poll, int epoll_fd, struct epoll_event *ret_events, int max_events);
