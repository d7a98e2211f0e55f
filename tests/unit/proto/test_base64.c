/*
 * Base64 against a reference that does it bit by bit, with every codec this processor can run.
 */
#include "proto/base64.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LENGTH_MAX 300
#define GUARD      0xA5
#define GUARD_LEN  64

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const char *const codecs[] = { "scalar", "avx2", "avx512vbmi", "neon" };

/* One character after the other, as the documentation of the lax rules has it. */
static int reference_decode(uint8_t *dst, const char *src, size_t len, size_t *ret_len)
{
    uint32_t bits = 0;
    char group[4];
    size_t have = 0, out = 0, i;

    for (i = 0; i < len; i++) {
        const char *at;

        if (src[i] == '\n')
            continue;
        at = src[i] == '=' ? alphabet : src[i] ? strchr(alphabet, src[i]) : NULL;
        if (!at)
            return -EINVAL;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        group[have++] = src[i];
        if (have < 4)
            continue;
        have = 0;
        dst[out++] = (uint8_t)(bits >> 16);
        if (group[2] != '=')
            dst[out++] = (uint8_t)(bits >> 8);
        if (group[3] != '=')
            dst[out++] = (uint8_t)bits;
    }
    *ret_len = out;
    return 0;
}

static size_t reference_encode(char *dst, const uint8_t *src, size_t len)
{
    size_t bit, out = 0;

    for (bit = 0; bit < len * 8; bit += 6) {
        uint32_t pair = (uint32_t)src[bit / 8] << 8;

        if (bit / 8 + 1 < len)
            pair |= src[bit / 8 + 1];
        dst[out++] = alphabet[pair >> (10 - bit % 8) & 63];
    }
    while (out % 4)
        dst[out++] = '=';
    return out;
}

static uint32_t random_next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void random_bytes(uint8_t *bytes, size_t len, uint32_t seed)
{
    uint32_t state = seed * 2654435761u + 1;
    size_t i;

    for (i = 0; i < len; i++)
        bytes[i] = (uint8_t)(random_next(&state) >> 11);
}

static void assert_guard(const void *at)
{
    const uint8_t *guard = at;
    size_t i;

    for (i = 0; i < GUARD_LEN; i++)
        assert_int_equal(guard[i], GUARD);
}

/* Decodes to a place of its own and in place, and holds both against the reference. */
static void check_decode(const char *text, size_t len)
{
    uint8_t *expected = malloc(len + 1);
    uint8_t *out = malloc(len + GUARD_LEN);
    char *in_place = malloc(len + GUARD_LEN);
    size_t expected_len = 0, out_len = 0;
    int expected_r;

    assert_non_null(expected);
    assert_non_null(out);
    assert_non_null(in_place);
    expected_r = reference_decode(expected, text, len, &expected_len);
    memset(out, GUARD, len + GUARD_LEN);
    assert_int_equal(base64_decode(out, text, len, &out_len), expected_r);
    if (expected_r == 0) {
        assert_int_equal(out_len, expected_len);
        assert_memory_equal(out, expected, expected_len);
        assert_guard(out + expected_len);
    }
    memcpy(in_place, text, len);
    memset(in_place + len, GUARD, GUARD_LEN);
    assert_int_equal(base64_decode(in_place, in_place, len, &out_len), expected_r);
    if (expected_r == 0) {
        assert_int_equal(out_len, expected_len);
        assert_memory_equal(in_place, expected, expected_len);
    }
    assert_guard(in_place + len);
    free(expected);
    free(out);
    free(in_place);
}

static void encode_every_length(void)
{
    uint8_t bytes[LENGTH_MAX + 8];
    char expected[LENGTH_MAX * 2], out[LENGTH_MAX * 2 + GUARD_LEN];
    size_t len, offset;

    random_bytes(bytes, sizeof(bytes), 1);
    for (len = 0; len <= LENGTH_MAX; len++) {
        for (offset = 0; offset < 8; offset++) {
            size_t expected_len = reference_encode(expected, bytes + offset, len);

            assert_int_equal(base64_encoded_len(len), expected_len);
            memset(out, GUARD, sizeof(out));
            base64_encode(out + offset, bytes + offset, len);
            assert_memory_equal(out + offset, expected, expected_len);
            assert_guard(out + offset + expected_len);
        }
    }
}

static void decode_every_length(void)
{
    uint8_t bytes[LENGTH_MAX];
    char text[LENGTH_MAX * 2];
    size_t len, cut;

    random_bytes(bytes, sizeof(bytes), 2);
    for (len = 0; len <= LENGTH_MAX; len++) {
        size_t text_len = reference_encode(text, bytes, len);

        for (cut = 0; cut < 4 && cut <= text_len; cut++) /* incomplete groups too */
            check_decode(text, text_len - cut);
    }
}

static void decode_unaligned(void)
{
    uint8_t bytes[LENGTH_MAX];
    char text[LENGTH_MAX * 2];
    size_t text_len, offset;

    random_bytes(bytes, sizeof(bytes), 3);
    text_len = reference_encode(text, bytes, sizeof(bytes));
    for (offset = 0; offset < 64; offset++) {
        uint8_t out[LENGTH_MAX + 64 + GUARD_LEN];
        char moved[LENGTH_MAX * 2 + 64];
        size_t out_len;

        memcpy(moved + offset, text, text_len);
        memset(out, GUARD, sizeof(out));
        assert_int_equal(base64_decode(out + 63 - offset, moved + offset, text_len, &out_len), 0);
        assert_int_equal(out_len, sizeof(bytes));
        assert_memory_equal(out + 63 - offset, bytes, sizeof(bytes));
        assert_guard(out + 63 - offset + out_len);
    }
}

/* Each of the 256 bytes, at each place of a text long enough for every loop of every codec. */
static void decode_any_byte_at_each_place(void)
{
    uint8_t bytes[LENGTH_MAX];
    char text[LENGTH_MAX * 2];
    size_t text_len, at;
    int c;

    random_bytes(bytes, sizeof(bytes), 4);
    text_len = reference_encode(text, bytes, sizeof(bytes));
    for (at = 0; at < text_len; at++) {
        char kept = text[at];

        for (c = 0; c < 256; c++) {
            text[at] = (char)c;
            check_decode(text, text_len);
        }
        text[at] = kept;
    }
}

static void decode_lines_of_every_width(void)
{
    uint8_t bytes[LENGTH_MAX];
    char text[LENGTH_MAX * 2], lines[LENGTH_MAX * 4];
    size_t text_len, width, i, len;

    random_bytes(bytes, sizeof(bytes), 5);
    text_len = reference_encode(text, bytes, sizeof(bytes) - 1);
    for (width = 1; width <= 150; width++) {
        for (i = 0, len = 0; i < text_len; i++) {
            lines[len++] = text[i];
            if ((i + 1) % width == 0)
                lines[len++] = '\n';
        }
        check_decode(lines, len);
    }
}

/* A mix of what may stand in a text, so that runs and steps by hand take turns. */
static void decode_random_mixes(void)
{
    uint32_t state = 12345;
    char text[1000];
    int round;

    for (round = 0; round < 3000; round++) {
        size_t len = random_next(&state) % sizeof(text), i;
        uint32_t odds = 1 + random_next(&state) % 200;

        for (i = 0; i < len; i++) {
            uint32_t r = random_next(&state);

            text[i] = r % odds == 0 ? "\n="[r >> 16 & 1] : alphabet[r >> 20 & 63];
        }
        check_decode(text, len);
    }
}

static void expect_text(const char *text, const char *expected)
{
    char out[64];
    size_t len = 99;

    assert_int_equal(base64_decode(out, text, strlen(text), &len), 0);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(out, expected, len);
}

static void decode_lax(void)
{
    static const char *const refused[] = {
        "YQ ==", "YQ\r\n", "YQ-_", "Y\tQ=", "\xC3\xA9", "YWJj!"
    };
    size_t i, len;
    char out[64];

    expect_text("", "");
    expect_text("\n\n", "");
    expect_text("YQ", "");
    expect_text("YWJjZA", "abc");
    expect_text("YQ==", "a");
    expect_text("YQ==YQ==", "aa");
    expect_text("Y\nW\nJ\nj\n", "abc");
    expect_text("YWI=YWJj", "ababc");
    expect_text("YQ=YYWJj", "a\x18"
                            "abc"); /* only the third: its byte is the one left out */
    for (i = 0; i < ARRAY_LEN(refused); i++)
        assert_int_equal(base64_decode(out, refused[i], strlen(refused[i]), &len), -EINVAL);
    assert_int_equal(base64_decode(out, "YWJj\0", 5, &len), -EINVAL);
}

static void with_every_codec(void (*check)(void))
{
    char first[32];
    size_t i;

    snprintf(first, sizeof(first), "%s", base64_codec_name());
    for (i = 0; i < ARRAY_LEN(codecs); i++) {
        if (base64_choose(codecs[i]) < 0)
            continue;
        assert_string_equal(base64_codec_name(), codecs[i]);
        check();
    }
    assert_int_equal(base64_choose(first), 0);
}

static void base64_encodes_every_length_and_not_a_byte_more(void **state)
{
    with_every_codec(encode_every_length);
}

static void base64_decodes_every_length_and_drops_incomplete_groups(void **state)
{
    with_every_codec(decode_every_length);
}

static void base64_decodes_from_and_to_any_address(void **state)
{
    with_every_codec(decode_unaligned);
}

static void base64_judges_any_byte_at_each_place(void **state)
{
    with_every_codec(decode_any_byte_at_each_place);
}

static void base64_takes_lines_of_every_width(void **state)
{
    with_every_codec(decode_lines_of_every_width);
}

static void base64_takes_newlines_and_padding_anywhere(void **state)
{
    with_every_codec(decode_random_mixes);
}

static void base64_is_as_lax_as_the_reference(void **state)
{
    with_every_codec(decode_lax);
}

static void base64_knows_only_its_codecs(void **state)
{
    assert_int_equal(base64_choose("abacus"), -ENOTSUP);
    assert_int_equal(base64_choose(base64_codec_name()), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_encodes_every_length_and_not_a_byte_more),
        cmocka_unit_test(base64_decodes_every_length_and_drops_incomplete_groups),
        cmocka_unit_test(base64_decodes_from_and_to_any_address),
        cmocka_unit_test(base64_judges_any_byte_at_each_place),
        cmocka_unit_test(base64_takes_lines_of_every_width),
        cmocka_unit_test(base64_takes_newlines_and_padding_anywhere),
        cmocka_unit_test(base64_is_as_lax_as_the_reference),
        cmocka_unit_test(base64_knows_only_its_codecs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
