/*
 * Fast search for the bytes that matter in long texts: vectorised where the processor can
 * (AVX2, SSE2), eight bytes at a time elsewhere.
 *
 * Threads    any; the choice is made once (constructor).
 * Reads      only inside [text, text + len).
 */
#pragma once

#include "base/defs.h"

/* A string's body as the lexer reads it: the index of the first byte that is `quote`, a
 * backslash, a control byte below 0x20, or 0xFE or 0xFF; `len` if there is none. *io_non_ascii
 * becomes true if a byte in front of it is above 0x7F (it is never set to false). */
size_t scan_string(const char *text, size_t len, char quote, bool *io_non_ascii);

/* The index of the first byte that a reply must escape: outside 0x20..0x7E, '"' or '\\'. */
size_t scan_plain(const char *text, size_t len);

/* "avx2", "sse2" or "swar": for tests and benchmarks. -ENOTSUP if the processor cannot. */
const char *scan_codec(void);
int scan_choose(const char *name);
