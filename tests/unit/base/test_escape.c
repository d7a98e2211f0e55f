/*
 * What a host or a user chose cannot forge or disturb a line.
 */
#include "base/escape.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_escaped(const char *text, size_t len, const char *expected)
{
    CLEANUP(buf_done) struct buf out = { 0 };

    escape_append(&out, text, len);
    assert_string_equal(buf_terminate(&out), expected);
}

#define ASSERT_ESCAPED(text, expected) assert_escaped(text, sizeof(text) - 1, expected)

static void visible_text_stays(void **state)
{
    ASSERT_ESCAPED("", "");
    ASSERT_ESCAPED("/etc/pass wd'\"~", "/etc/pass wd'\"~");
    ASSERT_ESCAPED("\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80", "\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80");
    ASSERT_ESCAPED("\xd7\xa9\xd9\x84", "\xd7\xa9\xd9\x84"); /* letters that run from the right */
}

static void controls_come_out_as_their_bytes(void **state)
{
    char c;

    ASSERT_ESCAPED("a\nb\r\x1b[2J\x7f\0z", "a\\x0ab\\x0d\\x1b[2J\\x7f\\x00z");
    ASSERT_ESCAPED("\xc2\x80\xc2\x9b\xc2\x9f", "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f");
    for (c = 1; c < 0x20; c++) {
        char expected[8];

        snprintf(expected, sizeof(expected), "\\x%02x", (unsigned)c);
        assert_escaped(&c, 1, expected);
    }
}

static void marks_of_direction_and_of_no_width_come_out_as_their_bytes(void **state)
{
    ASSERT_ESCAPED("\xe2\x80\xae"
                   "gpj",
                   "\\xe2\\x80\\xaegpj");                       /* U+202E */
    ASSERT_ESCAPED("\xe2\x81\xa6", "\\xe2\\x81\\xa6");          /* U+2066 */
    ASSERT_ESCAPED("\xe2\x80\x8b", "\\xe2\\x80\\x8b");          /* U+200B */
    ASSERT_ESCAPED("\xe2\x80\xa8", "\\xe2\\x80\\xa8");          /* U+2028 */
    ASSERT_ESCAPED("\xd8\x9c", "\\xd8\\x9c");                   /* U+061C */
    ASSERT_ESCAPED("\xef\xbb\xbf", "\\xef\\xbb\\xbf");          /* U+FEFF */
    ASSERT_ESCAPED("\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81"); /* U+E0041 */
}

static void what_is_no_utf8_comes_out_as_its_bytes(void **state)
{
    ASSERT_ESCAPED("\xff\xfe"
                   "a",
                   "\\xff\\xfea");
    ASSERT_ESCAPED("\x9b"
                   "2J",
                   "\\x9b2J");                /* a C1 control of one byte */
    ASSERT_ESCAPED("\xc0\x8a", "\\xc0\\x8a"); /* an overlong newline */
    ASSERT_ESCAPED("\xe0\x80\x8a", "\\xe0\\x80\\x8a");
    ASSERT_ESCAPED("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate */
    ASSERT_ESCAPED("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
    ASSERT_ESCAPED("\xe2\x80", "\\xe2\\x80"); /* cut off */
    ASSERT_ESCAPED("\xe2\x80\n", "\\xe2\\x80\\x0a");
}

static void a_backslash_cannot_look_like_an_escape(void **state)
{
    ASSERT_ESCAPED("a\\x0ab\\", "a\\\\x0ab\\\\");
}

static void quotes_close_only_at_the_end(void **state)
{
    CLEANUP(buf_done) struct buf out = { 0 };

    escape_quoted(&out, "a\" user=\"root\\\n");
    buf_putc(&out, ' ');
    escape_quoted(&out, NULL);
    escape_quoted_max(&out, "12345", 5);
    escape_quoted_max(&out, "12345", 4);
    assert_string_equal(buf_terminate(&out),
                        "\"a\\\" user=\\\"root\\\\\\x0a\" null\"12345\"\"1234\"...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(visible_text_stays),
        cmocka_unit_test(controls_come_out_as_their_bytes),
        cmocka_unit_test(marks_of_direction_and_of_no_width_come_out_as_their_bytes),
        cmocka_unit_test(what_is_no_utf8_comes_out_as_its_bytes),
        cmocka_unit_test(a_backslash_cannot_look_like_an_escape),
        cmocka_unit_test(quotes_close_only_at_the_end),
    };

    return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
