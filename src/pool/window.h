/*
 * Reply window: tickets are taken in request order, completed in any, and come out in order.
 *
 * Threads    window_admit(), window_abandon(): the I/O thread. ticket_complete(): the one thread
 *            that has the reply. window_next(): the holder of the write token (session/output.h).
 *            No call blocks or locks.
 * Ownership  a ticket is embedded in its request, which has a reference for the window and one
 *            for whoever runs it: the window gives its own up through window_next().
 * Invariant  each admitted ticket is completed exactly once. A command without reply
 *            completes too (its owner skips it); a ticket left open stalls all later replies.
 * Limit      `capacity` tickets; a full window is the client's back-pressure.
 */
#pragma once

#include "base/defs.h"

#include <stdatomic.h>

enum ticket_state { TICKET_PENDING, TICKET_READY, TICKET_ABANDONED };

struct ticket {
    _Atomic int state; /* enum ticket_state */
};

struct window;

/* `capacity` is rounded up to a power of two. NULL: no memory. */
struct window *window_new(unsigned capacity);
struct window *window_free(struct window *window);

/* Puts the ticket (pending) at the end. False when the window is full: stop reading. */
bool window_admit(struct window *window, struct ticket *ticket);

/* Tickets that came in so far and are pending now are not waited for any more: their replies
 * are dropped for ever. Ready ones still go out first. Takes effect at the next window_next(). */
void window_abandon(struct window *window);

/* The reply may go out; what the thread wrote before is visible to window_next()'s caller.
 * False if the ticket was abandoned: nobody will send the reply. */
bool ticket_complete(struct ticket *ticket);

enum window_head { WINDOW_EMPTY, WINDOW_PENDING, WINDOW_READY, WINDOW_DROPPED };

/* The oldest ticket. READY and DROPPED (abandoned) take it out, with the window's reference. */
enum window_head window_next(struct window *window, struct ticket **ret_ticket);

/* Tickets inside; exact on the I/O thread but for tickets that are just leaving. */
unsigned window_used(const struct window *window);
unsigned window_capacity(const struct window *window);
