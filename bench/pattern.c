/*
 * bench/pattern.c - three texts, one for each way in which groups of three can lie in the stream.
 *
 * Encoded here by hand and not with proto/base64: that one is under test.
 */
#include "pattern.h"

#define TEXT_LEN (PATTERN_LEN / 3 * 4)

static uint8_t bytes[PATTERN_LEN];
static char texts[3][TEXT_LEN];

static void encode_group(char *dst, const uint8_t *src)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    dst[0] = alphabet[src[0] >> 2];
    dst[1] = alphabet[(src[0] & 3) << 4 | src[1] >> 4];
    dst[2] = alphabet[(src[1] & 15) << 2 | src[2] >> 6];
    dst[3] = alphabet[src[2] & 63];
}

void pattern_init(void)
{
    uint32_t state = 2463534242u;
    size_t i, phase;

    for (i = 0; i < PATTERN_LEN; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        bytes[i] = (uint8_t)(state >> 9);
    }
    for (phase = 0; phase < 3; phase++) {
        for (i = 0; i < PATTERN_LEN / 3; i++) {
            uint8_t group[3];

            pattern_fill(group, phase + 3 * i, 3);
            encode_group(texts[phase] + 4 * i, group);
        }
    }
}

void pattern_fill(void *dst, uint64_t offset, size_t len)
{
    uint8_t *out = dst;

    while (len > 0) {
        size_t at = offset % PATTERN_LEN;
        size_t n = MIN_OF(len, PATTERN_LEN - at);

        memcpy(out, bytes + at, n);
        out += n;
        offset += n;
        len -= n;
    }
}

bool pattern_is(const void *data, uint64_t offset, size_t len)
{
    const uint8_t *in = data;

    while (len > 0) {
        size_t at = offset % PATTERN_LEN;
        size_t n = MIN_OF(len, PATTERN_LEN - at);

        if (memcmp(in, bytes + at, n) != 0)
            return false;
        in += n;
        offset += n;
        len -= n;
    }
    return true;
}

struct payload payload_at(uint64_t offset, size_t len)
{
    struct payload payload = { .offset = offset, .len = len, .text_len = (len + 2) / 3 * 4 };
    uint8_t group[3] = { 0 };

    if (len % 3) {
        pattern_fill(group, offset + len - len % 3, len % 3);
        encode_group(payload.tail, group);
        payload.tail[3] = '=';
        if (len % 3 == 1)
            payload.tail[2] = '=';
    }
    return payload;
}

const char *payload_piece(const struct payload *payload, size_t pos, size_t *ret_len)
{
    size_t whole = payload->len / 3 * 4, at;

    if (pos >= whole) {
        *ret_len = payload->text_len - pos;
        return payload->tail + (pos - whole);
    }
    at = (payload->offset / 3 * 4 + pos) % TEXT_LEN;
    *ret_len = MIN_OF(whole - pos, TEXT_LEN - at);
    return texts[payload->offset % 3] + at;
}
