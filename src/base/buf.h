/*
 * Growable byte buffer.
 *
 * Threads    none: one owner at a time.
 * Ownership  buf_done() frees the bytes; a zeroed struct is an empty buffer. buf_take() and plain
 *            struct assignment hand the bytes over. Large ones are blocks (base/block.h).
 * Errors     an append that cannot allocate sets `failed`; later appends do nothing. So a text is
 *            built in one go and buf_ok() asked once at the end.
 */
#pragma once

#include "base/defs.h"

struct buf {
    char *data; /* not NUL-terminated unless buf_terminate() was called */
    size_t len;
    size_t cap;
    bool failed;
};

void buf_done(struct buf *buf);

/* Room for `more` bytes behind len: a pointer to it, or NULL (failed is set). */
char *buf_reserve(struct buf *buf, size_t more);

void buf_append(struct buf *buf, const void *data, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_put_int(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/* Drops the first `len` bytes. */
void buf_consume(struct buf *buf, size_t len);

/* Puts a NUL behind the last byte (not counted in len) and returns data, or NULL if failed. */
char *buf_terminate(struct buf *buf);

/* The bytes move to the returned struct; `buf` is empty afterwards. */
struct buf buf_take(struct buf *buf);

static inline bool buf_ok(const struct buf *buf)
{
    return !buf->failed;
}
