/*
 * proto/base64_neon.c - 48 bytes or 64 characters a step: the loads and stores of three and four
 * streams do the shuffling, table look-ups of 64 bytes the rest.
 */
#if defined(__aarch64__)

#include "proto/base64_codec.h"

#include <arm_neon.h>

/* NEON is part of the base architecture. */
static bool neon_supported(void)
{
    return true;
}

static inline uint8x16x4_t load_table(const uint8_t *table)
{
    uint8x16x4_t vectors = { { vld1q_u8(table), vld1q_u8(table + 16), vld1q_u8(table + 32),
                               vld1q_u8(table + 48) } };

    return vectors;
}

static size_t neon_encode_run(char *dst, const uint8_t *src, size_t len)
{
    const uint8x16x4_t alphabet = load_table((const uint8_t *)base64_alphabet);
    const uint8x16_t six = vdupq_n_u8(0x3f);
    size_t done;

    for (done = 0; len - done >= 48; done += 48) {
        uint8x16x3_t in = vld3q_u8(src + done);
        uint8x16x4_t out;

        out.val[0] = vshrq_n_u8(in.val[0], 2);
        out.val[1] = vandq_u8(vsliq_n_u8(vshrq_n_u8(in.val[1], 4), in.val[0], 4), six);
        out.val[2] = vandq_u8(vsliq_n_u8(vshrq_n_u8(in.val[2], 6), in.val[1], 2), six);
        out.val[3] = vandq_u8(in.val[2], six);
        out.val[0] = vqtbl4q_u8(alphabet, out.val[0]);
        out.val[1] = vqtbl4q_u8(alphabet, out.val[1]);
        out.val[2] = vqtbl4q_u8(alphabet, out.val[2]);
        out.val[3] = vqtbl4q_u8(alphabet, out.val[3]);
        vst4q_u8((uint8_t *)dst, out);
        dst += 64;
    }
    return done;
}

/* The values of characters; bit 7: not in the alphabet. */
static inline uint8x16_t to_values(uint8x16_t chars, uint8x16x4_t low, uint8x16x4_t high)
{
    /* A look-up out of range gives 0 here and leaves the first result there; 128 and above are out
     * of both ranges, and their own bit 7 tells. */
    uint8x16_t values = vqtbl4q_u8(low, chars);

    values = vqtbx4q_u8(values, high, veorq_u8(chars, vdupq_n_u8(0x40)));
    return vorrq_u8(values, vandq_u8(chars, vdupq_n_u8(0x80)));
}

static size_t neon_decode_run(uint8_t *dst, const char *src, size_t len)
{
    const uint8x16x4_t low = load_table(base64_values);
    const uint8x16x4_t high = load_table(base64_values + 64);
    size_t done;

    for (done = 0; len - done >= 64; done += 64) {
        uint8x16x4_t in = vld4q_u8((const uint8_t *)src + done);
        uint8x16_t a = to_values(in.val[0], low, high);
        uint8x16_t b = to_values(in.val[1], low, high);
        uint8x16_t c = to_values(in.val[2], low, high);
        uint8x16_t d = to_values(in.val[3], low, high);
        uint8x16x3_t out;

        if (vmaxvq_u8(vorrq_u8(vorrq_u8(a, b), vorrq_u8(c, d))) & BASE64_OTHER)
            break;
        out.val[0] = vorrq_u8(vshlq_n_u8(a, 2), vshrq_n_u8(b, 4));
        out.val[1] = vorrq_u8(vshlq_n_u8(b, 4), vshrq_n_u8(c, 2));
        out.val[2] = vorrq_u8(vshlq_n_u8(c, 6), d);
        vst3q_u8(dst, out);
        dst += 48;
    }
    return done;
}

const struct base64_codec base64_neon = {
    .name = "neon",
    .supported = neon_supported,
    .encode_run = neon_encode_run,
    .decode_run = neon_decode_run,
};

#endif
