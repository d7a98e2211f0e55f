/*
 * Base64 codecs: what base64.c chooses from.
 *
 * A codec only does the bulk. It works on whole groups (3 bytes, 4 characters), writes exactly what
 * the groups it took are worth and not a byte more, and leaves the rest to its caller: the tail,
 * and everything but the 64 characters of the alphabet.
 *
 * Threads    any. No state.
 * In place   decode_run() may have dst <= src in one buffer: all stores of a step come after its
 *            loads, and never reach behind what these have read.
 */
#pragma once

#include "base/defs.h"

struct base64_codec {
    const char *name;
    bool (*supported)(void);
    /* Encodes as many whole groups as it likes from `len` bytes: the bytes taken (times of 3). */
    size_t (*encode_run)(char *dst, const uint8_t *src, size_t len);
    /* Decodes leading groups of pure alphabet: the characters taken (times of 4). */
    size_t (*decode_run)(uint8_t *dst, const char *src, size_t len);
};

extern const struct base64_codec base64_scalar;
#if defined(__x86_64__)
extern const struct base64_codec base64_avx2;
extern const struct base64_codec base64_avx512vbmi;
#elif defined(__aarch64__)
extern const struct base64_codec base64_neon;
#endif

extern const char base64_alphabet[64];

/* The value 0..63 of an alphabet character, or BASE64_OTHER. */
#define BASE64_OTHER 0x80u
extern const uint8_t base64_values[256];
