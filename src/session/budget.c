/*
 * session/budget.c
 *
 *   field   written by                    read by     order, and what it buys
 *   used    all: add and subtract         I/O thread  seq_cst on both: either a giver sees that it is
 *   wanted  I/O thread sets, givers clear givers      wanted, or the taker what was given
 *   share   all: add and subtract         I/O thread  a late 0 only delays until the kick behind it
 *   inputs  I/O thread                    I/O thread  plain: never shared. It is part of `used` and
 *                                                     changes on the same thread as that part
 */
#include "session/budget.h"

void budget_init(struct budget *budget, size_t limit, void (*freed)(struct budget *budget))
{
    budget->limit = limit;
    budget->hard_limit = MAX_OF(limit + limit / 2, (size_t)BUDGET_HARD_MIN);
    budget->inputs = 0;
    budget->freed = freed;
    atomic_init(&budget->used, 0);
    atomic_init(&budget->wanted, false);
}

/* Beyond the limit. `used` is what would be held. */
static bool may_exceed(const struct budget *budget, size_t used, size_t bytes)
{
    return used <= budget->hard_limit || used - bytes <= budget->inputs;
}

static bool fits(const struct budget *budget, const struct share *share, size_t bytes)
{
    bool first = atomic_load(&share->used) == 0;
    size_t used = atomic_load(&budget->used) + bytes;

    return used <= budget->limit ||
           (first && (bytes < BUDGET_SMALL_BYTES || may_exceed(budget, used, bytes)));
}

bool budget_take(struct budget *budget, struct share *share, size_t bytes)
{
    if (bytes == 0)
        return true;
    if (!fits(budget, share, bytes)) {
        atomic_store(&budget->wanted, true);
        if (!fits(budget, share, bytes))
            return false;
    }
    atomic_fetch_add(&budget->used, bytes);
    atomic_fetch_add(&share->used, bytes);
    return true;
}

static bool is_over(const struct budget *budget, const struct share *share)
{
    return atomic_load(&share->used) > 0 && atomic_load(&budget->used) > budget->limit;
}

bool budget_over(struct budget *budget, struct share *share)
{
    if (!is_over(budget, share))
        return false;
    atomic_store(&budget->wanted, true);
    return is_over(budget, share);
}

void budget_tell(struct budget *budget)
{
    if (atomic_load(&budget->wanted) && atomic_exchange(&budget->wanted, false))
        budget->freed(budget);
}

void budget_give(struct budget *budget, struct share *share, size_t bytes)
{
    if (bytes == 0)
        return;
    atomic_fetch_sub(&share->used, bytes);
    atomic_fetch_sub(&budget->used, bytes);
    budget_tell(budget);
}

void budget_adjust(struct budget *budget, struct share *share, size_t from, size_t to)
{
    if (to > from) {
        atomic_fetch_add(&share->used, to - from);
        atomic_fetch_add(&budget->used, to - from);
    } else {
        budget_give(budget, share, from - to);
    }
}

/* Input */

static bool input_fits(const struct budget *budget, size_t bytes, bool goes_on)
{
    size_t used = atomic_load(&budget->used) + bytes;

    if (budget->inputs + bytes <= budget->limit / 4 && used <= budget->limit)
        return true;
    return goes_on && may_exceed(budget, used, bytes);
}

bool budget_take_input(struct budget *budget, size_t bytes, bool goes_on)
{
    if (!input_fits(budget, bytes, goes_on)) {
        atomic_store(&budget->wanted, true);
        if (!input_fits(budget, bytes, goes_on))
            return false;
    }
    budget->inputs += bytes;
    atomic_fetch_add(&budget->used, bytes);
    return true;
}

void budget_adjust_input(struct budget *budget, size_t from, size_t to)
{
    if (from == to)
        return;
    budget->inputs += to - from; /* modulo 2^n: it may be less */
    atomic_fetch_add(&budget->used, to - from);
    if (to < from)
        budget_tell(budget);
}

void budget_admit_input(struct budget *budget, struct share *share, size_t bytes)
{
    if (bytes == 0)
        return;
    budget->inputs -= bytes;
    atomic_fetch_add(&share->used, bytes);
}

bool budget_is_full(struct budget *budget)
{
    if (budget_left(budget) > 0)
        return false;
    atomic_store(&budget->wanted, true);
    return budget_left(budget) == 0;
}

size_t budget_left(const struct budget *budget)
{
    size_t used = atomic_load(&budget->used);

    return used < budget->hard_limit ? budget->hard_limit - used : 0;
}
