/*
 * The memory budget: who is refused, who is told, and that everything comes back.
 */
#include "session/budget.h"

#include "base/wake.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture {
    struct wake_fd wake;
    struct budget budget;
    struct share one, other;
};

static void freed(struct budget *budget)
{
    wake_fd_kick(&CONTAINER_OF(budget, struct fixture, budget)->wake);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    assert_int_equal(wake_fd_init(&fixture->wake), 0);
    budget_init(&fixture->budget, 100, freed);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    wake_fd_done(&fixture->wake);
    free(fixture);
    return 0;
}

/* True once after a kick. */
static bool was_told(struct fixture *fixture)
{
    bool told = atomic_load(&fixture->wake.pending);

    if (told)
        wake_fd_clear(&fixture->wake);
    return told;
}

static void a_session_gets_what_fits_and_no_more(void **state)
{
    struct fixture *fixture = *state;

    assert_true(budget_take(&fixture->budget, &fixture->one, 60));
    assert_true(budget_take(&fixture->budget, &fixture->one, 40));
    assert_false(budget_take(&fixture->budget, &fixture->one, 1));
    assert_true(budget_take(&fixture->budget, &fixture->one, 0));
    assert_int_equal(atomic_load(&fixture->budget.used), 100);
    assert_int_equal(atomic_load(&fixture->one.used), 100);
}

static void a_session_that_holds_nothing_may_go_beyond_the_limit(void **state)
{
    struct fixture *fixture = *state;

    assert_true(budget_take(&fixture->budget, &fixture->one, 100));
    assert_true(budget_take(&fixture->budget, &fixture->other, 500));
    assert_false(budget_take(&fixture->budget, &fixture->other, 1));
    budget_give(&fixture->budget, &fixture->other, 500);
    assert_true(budget_take(&fixture->budget, &fixture->other, 1));
}

static void beyond_the_hard_limit_only_small_requests_are_taken(void **state)
{
    struct fixture *fixture = *state;
    size_t hard = BUDGET_HARD_MIN;

    assert_int_equal(fixture->budget.hard_limit, hard);
    assert_true(budget_take(&fixture->budget, &fixture->one, hard - BUDGET_SMALL_BYTES));
    assert_false(budget_take(&fixture->budget, &fixture->other, BUDGET_SMALL_BYTES + 1));
    assert_true(budget_take(&fixture->budget, &fixture->other, BUDGET_SMALL_BYTES - 1));
    assert_false(budget_take(&fixture->budget, &fixture->other, 1)); /* it holds something */
    budget_give(&fixture->budget, &fixture->other, BUDGET_SMALL_BYTES - 1);
    assert_true(was_told(fixture));
    assert_true(budget_take(&fixture->budget, &fixture->other, BUDGET_SMALL_BYTES));
}

static void whoever_was_refused_is_notified_once_when_something_comes_back(void **state)
{
    struct fixture *fixture = *state;

    assert_true(budget_take(&fixture->budget, &fixture->one, 100));
    budget_give(&fixture->budget, &fixture->one, 10);
    assert_false(was_told(fixture)); /* nobody was refused */
    assert_false(budget_take(&fixture->budget, &fixture->one, 11));
    budget_give(&fixture->budget, &fixture->one, 10);
    assert_true(was_told(fixture));
    budget_give(&fixture->budget, &fixture->one, 10);
    assert_false(was_told(fixture));
    assert_true(budget_take(&fixture->budget, &fixture->one, 30));
}

static void an_adjustment_that_shrinks_gives_back_and_one_that_grows_is_not_refused(void **state)
{
    struct fixture *fixture = *state;

    assert_true(budget_take(&fixture->budget, &fixture->one, 90));
    assert_false(budget_take(&fixture->budget, &fixture->one, 20));
    budget_adjust(&fixture->budget, &fixture->one, 90, 70);
    assert_true(was_told(fixture));
    assert_true(budget_take(&fixture->budget, &fixture->one, 20));
    budget_adjust(&fixture->budget, &fixture->one, 20, 200);
    assert_int_equal(atomic_load(&fixture->budget.used), 270);
    budget_adjust(&fixture->budget, &fixture->one, 200, 200);
    budget_give(&fixture->budget, &fixture->one, 270);
    assert_int_equal(atomic_load(&fixture->budget.used), 0);
    assert_int_equal(atomic_load(&fixture->one.used), 0);
}

static void being_over_the_limit_counts_for_those_who_hold_something(void **state)
{
    struct fixture *fixture = *state;

    assert_true(budget_take(&fixture->budget, &fixture->one, 100));
    assert_false(budget_over(&fixture->budget, &fixture->one));
    budget_adjust(&fixture->budget, &fixture->one, 0, 1);
    assert_false(budget_over(&fixture->budget, &fixture->other));
    assert_true(budget_over(&fixture->budget, &fixture->one));
    budget_give(&fixture->budget, &fixture->one, 1);
    assert_true(was_told(fixture));
    assert_false(budget_over(&fixture->budget, &fixture->one));
}

static void while_no_request_is_held_one_of_any_size_is_taken(void **state)
{
    struct fixture *fixture = *state;

    budget_adjust_input(&fixture->budget, 0, BUDGET_HARD_MIN);
    assert_true(budget_is_full(&fixture->budget));
    assert_true(budget_take(&fixture->budget, &fixture->one, BUDGET_HARD_MIN));
    assert_false(budget_take(&fixture->budget, &fixture->other, BUDGET_SMALL_BYTES));
    budget_give(&fixture->budget, &fixture->one, BUDGET_HARD_MIN);
    assert_true(was_told(fixture));
    assert_true(budget_take(&fixture->budget, &fixture->other, BUDGET_SMALL_BYTES));
}

static void input_has_a_quarter_and_one_message_goes_on(void **state)
{
    struct fixture *fixture = *state;

    assert_true(budget_take_input(&fixture->budget, 25, false));
    assert_false(budget_take_input(&fixture->budget, 1, false));
    assert_true(budget_take_input(&fixture->budget, 1000, true));
    assert_int_equal(atomic_load(&fixture->budget.used), 1025);
    assert_int_equal(fixture->budget.inputs, 1025);
    budget_adjust_input(&fixture->budget, 1025, 5);
    assert_true(was_told(fixture));
    assert_true(budget_take_input(&fixture->budget, 20, false));
}

static void the_message_that_goes_on_ends_at_the_hard_limit_unless_no_request_is_held(void **state)
{
    struct fixture *fixture = *state;

    assert_true(budget_take(&fixture->budget, &fixture->one, 1));
    assert_true(budget_take_input(&fixture->budget, BUDGET_HARD_MIN - 1, true));
    assert_false(budget_take_input(&fixture->budget, 1, true));
    budget_give(&fixture->budget, &fixture->one, 1);
    assert_true(was_told(fixture));
    assert_true(budget_take_input(&fixture->budget, 2, true));
}

static void input_becomes_a_request_of_its_session(void **state)
{
    struct fixture *fixture = *state;

    assert_true(budget_take_input(&fixture->budget, 20, false));
    budget_admit_input(&fixture->budget, &fixture->one, 20);
    assert_int_equal(fixture->budget.inputs, 0);
    assert_int_equal(atomic_load(&fixture->one.used), 20);
    assert_int_equal(atomic_load(&fixture->budget.used), 20);
    budget_give(&fixture->budget, &fixture->one, 20);
    assert_int_equal(atomic_load(&fixture->budget.used), 0);
}

#define TURNS 20000

static void *give_all(void *arg)
{
    struct fixture *fixture = arg;

    for (int i = 0; i < TURNS; i++) {
        while (atomic_load(&fixture->one.used) < 60)
            sched_yield();
        budget_give(&fixture->budget, &fixture->one, 60);
    }
    return NULL;
}

/* The taker sleeps on the wake-up alone whenever it was refused: a lost one would stop it. */
static void no_wake_up_is_lost_between_taker_and_giver(void **state)
{
    struct fixture *fixture = *state;
    pthread_t giver;

    assert_true(budget_take(&fixture->budget, &fixture->other, 50));
    assert_int_equal(pthread_create(&giver, NULL, give_all, fixture), 0);
    for (int taken = 0; taken < TURNS;) {
        if (budget_take(&fixture->budget, &fixture->one, 60)) {
            taken++;
            continue;
        }
        while (!was_told(fixture))
            sched_yield();
    }
    PTOK(pthread_join(giver, NULL));
    assert_int_equal(atomic_load(&fixture->one.used), 0);
    assert_int_equal(atomic_load(&fixture->budget.used), 50);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_session_gets_what_fits_and_no_more),
        CASE(a_session_that_holds_nothing_may_go_beyond_the_limit),
        CASE(beyond_the_hard_limit_only_small_requests_are_taken),
        CASE(while_no_request_is_held_one_of_any_size_is_taken),
        CASE(input_has_a_quarter_and_one_message_goes_on),
        CASE(the_message_that_goes_on_ends_at_the_hard_limit_unless_no_request_is_held),
        CASE(input_becomes_a_request_of_its_session),
        CASE(whoever_was_refused_is_notified_once_when_something_comes_back),
        CASE(an_adjustment_that_shrinks_gives_back_and_one_that_grows_is_not_refused),
        CASE(being_over_the_limit_counts_for_those_who_hold_something),
        CASE(no_wake_up_is_lost_between_taker_and_giver),
    };

    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
