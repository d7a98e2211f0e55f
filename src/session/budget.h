/*
 * Memory budget: bytes of requests and replies that the agent holds for its hosts.
 *
 * A request asks in the order of its session before it is scheduled, so that the oldest one of a
 * session always has what it needs and can finish: a session that holds nothing may go beyond the
 * limit, so that a client that does not read its replies holds back nobody else. There is an end
 * to that too, since each resync makes a session anew and what is stuck in the old ones is held for
 * good: beyond the hard limit only small requests are taken.
 *
 * Threads    budget_take(), budget_over(): the I/O thread. budget_adjust(), budget_give(): any thread.
 */
#pragma once

#include "base/defs.h"

#include <stdatomic.h>

#define BUDGET_SMALL_BYTES (64 * KIB)
#define BUDGET_EXTRA_MIN   (256 * MIB) /* a request of the largest size and its reply fit */

struct budget {
    size_t limit;
    size_t hard_limit; /* twice the limit, or BUDGET_EXTRA_MIN more */
    _Atomic size_t used;
    _Atomic bool wanted;                  /* somebody was refused: tell when something comes back */
    void (*freed)(struct budget *budget); /* any thread: it is worth another try */
};

/* What one session holds of it. */
struct share {
    _Atomic size_t used;
};

void budget_init(struct budget *budget, size_t limit, void (*freed)(struct budget *budget));
/* False: not now; freed() is called when it is worth another try. */
bool budget_take(struct budget *budget, struct share *share, size_t bytes);
/* True: more than the limit is held, some of it by this session; freed() as for budget_take(). */
bool budget_over(struct budget *budget, struct share *share);
void budget_give(struct budget *budget, struct share *share, size_t bytes);
/* A reservation of `from` bytes turned out to be `to` bytes. */
void budget_adjust(struct budget *budget, struct share *share, size_t from, size_t to);
