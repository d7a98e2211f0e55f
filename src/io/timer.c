#include "io/timer.h"

/* The earlier of two heaps takes the other as its first child. Both have no siblings. */
static struct timer *merge(struct timer *one, struct timer *other)
{
    if (!one || !other)
        return one ? one : other;
    if (other->at_ns < one->at_ns) {
        struct timer *earlier = other;

        other = one;
        one = earlier;
    }
    other->next = one->child;
    other->prev = one;
    if (one->child)
        one->child->prev = other;
    one->child = other;
    return one;
}

/* Takes the first of a list of siblings off it. */
static struct timer *take_first(struct timer **list)
{
    struct timer *timer = *list;

    if (!timer)
        return NULL;
    *list = timer->next;
    timer->next = timer->prev = NULL;
    return timer;
}

/* Siblings become one heap: pair by pair, then the pairs from the last to the first. */
static struct timer *merge_siblings(struct timer *list)
{
    struct timer *pairs = NULL, *heap = NULL;

    while (list) {
        struct timer *one = take_first(&list);
        struct timer *pair = merge(one, take_first(&list));

        pair->next = pairs;
        pairs = pair;
    }
    while (pairs)
        heap = merge(heap, take_first(&pairs));
    return heap;
}

void timer_heap_add(struct timer_heap *heap, struct timer *timer, int64_t at_ns)
{
    assert(timer->at_ns == 0 && at_ns > 0);
    timer->at_ns = at_ns;
    timer->child = timer->next = timer->prev = NULL;
    heap->first = merge(heap->first, timer);
}

/* Takes a timer with all below it out of the heap. */
static void cut(struct timer *timer)
{
    if (timer->prev->child == timer)
        timer->prev->child = timer->next;
    else
        timer->prev->next = timer->next;
    if (timer->next)
        timer->next->prev = timer->prev;
    timer->next = timer->prev = NULL;
}

void timer_heap_remove(struct timer_heap *heap, struct timer *timer)
{
    if (timer->at_ns == 0)
        return;
    if (timer == heap->first) {
        heap->first = merge_siblings(timer->child);
    } else {
        cut(timer);
        heap->first = merge(heap->first, merge_siblings(timer->child));
    }
    timer->child = NULL;
    timer->at_ns = 0;
}
