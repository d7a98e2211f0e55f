#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void fail_formats_a_generic_error_and_returns_minus_one(void **state)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };

    assert_int_equal(cmd_fail(&error, "handle '%d' has not been found", 1027), -1);
    assert_int_equal(error.class, CMD_ERROR_GENERIC);
    assert_string_equal(error.text, "handle '1027' has not been found");
}

static void first_error_is_kept_with_its_class(void **state)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };

    cmd_fail_class(&error, CMD_ERROR_NOT_FOUND, "The command %s has not been found", "x");
    assert_int_equal(cmd_fail(&error, "later"), -1);
    assert_int_equal(cmd_fail_errno(&error, EIO, "later"), -1);
    assert_int_equal(error.class, CMD_ERROR_NOT_FOUND);
    assert_string_equal(error.text, "The command x has not been found");
}

static void errno_text_follows_a_colon_for_either_sign(void **state)
{
    struct cmd_error error = { 0 };

    cmd_fail_errno(&error, -EISDIR, "failed to read %s", "file");
    assert_string_equal(error.text, "failed to read file: Is a directory");
    cmd_error_done(&error);
    assert_null(error.text);
    cmd_fail_errno(&error, ENOSPC, "failed to flush file");
    assert_string_equal(error.text, "failed to flush file: No space left on device");
    cmd_error_done(&error);
}

static void percent_signs_in_arguments_are_only_text(void **state)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };

    cmd_fail_errno(&error, ENOENT, "failed to open '%s'", "/a%s%n");
    assert_string_equal(error.text, "failed to open '/a%s%n': No such file or directory");
}

static void errno_texts_are_those_of_strerror_and_never_null(void **state)
{
    assert_string_equal(err_text(ENOENT), "No such file or directory");
    assert_string_equal(err_text(-EAGAIN), "Resource temporarily unavailable");
    assert_non_null(err_text(4000));
    assert_non_null(err_text(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_formats_a_generic_error_and_returns_minus_one),
        cmocka_unit_test(first_error_is_kept_with_its_class),
        cmocka_unit_test(errno_text_follows_a_colon_for_either_sign),
        cmocka_unit_test(percent_signs_in_arguments_are_only_text),
        cmocka_unit_test(errno_texts_are_those_of_strerror_and_never_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
