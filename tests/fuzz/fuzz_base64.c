/*
 * Every codec this processor has gives what the scalar one gives: same verdict, same bytes, also in
 * place; and what it decoded comes back when encoded and decoded again.
 */
#include "proto/base64.h"

static const char *const codecs[] = { "avx2", "avx512vbmi", "neon" };

struct outcome {
    int r;
    size_t len;
    uint8_t *bytes;
};

static struct outcome decode(const char *codec, const char *text, size_t len, bool in_place)
{
    struct outcome outcome = { .bytes = malloc(in_place ? len + 1 : len / 4 * 3 + 1) };

    if (!outcome.bytes)
        abort();
    if (base64_choose(codec) < 0)
        abort();
    if (in_place) {
        memcpy(outcome.bytes, text, len);
        text = (const char *)outcome.bytes;
    }
    outcome.r = base64_decode(outcome.bytes, text, len, &outcome.len);
    return outcome;
}

static void require_equal(const struct outcome *a, const struct outcome *b)
{
    if (a->r != b->r)
        abort();
    if (a->r == 0 && (a->len != b->len || memcmp(a->bytes, b->bytes, a->len) != 0))
        abort();
}

static void check_codec(const char *codec, const char *text, size_t len,
                        const struct outcome *expected)
{
    struct outcome apart = decode(codec, text, len, false);
    struct outcome in_place = decode(codec, text, len, true);
    size_t bytes_len, again_len = base64_encoded_len(len);
    char *again = malloc(again_len + 1);

    require_equal(&apart, expected);
    require_equal(&in_place, expected);
    if (!again)
        abort();
    base64_encode(again, text, len);
    if (base64_decode(again, again, again_len, &bytes_len) < 0 || bytes_len != len ||
        memcmp(again, text, len) != 0)
        abort();
    free(again);
    free(apart.bytes);
    free(in_place.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct outcome expected = decode("scalar", text, size, false);
    size_t i;

    check_codec("scalar", text, size, &expected);
    for (i = 0; i < ARRAY_LEN(codecs); i++) {
        if (base64_choose(codecs[i]) == 0)
            check_codec(codecs[i], text, size, &expected);
    }
    free(expected.bytes);
    return 0;
}
