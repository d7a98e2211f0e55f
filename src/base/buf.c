#include "base/buf.h"

#include "base/block.h"

#include <stdarg.h>

#define BUF_FIRST_BYTES 128

void buf_done(struct buf *buf)
{
    block_free(buf->data, buf->cap);
    *buf = (struct buf){ 0 };
}

/* Doubling keeps appending linear; a single large request gets what it asked for. */
static size_t grown_cap(size_t cap, size_t needed)
{
    size_t grown = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;

    return MAX_OF(MAX_OF(grown, needed), (size_t)BUF_FIRST_BYTES);
}

char *buf_reserve(struct buf *buf, size_t more)
{
    size_t needed;
    char *data;

    if (buf->failed || __builtin_add_overflow(buf->len, more, &needed))
        goto fail;
    if (needed > buf->cap || !buf->data) {
        size_t want = grown_cap(buf->cap, needed);

        data = block_grow(buf->data, buf->len, &buf->cap, want, want + want / 4);
        if (!data)
            goto fail;
        buf->data = data;
    }
    return buf->data + buf->len;
fail:
    buf->failed = true;
    return NULL;
}

void buf_append(struct buf *buf, const void *data, size_t len)
{
    char *room;

    if (len == 0)
        return;
    room = buf_reserve(buf, len);
    if (!room)
        return;
    memcpy(room, data, len);
    buf->len += len;
}

void buf_puts(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char c)
{
    buf_append(buf, &c, 1);
}

void buf_put_int(struct buf *buf, int64_t value)
{
    char digits[24];
    char *p = digits + sizeof(digits);
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--p = '-';
    buf_append(buf, p, (size_t)(digits + sizeof(digits) - p));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    char *room = buf_reserve(buf, BUF_FIRST_BYTES);
    va_list args, again;
    int len;

    if (!room)
        return;
    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(room, BUF_FIRST_BYTES, format, args);
    if (len >= BUF_FIRST_BYTES) {
        room = buf_reserve(buf, (size_t)len + 1);
        if (room)
            vsnprintf(room, (size_t)len + 1, format, again);
    }
    va_end(again);
    va_end(args);
    if (len < 0)
        buf->failed = true;
    else if (!buf->failed)
        buf->len += (size_t)len;
}

void buf_consume(struct buf *buf, size_t len)
{
    CHECK(len <= buf->len);
    if (len == 0)
        return;
    memmove(buf->data, buf->data + len, buf->len - len);
    buf->len -= len;
}

char *buf_terminate(struct buf *buf)
{
    char *room = buf_reserve(buf, 1);

    if (!room)
        return NULL;
    *room = '\0';
    return buf->data;
}

struct buf buf_take(struct buf *buf)
{
    struct buf taken = *buf;

    *buf = (struct buf){ 0 };
    return taken;
}
