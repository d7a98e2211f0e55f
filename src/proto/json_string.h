/*
 * Strings of a request: escapes and UTF-8, decoded in place.
 *
 * Threads    none. Ownership: the text is the caller's.
 * Accepted   as in qemu-ga: the escapes \" \' \\ \/ \b \f \n \r \t \uXXXX; UTF-8 without
 *            surrogates, overlong forms and noncharacters. Quirk: C0 80 is U+0000.
 */
#pragma once

#include "base/error.h"
#include "proto/lexer.h"

/* The code point at `text` (at most `len` bytes, len > 0), or -1: this is no UTF-8. *ret_size is
 * set in any case: the bytes it takes, or those of the malformed sequence. */
int32_t utf8_decode(const char *text, size_t len, size_t *ret_size);

/* Decodes the string token `token` whose bytes (quotes included) are at `text`. The result is at
 * text + 1 with a NUL behind it, *ret_len bytes. 0 or -1 with a syntax error. */
int json_string_decode(char *text, const struct token *token, size_t *ret_len,
                       struct cmd_error *reterr);
