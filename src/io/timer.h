/*
 * Timers: which one is due next is known without looking at the others.
 *
 * A pairing heap through the timers themselves: setting one takes no memory and so cannot fail.
 *
 * Threads    none: one owner of the heap and of all timers in it.
 * Ownership  a timer is embedded in whatever it is for; it is removed before that is freed.
 */
#pragma once

#include "base/defs.h"

struct timer {
    void (*fire)(struct timer *timer);
    int64_t at_ns; /* on the clock of base/now.h; 0: not in the heap */
    /* the heap's */
    struct timer *child; /* the first of those that are due later */
    struct timer *next;  /* its sibling */
    struct timer *prev;  /* the sibling before it, or the parent; NULL: the first of all */
};

/* Zeroed: empty. */
struct timer_heap {
    struct timer *first; /* the earliest; NULL: none */
};

/* `timer` is in no heap. O(1). */
void timer_heap_add(struct timer_heap *heap, struct timer *timer, int64_t at_ns);
/* One that is not in the heap is fine. O(log n) amortized. */
void timer_heap_remove(struct timer_heap *heap, struct timer *timer);
