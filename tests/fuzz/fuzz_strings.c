/*
 * A string on its way through the vectorised scan and the decoder in place, against a plain lexer
 * and decoder that go byte by byte: both accept and refuse the same and yield the same bytes.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "proto/framer.h"
#include "proto/scan.h"

/* Four hexadecimal digits from *io_at on; -1 if there are not. */
static long plain_hex4(const uint8_t *data, size_t len, size_t at)
{
    char digits[5] = { 0 };
    size_t i;

    if (at + 4 > len)
        return -1;
    for (i = 0; i < 4; i++) {
        digits[i] = (char)data[at + i];
        if (!digits[i] || !strchr("0123456789abcdefABCDEF", digits[i]))
            return -1;
    }
    return strtol(digits, NULL, 16);
}

static bool plain_put(struct buf *out, long code)
{
    if (code < 0 || (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF)
        return false;
    if ((code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFF) >= 0xFFFE)
        return false;
    if (code < 0x80) {
        buf_putc(out, (char)code);
    } else if (code < 0x800) {
        buf_putc(out, (char)(0xC0 + code / 64));
        buf_putc(out, (char)(0x80 + code % 64));
    } else if (code < 0x10000) {
        buf_putc(out, (char)(0xE0 + code / 4096));
        buf_putc(out, (char)(0x80 + code / 64 % 64));
        buf_putc(out, (char)(0x80 + code % 64));
    } else {
        buf_putc(out, (char)(0xF0 + code / 262144));
        buf_putc(out, (char)(0x80 + code / 4096 % 64));
        buf_putc(out, (char)(0x80 + code / 64 % 64));
        buf_putc(out, (char)(0x80 + code % 64));
    }
    return true;
}

static bool plain_escape(const uint8_t *data, size_t len, size_t *io_at, struct buf *out)
{
    static const char from[] = "\"'\\/bfnrt", to[] = "\"'\\/\b\f\n\r\t";
    const char *found = strchr(from, (char)data[*io_at]);
    long code, low;

    if (found && *found) {
        buf_putc(out, to[found - from]);
        *io_at += 1;
        return true;
    }
    if (data[*io_at] != 'u')
        return false;
    code = plain_hex4(data, len, *io_at + 1);
    *io_at += 5;
    if (code >= 0xD800 && code <= 0xDBFF && *io_at + 1 < len && data[*io_at] == '\\' &&
        data[*io_at + 1] == 'u') {
        low = plain_hex4(data, len, *io_at + 2);
        if (low < 0xDC00 || low > 0xDFFF)
            return false;
        *io_at += 6;
        code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
    }
    return plain_put(out, code);
}

static bool plain_utf8(const uint8_t *data, size_t len, size_t *io_at, struct buf *out)
{
    uint8_t first = data[*io_at];
    size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1, i;
    long code = first & (more == 3 ? 0x07 : more == 2 ? 0x0F : 0x1F);
    static const long least[] = { 0, 0x80, 0x800, 0x10000 };

    if (first < 0xC0 || first >= 0xF8 || *io_at + more >= len)
        return false;
    for (i = 1; i <= more; i++) {
        if (data[*io_at + i] / 64 != 2)
            return false;
        code = code * 64 + data[*io_at + i] % 64;
    }
    *io_at += more + 1;
    if (first == 0xC0 && code == 0)
        return plain_put(out, 0);
    return code >= least[more] && plain_put(out, code);
}

/* Decodes the body (no quotes around it). False: refused. */
static bool plain_decode(const uint8_t *data, size_t len, struct buf *out)
{
    size_t at = 0;
    bool good = true;

    while (at < len && good) {
        if (data[at] == '\\') {
            at++;
            good = plain_escape(data, len, &at, out);
        } else if (data[at] < 0x80) {
            buf_putc(out, (char)data[at++]);
        } else {
            good = plain_utf8(data, len, &at, out);
        }
    }
    return good;
}

/* True if the body ends nowhere but at its end: no quote, no forbidden byte. */
static bool plain_body(const uint8_t *data, size_t len, uint8_t quote)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (data[i] < 0x20 || data[i] >= 0xFE || data[i] == quote)
            return false;
        if (data[i] == '\\' && (++i == len || data[i] < 0x20 || data[i] >= 0xFE))
            return false;
    }
    return true;
}

/* [ "body" ] through the framer. NULL: refused. */
static struct json_doc *framed(const uint8_t *data, size_t size, char quote)
{
    struct framer *framer = framer_new(FRAMER_MAX_BYTES);
    struct cmd_error error = { 0 };
    struct json_doc *doc = NULL;
    struct buf input = { 0 };
    size_t room, at = 0;

    buf_putc(&input, '[');
    buf_putc(&input, quote);
    buf_append(&input, data, size);
    buf_putc(&input, quote);
    buf_putc(&input, ']');
    while (at < input.len) {
        char *space = framer_space(framer, &room);
        size_t part = MIN_OF(room, input.len - at);

        memcpy(space, input.data + at, part);
        framer_fed(framer, part);
        at += part;
        if (framer_next(framer, &doc, &error) != FRAME_MORE)
            break;
    }
    cmd_error_done(&error);
    buf_done(&input);
    framer_free(framer);
    return doc;
}

static void compare(const uint8_t *data, size_t size, char quote)
{
    struct buf wanted = { 0 };
    bool good = plain_body(data, size, (uint8_t)quote) && plain_decode(data, size, &wanted);
    struct json_doc *doc = framed(data, size, quote);

    if (good) {
        const struct json_node *node;

        CHECK(doc && doc->node_count == 2);
        node = &doc->nodes[1];
        CHECK(node->type == JSON_STRING && node->str.len == wanted.len);
        CHECK(wanted.len == 0 || memcmp(json_str(doc, node), wanted.data, wanted.len) == 0);
        CHECK(json_str(doc, node)[wanted.len] == '\0');
    } else if (doc) { /* the body held a quote: more values, but never the one string */
        CHECK(!plain_body(data, size, (uint8_t)quote));
    }
    json_doc_free(doc);
    buf_done(&wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const codecs[] = { "swar", "sse2", "avx2" };
    const char *best = scan_codec();
    size_t i;

    for (i = 0; i < ARRAY_LEN(codecs); i++) {
        if (scan_choose(codecs[i]) < 0)
            continue;
        compare(data, size, '"');
        compare(data, size, '\'');
    }
    CHECK(scan_choose(best) == 0);
    return 0;
}
