#include "proto/scan.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const codec_names[] = { "swar", "sse2", "avx2" };

static size_t plain_string_scan(const char *text, size_t len, char quote, bool *ret_non_ascii)
{
    size_t i;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == (unsigned char)quote || c == '\\' || c < 0x20 || c >= 0xFE)
            break;
        if (c > 0x7F)
            *ret_non_ascii = true;
    }
    return i;
}

static size_t plain_reply_scan(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] > 0x7E || text[i] == '"' || text[i] == '\\')
            break;
    }
    return i;
}

/* One odd byte (or none) at each place of texts of each length up to a few blocks. */
static void compare_all_places(int c, size_t len_max, size_t len_step)
{
    char text[400];
    size_t len, at;

    for (len = 0; len <= len_max; len += len_step) {
        for (at = 0; at <= len; at++) {
            bool wanted_high = false, high = false;

            memset(text, 'A', sizeof(text));
            text[at] = (char)c;
            assert_int_equal(scan_string(text, len, '"', &high),
                             plain_string_scan(text, len, '"', &wanted_high));
            assert_int_equal(high, wanted_high);
            assert_int_equal(scan_plain(text, len), plain_reply_scan(text, len));
        }
    }
}

static void scan_finds_each_byte_at_each_place_with_each_codec(void **state)
{
    const char *best = scan_codec();
    size_t i;
    int c;

    for (i = 0; i < ARRAY_LEN(codec_names); i++) {
        if (scan_choose(codec_names[i]) < 0)
            continue;
        assert_string_equal(scan_codec(), codec_names[i]);
        for (c = 0; c < 256; c++)
            compare_all_places(c, 299, 37);
        compare_all_places('"', 300, 1);
        compare_all_places(0xE9, 300, 1);
    }
    assert_int_equal(scan_choose(best), 0);
}

static void scan_tells_the_quotes_apart(void **state)
{
    const char *best = scan_codec();
    size_t i;
    char text[100];

    memset(text, '\'', sizeof(text));
    text[70] = '"';
    for (i = 0; i < ARRAY_LEN(codec_names); i++) {
        bool high = false;

        if (scan_choose(codec_names[i]) < 0)
            continue;
        assert_int_equal(scan_string(text, sizeof(text), '"', &high), 70);
        assert_int_equal(scan_string(text, sizeof(text), '\'', &high), 0);
        assert_false(high);
    }
    assert_int_equal(scan_choose(best), 0);
}

static void scan_looks_at_no_high_byte_behind_the_end(void **state)
{
    char text[200];
    bool high = false;

    memset(text, 'x', sizeof(text));
    text[40] = '"';
    text[41] = (char)0xC3;
    assert_int_equal(scan_string(text, sizeof(text), '"', &high), 40);
    assert_false(high);
}

static void scan_choose_refuses_unknown_codecs(void **state)
{
    assert_true(scan_choose("abacus") < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_finds_each_byte_at_each_place_with_each_codec),
        cmocka_unit_test(scan_tells_the_quotes_apart),
        cmocka_unit_test(scan_looks_at_no_high_byte_behind_the_end),
        cmocka_unit_test(scan_choose_refuses_unknown_codecs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
