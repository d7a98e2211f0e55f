/*
 * The reply window: order, fullness, abandonment, and completion from many threads.
 */
#include "pool/window.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void replies_come_out_in_request_order(void **state)
{
    struct window *window = window_new(4);
    struct ticket tickets[3], *out;

    for (int i = 0; i < 3; i++)
        assert_true(window_admit(window, &tickets[i]));
    assert_true(ticket_complete(&tickets[2]));
    assert_int_equal(window_next(window, &out), WINDOW_PENDING);
    assert_true(ticket_complete(&tickets[0]));
    assert_int_equal(window_next(window, &out), WINDOW_READY);
    assert_ptr_equal(out, &tickets[0]);
    assert_int_equal(window_next(window, &out), WINDOW_PENDING);
    assert_true(ticket_complete(&tickets[1]));
    assert_int_equal(window_next(window, &out), WINDOW_READY);
    assert_ptr_equal(out, &tickets[1]);
    assert_int_equal(window_next(window, &out), WINDOW_READY);
    assert_ptr_equal(out, &tickets[2]);
    assert_int_equal(window_next(window, &out), WINDOW_EMPTY);
    window_free(window);
}

static void a_full_window_admits_nobody_until_a_reply_left(void **state)
{
    struct window *window = window_new(3); /* rounded up */
    struct ticket tickets[5], *out;

    assert_int_equal(window_capacity(window), 4);
    for (int i = 0; i < 4; i++)
        assert_true(window_admit(window, &tickets[i]));
    assert_false(window_admit(window, &tickets[4]));
    assert_int_equal(window_used(window), 4);
    ticket_complete(&tickets[0]);
    assert_false(window_admit(window, &tickets[4]));
    assert_int_equal(window_next(window, &out), WINDOW_READY);
    assert_true(window_admit(window, &tickets[4]));
    window_free(window);
}

static void abandoned_tickets_are_dropped_and_ready_ones_still_go_out(void **state)
{
    struct window *window = window_new(8);
    struct ticket tickets[4], *out;

    for (int i = 0; i < 3; i++)
        assert_true(window_admit(window, &tickets[i]));
    assert_true(ticket_complete(&tickets[1]));
    window_abandon(window);
    assert_true(window_admit(window, &tickets[3]));
    assert_int_equal(window_next(window, &out), WINDOW_DROPPED);
    assert_ptr_equal(out, &tickets[0]);
    assert_int_equal(window_next(window, &out), WINDOW_READY);
    assert_ptr_equal(out, &tickets[1]);
    assert_int_equal(window_next(window, &out), WINDOW_DROPPED);
    assert_ptr_equal(out, &tickets[2]);
    assert_int_equal(window_next(window, &out), WINDOW_PENDING);
    assert_false(ticket_complete(&tickets[0])); /* too late: nobody sends it */
    assert_false(ticket_complete(&tickets[2]));
    assert_true(ticket_complete(&tickets[3]));
    assert_int_equal(window_next(window, &out), WINDOW_READY);
    window_free(window);
}

#define ROUNDS     20000
#define COMPLETERS 3

struct numbered {
    struct ticket ticket;
    int payload; /* written before the ticket is complete, read after it came out */
};

struct race {
    struct window *window;
    struct numbered *tickets;
    _Atomic int admitted;
};

struct completer {
    struct race *race;
    int first;
    pthread_t thread;
};

/* Completes every third ticket, as soon as it is in. */
static void *complete_some(void *arg)
{
    struct completer *completer = arg;
    struct race *race = completer->race;

    for (int i = completer->first; i < ROUNDS; i += COMPLETERS) {
        while (atomic_load(&race->admitted) <= i)
            sched_yield();
        race->tickets[i].payload = i + 1;
        ticket_complete(&race->tickets[i].ticket);
    }
    return NULL;
}

static void *take_all(void *arg)
{
    struct race *race = arg;
    intptr_t wrong = 0;

    for (int i = 0; i < ROUNDS;) {
        struct ticket *out;

        if (window_next(race->window, &out) != WINDOW_READY) {
            sched_yield();
            continue;
        }
        wrong += out != &race->tickets[i].ticket || race->tickets[i].payload != i + 1;
        i++;
    }
    return (void *)wrong;
}

static void many_threads_complete_and_order_holds(void **state)
{
    struct race race = { .window = window_new(16),
                         .tickets = calloc(ROUNDS, sizeof(struct numbered)) };
    struct completer completers[COMPLETERS];
    pthread_t consumer;
    void *wrong;

    assert_non_null(race.tickets);
    PTOK(pthread_create(&consumer, NULL, take_all, &race));
    for (int i = 0; i < COMPLETERS; i++) {
        completers[i] = (struct completer){ .race = &race, .first = i };
        PTOK(pthread_create(&completers[i].thread, NULL, complete_some, &completers[i]));
    }
    for (int i = 0; i < ROUNDS; i++) {
        while (!window_admit(race.window, &race.tickets[i].ticket))
            sched_yield();
        atomic_store(&race.admitted, i + 1);
    }
    for (int i = 0; i < COMPLETERS; i++)
        PTOK(pthread_join(completers[i].thread, NULL));
    PTOK(pthread_join(consumer, &wrong));
    assert_ptr_equal(wrong, NULL);
    free(race.tickets);
    window_free(race.window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_come_out_in_request_order),
        cmocka_unit_test(a_full_window_admits_nobody_until_a_reply_left),
        cmocka_unit_test(abandoned_tickets_are_dropped_and_ready_ones_still_go_out),
        cmocka_unit_test(many_threads_complete_and_order_holds),
    };

    return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
