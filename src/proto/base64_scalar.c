/*
 * proto/base64_scalar.c - by tables, one group a step: for processors without a codec of their own,
 * and for what is too short for those.
 *
 * Tables are made by the preprocessor and not at start: they are shared, read-only pages.
 */
#include "proto/base64_codec.h"

#include <endian.h>

/* ROW(f, c): f(c), f(c + 1), ... f(c + 255) */
#define ROW4(f, c)  f(c), f((c) + 1), f((c) + 2), f((c) + 3)
#define ROW16(f, c) ROW4(f, c), ROW4(f, (c) + 4), ROW4(f, (c) + 8), ROW4(f, (c) + 12)
#define ROW64(f, c) ROW16(f, c), ROW16(f, (c) + 16), ROW16(f, (c) + 32), ROW16(f, (c) + 48)
#define ROW256(f)   ROW64(f, 0), ROW64(f, 64), ROW64(f, 128), ROW64(f, 192)

#define VALUE(c)                                                                                   \
    ((uint8_t)((c) >= 'A' && (c) <= 'Z'   ? (c) - 'A'                                              \
               : (c) >= 'a' && (c) <= 'z' ? (c) - 'a' + 26                                         \
               : (c) >= '0' && (c) <= '9' ? (c) - '0' + 52                                         \
               : (c) == '+'               ? 62                                                     \
               : (c) == '/'               ? 63                                                     \
                                          : (int)BASE64_OTHER))

const char base64_alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const uint8_t base64_values[256] = { ROW256(VALUE) };

/* The value of a character at its place in the group's 24 bits; bit 31: not in the alphabet. */
#define OTHER_BIT   0x80000000u
#define AT(c, bits) (VALUE(c) == BASE64_OTHER ? OTHER_BIT : (uint32_t)VALUE(c) << (bits))
#define AT18(c)     AT(c, 18)
#define AT12(c)     AT(c, 12)
#define AT6(c)      AT(c, 6)

static const uint32_t at18[256] = { ROW256(AT18) };
static const uint32_t at12[256] = { ROW256(AT12) };
static const uint32_t at6[256] = { ROW256(AT6) };

static bool scalar_supported(void)
{
    return true;
}

/* Six bytes make eight characters; the load takes eight bytes, so two more have to be there. */
static size_t scalar_encode_run(char *dst, const uint8_t *src, size_t len)
{
    const char *const table = base64_alphabet;
    size_t done;

    for (done = 0; len - done >= 8; done += 6) {
        uint64_t bits;
        int i;

        memcpy(&bits, src + done, sizeof(bits));
        bits = be64toh(bits);
        for (i = 0; i < 8; i++)
            *dst++ = table[bits >> (58 - 6 * i) & 63];
    }
    for (; len - done >= 3; done += 3) {
        uint32_t bits = (uint32_t)src[done] << 16 | (uint32_t)src[done + 1] << 8 | src[done + 2];

        *dst++ = table[bits >> 18];
        *dst++ = table[bits >> 12 & 63];
        *dst++ = table[bits >> 6 & 63];
        *dst++ = table[bits & 63];
    }
    return done;
}

static size_t scalar_decode_run(uint8_t *dst, const char *src, size_t len)
{
    const uint8_t *in = (const uint8_t *)src;
    size_t done;

    for (done = 0; len - done >= 4; done += 4) {
        uint32_t bits = at18[in[done]] | at12[in[done + 1]] | at6[in[done + 2]];
        uint32_t last = base64_values[in[done + 3]];

        if ((bits & OTHER_BIT) || last == BASE64_OTHER)
            break;
        bits |= last;
        *dst++ = (uint8_t)(bits >> 16);
        *dst++ = (uint8_t)(bits >> 8);
        *dst++ = (uint8_t)bits;
    }
    return done;
}

const struct base64_codec base64_scalar = {
    .name = "scalar",
    .supported = scalar_supported,
    .encode_run = scalar_encode_run,
    .decode_run = scalar_decode_run,
};
