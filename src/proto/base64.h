/*
 * Base64: vectorised where the processor can (AVX-512 VBMI, AVX2, NEON), chosen at run time.
 *
 * Threads    any; the choice is made once (constructor).
 * Decoding   is as lax as qemu-ga's: '\n' is ignored, an incomplete last group is dropped ("YQ" ->
 * no byte), padding inside is taken ("YQ==YQ==" -> "aa"); any other character is refused.
 */
#pragma once

#include "base/defs.h"

/* Characters for `len` bytes, padding included. */
static inline size_t base64_encoded_len(size_t len)
{
    return (len + 2) / 3 * 4;
}

/* Writes base64_encoded_len(len) characters; no NUL. dst and src do not overlap. */
void base64_encode(char *dst, const void *src, size_t len);

/* Decodes `len` characters; dst may be src itself (in place). *ret_len is at most len / 4 * 3.
 * 0, or -EINVAL: "Base64 data contains invalid characters". */
int base64_decode(void *dst, const char *src, size_t len, size_t *ret_len);

/* The name of the chosen code ("avx512vbmi", "avx2", "neon", "scalar"), for bench and --version -v.
 */
const char *base64_codec_name(void);
/* Tests and bench: use the named code. -ENOTSUP if the processor cannot. */
int base64_choose(const char *name);
