/*
 * Test data that is known everywhere: an endless stream of bytes, and its base64 from any offset.
 *
 * The stream repeats every PATTERN_LEN bytes, so that expected texts stay in the processor's cache
 * and checking costs a memcmp. The length is three times a prime: data from a wrong page, block or
 * position never looks right.
 *
 * Threads    any after pattern_init(), which is called once.
 */
#pragma once

#include "base/defs.h"

#define PATTERN_LEN (3u * 65537u)

void pattern_init(void);

void pattern_fill(void *dst, uint64_t offset, size_t len);
bool pattern_is(const void *data, uint64_t offset, size_t len);

/* `len` bytes of the stream from `offset`, as base64 text. */
struct payload {
    uint64_t offset;
    size_t len;
    size_t text_len; /* characters, padding included; 0: no payload */
    char tail[4];    /* the last group if it is padded */
};

struct payload payload_at(uint64_t offset, size_t len);

/* The characters from `pos` on, as many as lie in one piece (at least one before text_len). They
 * stay where they are for ever, but for those of `tail`. */
const char *payload_piece(const struct payload *payload, size_t pos, size_t *ret_len);
