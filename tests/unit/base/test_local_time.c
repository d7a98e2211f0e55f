/*
 * Local time: a changed zone is noticed, the name is a copy, threads do not disturb each other.
 */
#include "base/local_time.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void set_zone(const char *zone)
{
    setenv("TZ", zone, 1); /* NOLINT(concurrency-mt-unsafe): no other thread runs */
}

static void a_changed_zone_is_noticed(void **state)
{
    char zone[ZONE_NAME_MAX];
    struct tm local;

    set_zone("IST-5:30");
    assert_int_equal(local_time(0, &local, zone), 0);
    assert_string_equal(zone, "IST");
    assert_int_equal(local.tm_gmtoff, 19800);
    assert_int_equal(local.tm_hour, 5);
    set_zone("UTC0");
    assert_int_equal(local_time(0, &local, zone), 0);
    assert_string_equal(zone, "UTC");
    assert_int_equal(local.tm_gmtoff, 0);
    assert_null(local.tm_zone);
}

static void a_year_that_does_not_fit_is_an_error(void **state)
{
    struct tm local;

    assert_int_equal(local_time(INT64_MAX, &local, NULL), -EOVERFLOW);
}

static void *convert_many(void *arg)
{
    char zone[ZONE_NAME_MAX];
    struct tm local;
    intptr_t wrong = 0;

    for (int i = 0; i < 2000; i++)
        wrong += local_time(i, &local, zone) != 0 || strcmp(zone, "UTC") != 0;
    return (void *)wrong;
}

static void threads_do_not_disturb_each_other(void **state)
{
    pthread_t threads[4];
    void *wrong;

    set_zone("UTC0");
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        PTOK(pthread_create(&threads[i], NULL, convert_many, NULL));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        PTOK(pthread_join(threads[i], &wrong));
        assert_null(wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_changed_zone_is_noticed),
        cmocka_unit_test(a_year_that_does_not_fit_is_an_error),
        cmocka_unit_test(threads_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests_name("local_time", tests, NULL, NULL);
}
