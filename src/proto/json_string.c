#include "proto/json_string.h"

static bool is_noncharacter(int32_t code)
{
    return (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE;
}

/* How many bytes a sequence has by its first one; 0: none begins so. */
static size_t sequence_size(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xC0 || first >= 0xFE)
        return 0;
    return (size_t)__builtin_clz(~((unsigned)first << 24)); /* leading ones */
}

/* The least code point that takes so many bytes. */
static int32_t least_code(size_t size)
{
    static const int32_t least[] = { 0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000 };

    return least[size];
}

int32_t utf8_decode(const char *text, size_t len, size_t *ret_size)
{
    unsigned char first = (unsigned char)text[0];
    size_t size = sequence_size(first), i;
    int32_t code;

    *ret_size = 1;
    if (size <= 1)
        return size == 1 ? first : -1;
    code = first & (0x7F >> size);
    for (i = 1; i < size; i++) {
        if (i == len || ((unsigned char)text[i] & 0xC0) != 0x80)
            return -1;
        code = (int32_t)((uint32_t)code << 6 | ((unsigned char)text[i] & 0x3F));
        *ret_size = i + 1;
    }
    if (code < least_code(size) && !(size == 2 && code == 0))
        return -1;
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF) || is_noncharacter(code))
        return -1;
    return code;
}

static char *utf8_encode(char *out, int32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xC0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *out++ = (char)(0xE0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3F));
        *out++ = (char)(0x80 | (code & 0x3F));
    } else {
        *out++ = (char)(0xF0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3F));
        *out++ = (char)(0x80 | (code >> 6 & 0x3F));
        *out++ = (char)(0x80 | (code & 0x3F));
    }
    return out;
}

/* Four hexadecimal digits, or -1. */
static int32_t hex4(const char *text, const char *end)
{
    int32_t value = 0;
    int i;

    if (end - text < 4)
        return -1;
    for (i = 0; i < 4; i++) {
        char c = text[i], lower = (char)(c | 0x20);

        if (c >= '0' && c <= '9')
            value = value << 4 | (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value << 4 | (lower - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/* The code point of the escape at `in` ("\uXXXX", or a pair of surrogates), and its length. */
static int32_t unicode_escape(const char *in, const char *end, size_t *ret_size)
{
    int32_t code = hex4(in + 2, end), low;

    *ret_size = 6;
    if (code < 0xD800 || code > 0xDFFF)
        return code >= 0 && is_noncharacter(code) ? -1 : code;
    if (code > 0xDBFF || end - in < 8 || in[6] != '\\' || in[7] != 'u')
        return -1;
    low = hex4(in + 8, end);
    if (low < 0xDC00 || low > 0xDFFF)
        return -1;
    *ret_size = 12;
    code = 0x10000 + ((code & 0x3FF) << 10 | (low & 0x3FF));
    return is_noncharacter(code) ? -1 : code;
}

/* What a short escape stands for, or NUL. */
static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\'':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return '\0';
    }
}

/* One escape from *io_in to *io_out. `end` is the closing quote. */
static int decode_escape(const char **io_in, const char *end, char **io_out,
                         struct cmd_error *reterr)
{
    const char *in = *io_in;
    char c = short_escape(in[1]);
    int32_t code;
    size_t size;

    if (c != '\0') {
        *(*io_out)++ = c;
        *io_in += 2;
        return 0;
    }
    if (in[1] != 'u')
        return cmd_fail(reterr, "JSON parse error, invalid escape sequence in string");
    code = unicode_escape(in, end, &size);
    if (code < 0) { /* named as it was written; one that is too short takes the quote along */
        int shown = (int)MIN_OF((ptrdiff_t)size, end + 1 - in);

        return cmd_fail(reterr, "JSON parse error, %.*s is not a valid Unicode character", shown,
                        in);
    }
    *io_out = utf8_encode(*io_out, code);
    *io_in += size;
    return 0;
}

/* A run without escapes from *io_in to *io_out: up to a backslash or the end. */
static int decode_run(const char **io_in, const char *end, char **io_out, bool non_ascii,
                      struct cmd_error *reterr)
{
    const char *in = *io_in;
    const char *stop = memchr(in, '\\', (size_t)(end - in));
    char *out = *io_out;

    if (!stop)
        stop = end;
    if (!non_ascii) {
        memmove(out, in, (size_t)(stop - in));
        *io_out = out + (stop - in);
        *io_in = stop;
        return 0;
    }
    while (in < stop) {
        size_t size;
        int32_t code = utf8_decode(in, (size_t)(stop - in), &size);

        if (code < 0)
            return cmd_fail(reterr, "JSON parse error, invalid UTF-8 sequence in string");
        out = utf8_encode(out, code);
        in += size;
    }
    *io_out = out;
    *io_in = in;
    return 0;
}

int json_string_decode(char *text, const struct token *token, size_t *ret_len,
                       struct cmd_error *reterr)
{
    char *start = text + 1, *out = start;
    char *end = text + token->len - 1;
    const char *in = start;

    if (!token->escapes && !token->non_ascii)
        out = end;
    else
        while (in < end) {
            int r = *in == '\\' ? decode_escape(&in, end, &out, reterr)
                                : decode_run(&in, end, &out, token->non_ascii, reterr);

            if (r < 0)
                return r;
        }
    *out = '\0';
    *ret_len = (size_t)(out - start);
    return 0;
}
