/*
 * Texts of the host inside error messages.
 *
 * Threads    none. Ownership: the result is the caller's (free).
 */
#pragma once

#include "base/defs.h"

/* At most this many bytes of a host's text are repeated in an error. */
#define TEXT_SHOWN_MAX 4096

/* `bytes` as a C string, cut at TEXT_SHOWN_MAX: NULs become C0 80, which a reply shows as \u0000.
 * NULL: no memory. */
char *text_shown(const char *bytes, size_t len);
