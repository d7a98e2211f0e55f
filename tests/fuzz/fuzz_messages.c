/*
 * One value is one message: what json-c's strict tokener takes as exactly one value comes out of
 * the framer as exactly one message or one error, whatever it holds, whatever limit it exceeds and
 * wherever it is cut; and what follows it is read as if it had not been there.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "proto/framer.h"

#include <ctype.h>
#include <json-c/json.h>

/* What json-c takes although it is no JSON: a control character in a string, NaN and Infinity,
 * "1." and "-01". */
static bool is_lax(const char *text, size_t len)
{
    bool in_string = false;
    size_t i;

    for (i = 0; i < len; i++) {
        char c = text[i];
        char next = i + 1 < len ? text[i + 1] : ' ';

        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (in_string && (unsigned char)c < 0x20)
            return true;
        else if (in_string)
            continue;
        else if (c == 'N' || c == 'I' || (c == '.' && !isdigit((unsigned char)next)))
            return true;
        else if (c == '-' && next == '0' && i + 2 < len && isdigit((unsigned char)text[i + 2]))
            return true;
    }
    return false;
}

static bool is_one_value(const char *text, size_t len)
{
    struct json_tokener *tokener = json_tokener_new_ex(1 << 16);
    struct json_object *value;
    bool one;

    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    value = json_tokener_parse_ex(tokener, text, (int)len);
    one = json_tokener_get_error(tokener) == json_tokener_success &&
          json_tokener_get_parse_end(tokener) == len && !memchr(text, '\0', len);
    json_object_put(value);
    json_tokener_free(tokener);
    return one && !is_lax(text, len);
}

/* Bytes that say what is chosen next; zeros behind their end. */
struct choices {
    const uint8_t *data;
    size_t len;
};

static unsigned choose(struct choices *choices, unsigned count)
{
    if (choices->len == 0)
        return 0;
    choices->len--;
    return *choices->data++ % count;
}

static void put_blank(struct buf *text, struct choices *choices)
{
    static const char *const blanks[] = { "", "\n", " ", "\r\n\t" };

    buf_puts(text, blanks[choose(choices, ARRAY_LEN(blanks))]);
}

static void put_scalar(struct buf *text, struct choices *choices)
{
    static const char *const scalars[] = {
        "{\"execute\":\"guest-ping\"}",
        "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":1}}",
        "\n{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"x\"},\"id\":2}\n",
        "0",
        "-0e5",
        "18446744073709551616.25E-3",
        "true",
        "null",
        "\"\"",
        "\"{'execute':'guest-ping'}\"",
        "\"\\\"\\\\\\n{\"",
        "\"\\ud800\"",
        "\"\xc3\xa9\"",
        "[]",
        "{}",
        "{\"a\":1,\"a\":2}",
    };

    buf_puts(text, scalars[choose(choices, ARRAY_LEN(scalars))]);
}

/* A valid value, as the choices have it. */
static void put_value(struct buf *text, struct choices *choices, unsigned depth)
{
    unsigned kind = depth < 40 ? choose(choices, 4) : 0;

    put_blank(text, choices);
    if (kind < 2) {
        put_scalar(text, choices);
    } else {
        bool object = kind == 3;
        unsigned i, count = 1 + choose(choices, 4);

        buf_putc(text, object ? '{' : '[');
        for (i = 0; i < count; i++) {
            buf_puts(text, i > 0 ? "," : "");
            put_blank(text, choices);
            if (object)
                buf_printf(text, "%s:", choose(choices, 2) ? "\"execute\"" : "\"k\"");
            put_value(text, choices, depth + 1);
        }
        buf_putc(text, object ? '}' : ']');
    }
    put_blank(text, choices);
}

/* Feeds the bytes; counts messages and errors together. */
static unsigned feed(struct framer *framer, const char *data, size_t len, size_t most)
{
    unsigned count = 0;

    while (len > 0) {
        size_t room, part;
        char *space = framer_space(framer, &room);
        enum frame_event event;

        CHECK(space);
        part = MIN_OF(MIN_OF(room, most), len);
        memcpy(space, data, part);
        framer_fed(framer, part);
        data += part;
        len -= part;
        do {
            CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
            struct json_doc *doc = NULL;

            event = framer_next(framer, &doc, &error);
            json_doc_free(doc);
            count += event != FRAME_MORE;
        } while (event != FRAME_MORE);
    }
    return count;
}

/* The value after `before`, which leaves nothing unfinished, and the same again. */
static void check_one(const struct buf *value, const char *before, size_t limit, size_t most)
{
    struct framer *framer = framer_new(limit);

    CHECK(framer);
    feed(framer, before, strlen(before), most);
    CHECK(feed(framer, value->data, value->len, most) == 1);
    CHECK(feed(framer, value->data, value->len, most) == 1);
    framer_free(framer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* behind 0xFF text is skipped up to the line's end, as in qemu-ga */
    static const char *const befores[] = { "", "[1,\n{\"a\":\xff\n", "[1 2\n{\"x\":\"\xff\n",
                                           "$\n" };
    struct buf value = { 0 };
    size_t limits[] = { FRAMER_MAX_BYTES, 70, 20 };
    size_t i, most;

    if (size < 2)
        return 0;
    most = data[0] % 16 + 1;
    if (data[1] % 2) {
        buf_append(&value, data + 2, size - 2);
    } else {
        struct choices choices = { data + 2, size - 2 };

        put_value(&value, &choices, 0);
    }
    buf_putc(&value, '\n'); /* ends numbers and words */
    if (is_one_value(value.data, value.len)) {
        for (i = 0; i < ARRAY_LEN(limits); i++) {
            check_one(&value, befores[data[1] / 2 % ARRAY_LEN(befores)], limits[i], SIZE_MAX);
            check_one(&value, befores[data[1] / 8 % ARRAY_LEN(befores)], limits[i], most);
        }
    } else {
        CHECK(data[1] % 2 != 0); /* what was made is valid */
    }
    buf_done(&value);
    return 0;
}
