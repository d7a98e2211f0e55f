/*
 * Texts of others made harmless for a line of the log.
 *
 * A name that a host or a user of the guest chose may hold a newline, a terminal's control sequence,
 * marks that turn the direction of writing, bytes that are no text. What is not plainly visible
 * comes out as \xNN, byte by byte; a backslash as \\, so that nothing else can look like an escape.
 *
 * Escaped    C0 and DEL, C1 (U+0080 to U+009F), line and paragraph separators, marks of direction,
 *            characters without width, tags, characters of no meaning (U+FFFE, ...), what is not
 *            UTF-8, backslashes.
 *
 * Threads    any.
 */
#pragma once

#include "base/buf.h"

void escape_append(struct buf *out, const char *text, size_t len);

/* The same in double quotes; quotes inside become \". NULL: null, without quotes. */
void escape_quoted(struct buf *out, const char *text);
/* The same with the first `max` bytes of a longer text, and three dots behind the quotes. */
void escape_quoted_max(struct buf *out, const char *text, size_t max);
