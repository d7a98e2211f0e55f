#include "base/frozen.h"

#include "base/log.h"

#include "unit/tempdir.h"

#include <pthread.h>
#include <sys/stat.h>

/* State directory and log in the test's directory, thawed. */
static struct state *start_in(void **dir)
{
    struct state *store;

    assert_int_equal(state_open(*dir, &store), 0);
    ga_frozen_init(store);
    assert_int_equal(log_init(tempdir_path(dir, "log"), false), 0);
    return store;
}

/* Back to thawed and without the marker, whatever the test left. */
static void finish(void **dir, struct state *store)
{
    unlink(tempdir_path(dir, "qga.state.isfrozen"));
    ga_frozen_init(store);
    log_done();
    state_close(store);
}

static void whole_circle_goes_through_all_states_with_marker(void **dir)
{
    struct state *store = start_in(dir);

    assert_int_equal(ga_frozen_state(), GA_THAWED);
    assert_false(ga_is_frozen());
    assert_int_equal(ga_set_frozen("600"), 0);
    assert_int_equal(ga_frozen_state(), GA_FREEZING);
    assert_true(ga_is_frozen());
    assert_string_equal(tempdir_read(dir, "qga.state.isfrozen"), "600");
    assert_int_equal(ga_frozen_complete(), 0);
    assert_int_equal(ga_frozen_state(), GA_FROZEN);
    assert_int_equal(ga_thaw_begin(), 0);
    assert_int_equal(ga_frozen_state(), GA_THAWING);
    assert_true(ga_is_frozen());
    assert_non_null(tempdir_read(dir, "qga.state.isfrozen"));
    ga_unset_frozen();
    assert_int_equal(ga_frozen_state(), GA_THAWED);
    assert_null(tempdir_read(dir, "qga.state.isfrozen"));
    finish(dir, store);
}

static void only_one_thread_gets_the_right_to_freeze_or_thaw(void **dir)
{
    struct state *store = start_in(dir);

    assert_int_equal(ga_thaw_begin(), -EBUSY);
    assert_int_equal(ga_frozen_complete(), -EBUSY);
    assert_int_equal(ga_set_frozen(""), 0);
    assert_int_equal(ga_set_frozen(""), -EBUSY);
    assert_int_equal(ga_frozen_complete(), 0);
    assert_int_equal(ga_set_frozen(""), -EBUSY);
    assert_int_equal(ga_thaw_begin(), 0);
    assert_int_equal(ga_thaw_begin(), -EBUSY);
    assert_int_equal(ga_set_frozen(""), -EBUSY);
    ga_unset_frozen();
    finish(dir, store);
}

static void thaw_may_take_over_a_freeze_in_progress(void **dir)
{
    struct state *store = start_in(dir);

    assert_int_equal(ga_set_frozen(""), 0);
    assert_int_equal(ga_thaw_begin(), 0);
    assert_int_equal(ga_frozen_complete(), -EBUSY);
    assert_int_equal(ga_frozen_state(), GA_THAWING);
    ga_unset_frozen();
    assert_int_equal(ga_frozen_state(), GA_THAWED);
    finish(dir, store);
}

static void failed_freeze_goes_back_to_thawed(void **dir)
{
    struct state *store = start_in(dir);

    assert_int_equal(ga_set_frozen(""), 0);
    ga_unset_frozen();
    assert_int_equal(ga_frozen_state(), GA_THAWED);
    assert_null(tempdir_read(dir, "qga.state.isfrozen"));
    finish(dir, store);
}

static void unset_leaves_frozen_and_thawed_as_they_are(void **dir)
{
    struct state *store = start_in(dir);

    ga_unset_frozen();
    assert_int_equal(ga_frozen_state(), GA_THAWED);
    assert_int_equal(ga_set_frozen(""), 0);
    assert_int_equal(ga_frozen_complete(), 0);
    ga_unset_frozen();
    assert_int_equal(ga_frozen_state(), GA_FROZEN);
    assert_non_null(tempdir_read(dir, "qga.state.isfrozen"));
    finish(dir, store);
}

static void no_marker_means_no_freeze(void **dir)
{
    struct state *store = start_in(dir);

    assert_int_equal(mkdir(tempdir_path(dir, "qga.state.isfrozen"), 0755), 0);
    assert_int_equal(ga_set_frozen(""), -EISDIR);
    assert_int_equal(ga_frozen_state(), GA_THAWED);
    log_warn("log is not held");
    assert_non_null(strstr(tempdir_read(dir, "log"), "log is not held"));
    assert_int_equal(rmdir(tempdir_path(dir, "qga.state.isfrozen")), 0);
    finish(dir, store);
}

static void marker_at_start_begins_frozen_with_the_log_held(void **dir)
{
    struct state *store;

    tempdir_write(dir, "qga.state.isfrozen", "600");
    store = start_in(dir);
    assert_int_equal(ga_frozen_state(), GA_FROZEN);
    log_warn("while frozen");
    assert_null(tempdir_read(dir, "log"));
    assert_int_equal(ga_thaw_begin(), 0);
    ga_unset_frozen();
    assert_non_null(strstr(tempdir_read(dir, "log"), ": warning: while frozen\n"));
    finish(dir, store);
}

static void log_is_held_from_freeze_to_thaw(void **dir)
{
    struct state *store = start_in(dir);

    assert_int_equal(ga_set_frozen(""), 0);
    log_warn("waits");
    assert_int_equal(ga_frozen_complete(), 0);
    assert_string_equal(tempdir_read(dir, "log"), "");
    assert_int_equal(ga_thaw_begin(), 0);
    assert_string_equal(tempdir_read(dir, "log"), "");
    ga_unset_frozen();
    assert_non_null(strstr(tempdir_read(dir, "log"), "waits"));
    finish(dir, store);
}

#define ROUNDS 200

static _Atomic int freezes, thaws;
static _Atomic bool over;

static void *freeze_often(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (ga_set_frozen("") == 0) {
            freezes++;
            ga_frozen_complete();
        }
    }
    over = true;
    return arg;
}

static void *thaw_often(void *arg)
{
    while (!over || ga_is_frozen()) {
        if (ga_thaw_begin() == 0) {
            thaws++;
            ga_unset_frozen();
        }
        log_debug("never written");
    }
    return arg;
}

static void threads_racing_to_freeze_and_thaw_stay_in_pairs(void **dir)
{
    struct state *store = start_in(dir);
    pthread_t threads[3];

    PTOK(pthread_create(&threads[0], NULL, freeze_often, NULL));
    PTOK(pthread_create(&threads[1], NULL, thaw_often, NULL));
    PTOK(pthread_create(&threads[2], NULL, thaw_often, NULL));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        PTOK(pthread_join(threads[i], NULL));
    assert_true(freezes > 0);
    assert_int_equal(freezes, thaws);
    assert_int_equal(ga_frozen_state(), GA_THAWED);
    assert_null(tempdir_read(dir, "qga.state.isfrozen"));
    finish(dir, store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_TEMPDIR(whole_circle_goes_through_all_states_with_marker),
        TEST_IN_TEMPDIR(only_one_thread_gets_the_right_to_freeze_or_thaw),
        TEST_IN_TEMPDIR(thaw_may_take_over_a_freeze_in_progress),
        TEST_IN_TEMPDIR(failed_freeze_goes_back_to_thawed),
        TEST_IN_TEMPDIR(unset_leaves_frozen_and_thawed_as_they_are),
        TEST_IN_TEMPDIR(no_marker_means_no_freeze),
        TEST_IN_TEMPDIR(marker_at_start_begins_frozen_with_the_log_held),
        TEST_IN_TEMPDIR(log_is_held_from_freeze_to_thaw),
        TEST_IN_TEMPDIR(threads_racing_to_freeze_and_thaw_stay_in_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
