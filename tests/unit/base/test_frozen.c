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

static int begin(const char *text)
{
    int marker;
    int r = ga_set_frozen(text, &marker);

    assert_true(r < 0 || marker == 0);
    return r;
}

static void whole_circle_goes_through_all_states_with_marker(void **dir)
{
    struct state *store = start_in(dir);

    assert_int_equal(ga_frozen_state(), GA_THAWED);
    assert_false(ga_is_frozen());
    assert_int_equal(begin("600"), 0);
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
    assert_int_equal(begin(""), 0);
    assert_int_equal(begin(""), -EBUSY);
    assert_int_equal(ga_frozen_complete(), 0);
    assert_int_equal(begin(""), -EBUSY);
    assert_int_equal(ga_thaw_begin(), 0);
    assert_int_equal(ga_thaw_begin(), -EBUSY);
    assert_int_equal(begin(""), -EBUSY);
    ga_unset_frozen();
    finish(dir, store);
}

static void thaw_may_take_over_a_freeze_in_progress(void **dir)
{
    struct state *store = start_in(dir);

    assert_int_equal(begin(""), 0);
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

    assert_int_equal(begin(""), 0);
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
    assert_int_equal(begin(""), 0);
    assert_int_equal(ga_frozen_complete(), 0);
    ga_unset_frozen();
    assert_int_equal(ga_frozen_state(), GA_FROZEN);
    assert_non_null(tempdir_read(dir, "qga.state.isfrozen"));
    finish(dir, store);
}

static void a_guest_freezes_without_a_marker_too(void **dir)
{
    struct state *store;
    int marker = 0;

    assert_int_equal(state_open(tempdir_path(dir, "missing"), &store), 0);
    ga_frozen_init(store);
    assert_int_equal(ga_set_frozen("", &marker), 0);
    assert_int_equal(marker, -ENOENT);
    assert_int_equal(ga_frozen_state(), GA_FREEZING);
    ga_unset_frozen();
    assert_false(ga_is_frozen());
    state_close(store);
}

static void what_cannot_be_thawed_leaves_the_state_frozen(void **dir)
{
    struct state *store = start_in(dir);

    assert_int_equal(begin(""), 0);
    assert_int_equal(ga_frozen_complete(), 0);
    assert_int_equal(ga_thaw_begin(), 0);
    ga_thaw_failed();
    assert_int_equal(ga_frozen_state(), GA_FROZEN);
    assert_non_null(tempdir_read(dir, "qga.state.isfrozen"));
    assert_int_equal(ga_thaw_begin(), 0);
    ga_unset_frozen();
    assert_null(tempdir_read(dir, "qga.state.isfrozen"));
    finish(dir, store);
}

static void the_marker_stays_until_an_overtaken_freeze_is_undone(void **dir)
{
    struct state *store = start_in(dir);

    assert_int_equal(begin(""), 0);
    assert_int_equal(ga_thaw_begin(), 0);
    ga_overtaken_begin();
    ga_unset_frozen();
    assert_false(ga_is_frozen());
    assert_true(ga_is_overtaken());
    assert_non_null(tempdir_read(dir, "qga.state.isfrozen"));
    ga_overtaken_end();
    assert_false(ga_is_overtaken());
    assert_null(tempdir_read(dir, "qga.state.isfrozen"));
    finish(dir, store);
}

static void count_thaw(void *arg)
{
    ++*(int *)arg;
}

static void a_closed_state_lets_no_freeze_begin_and_tells_of_the_thaw(void **dir)
{
    struct state *store = start_in(dir);
    int told = 0;

    ga_frozen_watch(count_thaw, &told);
    assert_int_equal(begin(""), 0);
    assert_false(ga_frozen_close());
    assert_int_equal(ga_frozen_complete(), 0);
    assert_int_equal(told, 0);
    assert_int_equal(ga_thaw_begin(), 0);
    ga_unset_frozen();
    assert_int_equal(told, 1);
    assert_true(ga_frozen_close());
    assert_int_equal(begin(""), -ESHUTDOWN);
    assert_null(tempdir_read(dir, "qga.state.isfrozen"));
    ga_frozen_watch(NULL, NULL);
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

    assert_int_equal(begin(""), 0);
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
        if (begin("") == 0) {
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
        TEST_IN_TEMPDIR(a_guest_freezes_without_a_marker_too),
        TEST_IN_TEMPDIR(what_cannot_be_thawed_leaves_the_state_frozen),
        TEST_IN_TEMPDIR(the_marker_stays_until_an_overtaken_freeze_is_undone),
        TEST_IN_TEMPDIR(a_closed_state_lets_no_freeze_begin_and_tells_of_the_thaw),
        TEST_IN_TEMPDIR(marker_at_start_begins_frozen_with_the_log_held),
        TEST_IN_TEMPDIR(log_is_held_from_freeze_to_thaw),
        TEST_IN_TEMPDIR(threads_racing_to_freeze_and_thaw_stay_in_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
