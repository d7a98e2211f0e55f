/*
 * What a mistyped name was meant to be.
 */
#include "base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *meant_by(const char *word)
{
    static const char *const names[] = { "guest-exec", "guest-exec-status", "guest-file-open",
                                         "block-rpcs", "x" };
    struct nearest nearest = { .word = word };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        nearest_offer(&nearest, names[i]);
    return nearest_name(&nearest);
}

static void the_nearest_name_is_found(void **state)
{
    assert_string_equal(meant_by("guest-exec"), "guest-exec");
    assert_string_equal(meant_by("Guest_Exec"), "guest-exec");
    assert_string_equal(meant_by("gust-exec-statsu"), "guest-exec-status");
    assert_string_equal(meant_by("guest-fileopen"), "guest-file-open");
    assert_string_equal(meant_by("block_rpcs"), "block-rpcs");
}

static void what_is_far_from_all_is_none(void **state)
{
    static char endless[10000];

    memset(endless, 'x', sizeof(endless) - 1);
    assert_null(meant_by("something-else"));
    assert_null(meant_by(endless));
    assert_null(nearest_name(&(struct nearest){ .word = "a" }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_name_is_found),
        cmocka_unit_test(what_is_far_from_all_is_none),
    };

    return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
