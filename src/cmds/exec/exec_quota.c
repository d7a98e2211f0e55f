/*
 * cmds/exec/exec_quota.c
 */
#include "cmds/exec/exec_quota.h"

#include "base/defs.h"

size_t exec_quota_take(struct exec_quota *quota, size_t want)
{
    size_t held = atomic_load_explicit(&quota->held, memory_order_relaxed);
    size_t granted;

    do {
        granted = held >= quota->max ? 0 : MIN_OF(want, quota->max - held);
    } while (!atomic_compare_exchange_weak_explicit(&quota->held, &held, held + granted,
                                                    memory_order_relaxed, memory_order_relaxed));
    return granted;
}

void exec_quota_give(struct exec_quota *quota, size_t bytes)
{
    atomic_fetch_sub_explicit(&quota->held, bytes, memory_order_relaxed);
}

size_t exec_quota_left(struct exec_quota *quota)
{
    size_t held = atomic_load_explicit(&quota->held, memory_order_relaxed);

    return held >= quota->max ? 0 : quota->max - held;
}
