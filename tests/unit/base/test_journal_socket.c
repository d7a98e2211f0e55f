/*
 * The journal's protocol: both forms of a field.
 */
#include "base/journal_socket.h"

#include "unit/tempdir.h"

static void a_value_without_newline_follows_an_equals_sign(void **state)
{
    struct buf entry = { 0 };

    (void)state;
    journal_put_field(&entry, "A", "b=c", 3);
    assert_int_equal(entry.len, 6);
    assert_memory_equal(entry.data, "A=b=c\n", 6);
    buf_done(&entry);
}

static void a_value_with_newlines_has_its_length(void **state)
{
    struct buf entry = { 0 };

    (void)state;
    journal_put_field(&entry, "A", "b\nC=d", 5);
    assert_int_equal(entry.len, 2 + 8 + 5 + 1);
    assert_memory_equal(entry.data, "A\n\x05\0\0\0\0\0\0\0b\nC=d\n", entry.len);
    buf_done(&entry);
}

static void the_text_of_a_record_ends_at_its_first_field(void **state)
{
    (void)state;
    assert_int_equal(journal_text_len("one", 3), 3);
    assert_int_equal(journal_text_len("one\x1f"
                                      "A=b",
                                      7),
                     3);
    assert_int_equal(journal_text_len("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_without_newline_follows_an_equals_sign),
        cmocka_unit_test(a_value_with_newlines_has_its_length),
        cmocka_unit_test(the_text_of_a_record_ends_at_its_first_field),
    };

    return cmocka_run_group_tests_name("journal_socket", tests, NULL, NULL);
}
