/*
 * Timers: the earliest is always at the front, whatever is added and removed in between.
 */
#include "io/timer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TIMERS 200
#define STEPS  20000

static void the_earliest_is_first(void **state)
{
    struct timer timers[] = { { .at_ns = 0 }, { .at_ns = 0 }, { .at_ns = 0 } };
    struct timer_heap heap = { NULL };

    (void)state;
    timer_heap_add(&heap, &timers[0], 20);
    timer_heap_add(&heap, &timers[1], 10);
    timer_heap_add(&heap, &timers[2], 30);
    assert_ptr_equal(heap.first, &timers[1]);
    timer_heap_remove(&heap, &timers[1]);
    assert_ptr_equal(heap.first, &timers[0]);
    assert_int_equal(timers[1].at_ns, 0);
    timer_heap_remove(&heap, &timers[0]);
    timer_heap_remove(&heap, &timers[2]);
    assert_null(heap.first);
}

static void removing_what_is_not_there_is_fine(void **state)
{
    struct timer timer = { .at_ns = 0 };
    struct timer_heap heap = { NULL };

    (void)state;
    timer_heap_remove(&heap, &timer);
    timer_heap_add(&heap, &timer, 1);
    timer_heap_remove(&heap, &timer);
    timer_heap_remove(&heap, &timer);
    assert_null(heap.first);
}

static void timers_of_one_moment_all_come_out(void **state)
{
    struct timer timers[TIMERS] = { { .at_ns = 0 } };
    struct timer_heap heap = { NULL };
    int count = 0;

    (void)state;
    for (int i = 0; i < TIMERS; i++)
        timer_heap_add(&heap, &timers[i], 7);
    for (; heap.first; count++)
        timer_heap_remove(&heap, heap.first);
    assert_int_equal(count, TIMERS);
}

static int64_t earliest(const struct timer *timers)
{
    int64_t at_ns = INT64_MAX;

    for (int i = 0; i < TIMERS; i++)
        if (timers[i].at_ns != 0)
            at_ns = MIN_OF(at_ns, timers[i].at_ns);
    return at_ns;
}

static void it_is_so_in_any_order_of_calls(void **state)
{
    struct timer timers[TIMERS] = { { .at_ns = 0 } };
    struct timer_heap heap = { NULL };
    unsigned random = 1;

    (void)state;
    for (int i = 0; i < STEPS; i++) {
        struct timer *timer;

        random = random * 1103515245 + 12345;
        timer = &timers[random / 65536 % TIMERS];
        if (timer->at_ns == 0)
            timer_heap_add(&heap, timer, 1 + random % 5000);
        else
            timer_heap_remove(&heap, random % 3 == 0 ? heap.first : timer);
        assert_int_equal(heap.first ? heap.first->at_ns : INT64_MAX, earliest(timers));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earliest_is_first),
        cmocka_unit_test(removing_what_is_not_there_is_fine),
        cmocka_unit_test(timers_of_one_moment_all_come_out),
        cmocka_unit_test(it_is_so_in_any_order_of_calls),
    };

    return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
