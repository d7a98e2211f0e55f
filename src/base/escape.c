/*
 * base/escape.c - a walk over UTF-8; runs of harmless characters are copied whole.
 */
#include "base/escape.h"

static const struct {
    uint32_t first, last;
} hidden[] = {
    { 0x00, 0x1f },     { 0x7f, 0x9f },     { 0xad, 0xad },     { 0x61c, 0x61c },
    { 0x180e, 0x180e }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
    { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff }, { 0xe0000, 0xe0fff },
};

static bool is_hidden(uint32_t code)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(hidden); i++) {
        if (code >= hidden[i].first && code <= hidden[i].last)
            return true;
    }
    return false;
}

/* The code of `len` bytes that begin with a lead byte of such a sequence. False: overlong, a
 * surrogate, too large, or a byte in it is no continuation. */
static bool decode(const unsigned char *text, size_t len, uint32_t *ret_code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t code = text[0] & (0xFFu >> (len + 1));
    size_t i;

    for (i = 1; i < len; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return false;
        code = code << 6 | (text[i] & 0x3Fu);
    }
    *ret_code = code;
    return code >= least[len] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

/* Bytes of the visible character at `text`; 0: its first byte has to be escaped. */
static size_t visible_len(const unsigned char *text, size_t left)
{
    uint32_t code;
    size_t len;

    if (text[0] < 0x80)
        return is_hidden(text[0]) ? 0 : 1;
    if (text[0] < 0xC2 || text[0] > 0xF4)
        return 0;
    len = text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;
    return len <= left && decode(text, len, &code) && !is_hidden(code) ? len : 0;
}

/* As far as nothing needs an escape. */
static size_t plain_len(const char *text, size_t len, char quote)
{
    size_t at = 0;

    while (at < len && text[at] != '\\' && (text[at] != quote || quote == '\0')) {
        size_t step = visible_len((const unsigned char *)text + at, len - at);

        if (step == 0)
            break;
        at += step;
    }
    return at;
}

static void append(struct buf *out, const char *text, size_t len, char quote)
{
    while (len > 0) {
        size_t plain = plain_len(text, len, quote);

        buf_append(out, text, plain);
        text += plain;
        len -= plain;
        if (len == 0)
            break;
        if (*text == '\\' || (quote != '\0' && *text == quote))
            buf_printf(out, "\\%c", *text);
        else
            buf_printf(out, "\\x%02x", (unsigned char)*text);
        text++;
        len--;
    }
}

void escape_append(struct buf *out, const char *text, size_t len)
{
    append(out, text, len, '\0');
}

void escape_quoted_max(struct buf *out, const char *text, size_t max)
{
    size_t len;

    if (!text) {
        buf_puts(out, "null");
        return;
    }
    len = strnlen(text, max);
    buf_putc(out, '"');
    append(out, text, len, '"');
    buf_puts(out, len == max && text[len] != '\0' ? "\"..." : "\"");
}

void escape_quoted(struct buf *out, const char *text)
{
    escape_quoted_max(out, text, SIZE_MAX);
}
