/*
 * Local time: a changed zone is noticed, the name is a copy, threads do not disturb each other.
 */
#include "base/local_time.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

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

/* A zone of one type (RFC 8536), which is at UTC and has this name of three letters. */
static int write_zone(const char *path, const char *name)
{
    uint8_t header[44] = "TZif", types[6] = { 0 };
    FILE *file = fopen(path, "wbe");

    if (!file)
        return -1;
    header[39] = 1; /* types */
    header[43] = 4; /* bytes of names */
    fwrite(header, sizeof(header), 1, file);
    fwrite(types, sizeof(types), 1, file);
    fwrite(name, 4, 1, file);
    return fclose(file);
}

static void a_zone_that_is_not_known_is_utc(void **state)
{
    static const char *const unknown[] = { "Foo/Bar", ":Foo/Bar", "Foo", "/no/such/zone", "../x" };
    char zone[ZONE_NAME_MAX], path[64] = "/tmp/pqga-zone-XXXXXX";
    struct tm local;

    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        set_zone(unknown[i]);
        assert_int_equal(local_time(0, &local, zone), 0);
        assert_string_equal(zone, "UTC");
        assert_int_equal(local.tm_gmtoff, 0);
        assert_int_equal(local.tm_hour, 0);
    }
    set_zone("<+00>0");
    assert_int_equal(local_time(0, &local, zone), 0);
    assert_string_equal(zone, "+00");
    /* One that is known keeps its name, an offset of 0 or not: here a copy of a POSIX zone. */
    assert_non_null(mkdtemp(path));
    setenv("TZDIR", path, 1); /* NOLINT(concurrency-mt-unsafe): no other thread runs */
    strcat(path, "/Foo");
    assert_int_equal(write_zone(path, "WET"), 0);
    set_zone("Foo");
    assert_int_equal(local_time(0, &local, zone), 0);
    assert_string_equal(zone, "WET");
    unsetenv("TZDIR"); /* NOLINT(concurrency-mt-unsafe): no other thread runs */
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
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
        cmocka_unit_test(a_zone_that_is_not_known_is_utc),
        cmocka_unit_test(a_year_that_does_not_fit_is_an_error),
        cmocka_unit_test(threads_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests_name("local_time", tests, NULL, NULL);
}
