/*
 * Memory budget: bytes of requests and replies that the agent holds for its hosts. They are charged
 * before they are made.
 *
 * What is held is of two kinds:
 *   input      half-read messages, and requests that wait for memory or for a place in the order. It
 *              gets a quarter of the limit; beyond that one message at a time goes on, so that one is
 *              always read to its end.
 *   requests   what was scheduled, and its reply until it is sent. A session that holds nothing may
 *              go beyond the limit, so that the oldest request of a session can finish and a client
 *              that does not read its replies holds back nobody else.
 * There is an end to going beyond, the hard limit, since each resync makes a session anew and what is
 * stuck in the old ones is held for good. Behind it only small requests are taken; and while no
 * request is held at all, one of any size.
 *
 * Threads    budget_give(), budget_adjust(): any thread. The rest: the I/O thread.
 */
#pragma once

#include "base/defs.h"

#include <stdatomic.h>

#define BUDGET_SMALL_BYTES (64 * KIB)
#define BUDGET_HARD_MIN    (96 * MIB) /* a message of the largest size fits */

struct budget {
    size_t limit;
    size_t hard_limit; /* one and a half times the limit, or BUDGET_HARD_MIN */
    size_t inputs;     /* I/O thread: of `used` */
    _Atomic size_t used;
    _Atomic bool wanted;                  /* somebody was refused: tell when something comes back */
    void (*freed)(struct budget *budget); /* any thread: it is worth another try */
};

/* What one session holds of it. */
struct share {
    _Atomic size_t used;
};

void budget_init(struct budget *budget, size_t limit, void (*freed)(struct budget *budget));

/* Requests. False: not now; freed() is called when it is worth another try. */
bool budget_take(struct budget *budget, struct share *share, size_t bytes);
/* True: more than the limit is held, some of it by this session; freed() as for budget_take(). */
bool budget_over(struct budget *budget, struct share *share);
void budget_give(struct budget *budget, struct share *share, size_t bytes);
/* A reservation of `from` bytes turned out to be `to` bytes. */
void budget_adjust(struct budget *budget, struct share *share, size_t from, size_t to);

/* Input. `goes_on`: it is the one message that may go beyond. False as for budget_take(). */
bool budget_take_input(struct budget *budget, size_t bytes, bool goes_on);
void budget_adjust_input(struct budget *budget, size_t from, size_t to);
/* Input has become a request of the session. */
void budget_admit_input(struct budget *budget, struct share *share, size_t bytes);
/* True: the hard limit is reached; freed() as for budget_take(). */
bool budget_is_full(struct budget *budget);

/* Whoever was refused may try again: a message that went on has come to its end. */
void budget_tell(struct budget *budget);

/* What may still be held, of anything, below the hard limit. */
size_t budget_left(const struct budget *budget);
