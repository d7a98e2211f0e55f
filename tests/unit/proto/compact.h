/*
 * Expected conversations in short: E(x) is a GenericError "JSON parse error, x", NO is "QMP input
 * must be a JSON object", L(x) is any other error's text; success lines stand as they are.
 */
#pragma once

#include "unit/proto/serve.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void compact_line(struct buf *out, const char *line, size_t len)
{
    static const char head[] = "{\"error\": {\"class\": \"GenericError\", \"desc\": \"";
    static const char syntax[] = "JSON parse error, ";
    static const char no_object[] = "QMP input must be a JSON object";
    size_t head_len = sizeof(head) - 1;

    if (len < head_len + 3 || memcmp(line, head, head_len) != 0) {
        buf_append(out, line, len);
        return;
    }
    line += head_len;
    len -= head_len + 3;
    if (len == sizeof(no_object) - 1 && memcmp(line, no_object, len) == 0) {
        buf_puts(out, "NO");
    } else if (len >= sizeof(syntax) - 1 && memcmp(line, syntax, sizeof(syntax) - 1) == 0) {
        buf_puts(out, "E(");
        buf_append(out, line + sizeof(syntax) - 1, len - (sizeof(syntax) - 1));
        buf_putc(out, ')');
    } else {
        buf_puts(out, "L(");
        buf_append(out, line, len);
        buf_putc(out, ')');
    }
}

/* The replies of a conversation, one after the other, with "; " between. */
static char *compact(const struct buf *replies)
{
    struct buf out = { 0 };
    size_t at = 0;

    while (at < replies->len) {
        const char *line = replies->data + at;
        const char *end = memchr(line, '\n', replies->len - at);

        assert_non_null(end);
        if (at > 0)
            buf_puts(&out, "; ");
        compact_line(&out, line, (size_t)(end - line));
        at += (size_t)(end - line) + 1;
    }
    assert_non_null(buf_terminate(&out));
    return out.data;
}

/* Serves the input cut at `cut` (0: whole) and then in pieces of `piece` bytes (0: the rest). */
static char *serve_cut(const char *input, size_t len, size_t cut, size_t piece)
{
    struct framer *framer = framer_new(FRAMER_MAX_BYTES);
    struct buf replies = { 0 };
    char *text;

    serve_feed(framer, input, cut, &replies);
    while (piece > 0 && len - cut > piece) {
        serve_feed(framer, input + cut, piece, &replies);
        cut += piece;
    }
    serve_feed(framer, input + cut, len - cut, &replies);
    text = compact(&replies);
    buf_done(&replies);
    framer_free(framer);
    return text;
}

/* The same replies, wherever the input is cut. */
static void expect_replies(const char *input, size_t len, const char *expected)
{
    size_t cut;

    for (cut = 0; cut <= len; cut++) {
        CLEANUP(free_ptr) char *text = serve_cut(input, len, cut, 0);

        assert_string_equal(text, expected);
    }
    for (cut = 1; cut <= 3; cut++) {
        CLEANUP(free_ptr) char *text = serve_cut(input, len, 0, cut);

        assert_string_equal(text, expected);
    }
}

#define EXPECT(input, expected) expect_replies(input, sizeof(input) - 1, expected)
