/*
 * session/budget.c
 *
 *   field   written by                    read by     order, and what it buys
 *   used    all: add and subtract         I/O thread  seq_cst on both: either a giver sees that it is
 *   wanted  I/O thread sets, givers clear givers      wanted, or the taker what was given
 *   share   all: add and subtract         I/O thread  a late 0 only delays until the kick behind it
 */
#include "session/budget.h"

void budget_init(struct budget *budget, size_t limit, void (*freed)(struct budget *budget))
{
    budget->limit = limit;
    budget->hard_limit = limit + MAX_OF(limit, (size_t)BUDGET_EXTRA_MIN);
    budget->freed = freed;
    atomic_init(&budget->used, 0);
    atomic_init(&budget->wanted, false);
}

static bool fits(struct budget *budget, struct share *share, size_t bytes)
{
    bool first = atomic_load(&share->used) == 0;
    size_t used = atomic_load(&budget->used) + bytes;

    return used <= budget->limit ||
           (first && (bytes < BUDGET_SMALL_BYTES || used <= budget->hard_limit));
}

bool budget_take(struct budget *budget, struct share *share, size_t bytes)
{
    if (bytes > 0 && !fits(budget, share, bytes)) {
        atomic_store(&budget->wanted, true);
        if (!fits(budget, share, bytes))
            return false;
    }
    atomic_fetch_add(&budget->used, bytes);
    atomic_fetch_add(&share->used, bytes);
    return true;
}

static bool is_over(struct budget *budget, struct share *share)
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

void budget_give(struct budget *budget, struct share *share, size_t bytes)
{
    if (bytes == 0)
        return;
    atomic_fetch_sub(&share->used, bytes);
    atomic_fetch_sub(&budget->used, bytes);
    if (atomic_load(&budget->wanted) && atomic_exchange(&budget->wanted, false))
        budget->freed(budget);
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
