/* A serial read once is kept for its device, and for no other. */
#include "cmds/linux/storage/serial_cache.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_serial_is_kept_for_its_device(void **state)
{
    char serial[SERIAL_CACHE_BYTES] = "";

    assert_false(serial_cache_get(7, serial, sizeof(serial)));
    serial_cache_put(7, "seven");
    serial_cache_put(8, "");
    assert_true(serial_cache_get(7, serial, sizeof(serial)));
    assert_string_equal(serial, "seven");
    assert_true(serial_cache_get(8, serial, sizeof(serial)));
    assert_string_equal(serial, "");
    assert_false(serial_cache_get(9, serial, sizeof(serial)));
}

static void a_device_without_number_is_not_kept(void **state)
{
    char serial[SERIAL_CACHE_BYTES];

    serial_cache_put(0, "zero");
    assert_false(serial_cache_get(0, serial, sizeof(serial)));
}

static void a_serial_that_does_not_fit_is_not_cut(void **state)
{
    char serial[SERIAL_CACHE_BYTES], longer[SERIAL_CACHE_BYTES + 1];

    memset(longer, 'x', sizeof(longer));
    longer[SERIAL_CACHE_BYTES] = '\0';
    serial_cache_put(10, longer);
    assert_false(serial_cache_get(10, serial, sizeof(serial)));
}

static void the_oldest_makes_room(void **state)
{
    char serial[SERIAL_CACHE_BYTES];

    serial_cache_put(100, "first");
    for (uint64_t i = 0; i < 64; i++)
        serial_cache_put(1000 + i, "later");
    assert_false(serial_cache_get(100, serial, sizeof(serial)));
    assert_true(serial_cache_get(1063, serial, sizeof(serial)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_serial_is_kept_for_its_device),
        cmocka_unit_test(a_device_without_number_is_not_kept),
        cmocka_unit_test(a_serial_that_does_not_fit_is_not_cut),
        cmocka_unit_test(the_oldest_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
