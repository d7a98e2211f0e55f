/* One JSON text to a document, for tests of what works on documents. */
#pragma once

#include "proto/framer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* NULL and *reterr if it is refused. */
static struct json_doc *parse_bytes(const char *text, size_t len, struct cmd_error *reterr)
{
    struct framer *framer = framer_new(FRAMER_MAX_BYTES);
    struct json_doc *doc = NULL;
    enum frame_event event = FRAME_MORE;
    size_t done = 0;

    while (event == FRAME_MORE && done <= len) {
        size_t room, part;
        char *space = framer_space(framer, &room);

        assert_non_null(space);
        part = MIN_OF(room - 1, len - done);
        memcpy(space, text + done, part);
        done += part;
        if (done == len) { /* a blank ends numbers and words */
            space[part++] = ' ';
            done++;
        }
        framer_fed(framer, part);
        event = framer_next(framer, &doc, reterr);
    }
    framer_free(framer);
    return event == FRAME_MESSAGE ? doc : NULL;
}

static inline struct json_doc *parse(const char *text)
{
    struct cmd_error error = { 0 };
    struct json_doc *doc = parse_bytes(text, strlen(text), &error);

    if (!doc) {
        fail_msg("'%s' is refused: %s", text, error.text);
        abort(); /* never reached: fail_msg() jumps */
    }
    return doc;
}
