#include "proto/text.h"

#include "base/uninitialized.h"
#include "proto/framer_limits.h"
#include "proto/json_string.h"
#include "proto/reply.h"
#include "proto/scan.h"

#include <inttypes.h>
#include <math.h>

char *text_shown(const char *bytes, size_t len)
{
    struct buf text = { 0 };
    size_t i;

    len = MIN_OF(len, (size_t)TEXT_SHOWN_MAX);
    for (i = 0; i < len; i++) {
        if (bytes[i] == '\0')
            buf_append(&text, "\xC0\x80", 2);
        else
            buf_putc(&text, bytes[i]);
    }
    if (buf_terminate(&text))
        return text.data;
    buf_done(&text);
    return NULL;
}

static void put_hex4(struct buf *text, int32_t unit)
{
    static const char digits[] = "0123456789ABCDEF";
    char escape[6] = { '\\',
                       'u',
                       digits[unit >> 12 & 15],
                       digits[unit >> 8 & 15],
                       digits[unit >> 4 & 15],
                       digits[unit & 15] };

    buf_append(text, escape, sizeof(escape));
}

/* Escapes what begins at `bytes` (it is no plain byte); returns how many bytes that was. */
static size_t put_escaped(struct buf *text, const char *bytes, size_t len)
{
    static const char short_escapes[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
        ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
    };
    char escape = short_escapes[(unsigned char)bytes[0]];
    size_t size = 1;
    int32_t code;

    if (escape != '\0') {
        buf_append(text, (const char[]){ '\\', escape }, 2);
        return 1;
    }
    code = utf8_decode(bytes, len, &size);
    if (code < 0) {
        put_hex4(text, 0xFFFD);
    } else if (code < 0x10000) {
        put_hex4(text, code);
    } else {
        put_hex4(text, 0xD800 | (code - 0x10000) >> 10);
        put_hex4(text, 0xDC00 | (code & 0x3FF));
    }
    return size;
}

void text_string(struct buf *text, const char *bytes, size_t len)
{
    buf_putc(text, '"');
    while (len > 0) {
        size_t plain = scan_plain(bytes, len);

        buf_append(text, bytes, plain);
        bytes += plain;
        len -= plain;
        if (len > 0) {
            size_t size = put_escaped(text, bytes, len);

            bytes += size;
            len -= size;
        }
    }
    buf_putc(text, '"');
}

static void put_double(struct buf *text, double value)
{
    if (isfinite(value))
        buf_printf(text, "%.17g", value);
    else
        buf_puts(text, "null");
}

static void put_object(struct buf *text, struct json_object *object)
{
    const char *separator = "";
    struct json_object_iterator it = json_object_iter_begin(object);
    struct json_object_iterator end = json_object_iter_end(object);

    buf_putc(text, '{');
    for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
        const char *key = json_object_iter_peek_name(&it);

        buf_puts(text, separator);
        text_string(text, key, strlen(key));
        buf_puts(text, ": ");
        text_value(text, json_object_iter_peek_value(&it));
        separator = ", ";
    }
    buf_putc(text, '}');
}

static void put_array(struct buf *text, struct json_object *array)
{
    size_t i, count = json_object_array_length(array);

    buf_putc(text, '[');
    for (i = 0; i < count; i++) {
        if (i > 0)
            buf_puts(text, ", ");
        text_value(text, json_object_array_get_idx(array, i));
    }
    buf_putc(text, ']');
}

void text_value(struct buf *text, struct json_object *value)
{
    int64_t integer;

    switch (json_object_get_type(value)) {
    case json_type_null:
        buf_puts(text, "null");
        break;
    case json_type_boolean:
        buf_puts(text, json_object_get_boolean(value) ? "true" : "false");
        break;
    case json_type_double:
        put_double(text, json_object_get_double(value));
        break;
    case json_type_int:
        integer = json_object_get_int64(value);
        if (integer == INT64_MAX) /* or more: json-c holds uint64 too */
            buf_printf(text, "%" PRIu64, json_object_get_uint64(value));
        else
            buf_put_int(text, integer);
        break;
    case json_type_object:
        put_object(text, value);
        break;
    case json_type_array:
        put_array(text, value);
        break;
    case json_type_string:
        text_string(text, json_object_get_string(value), (size_t)json_object_get_string_len(value));
        break;
    }
}

/* A number that fits no 64-bit integer. One too big for a double is given back as it came. */
static void put_number(struct buf *text, const char *digits, size_t len)
{
    CLEANUP(free_ptr) char *copy = strndup(digits, len);
    double value;

    if (!copy) {
        text->failed = true;
        return;
    }
    value = strtod(copy, NULL);
    if (isfinite(value))
        buf_printf(text, "%.17g", value);
    else
        buf_append(text, digits, len);
}

static void put_scalar(struct buf *text, const struct json_doc *doc, const struct json_node *node)
{
    switch ((enum json_node_type)node->type) {
    case JSON_NULL:
        buf_puts(text, "null");
        break;
    case JSON_BOOL:
        buf_puts(text, node->boolean ? "true" : "false");
        break;
    case JSON_INT:
        buf_put_int(text, node->integer);
        break;
    case JSON_UINT:
        buf_printf(text, "%" PRIu64, node->uinteger);
        break;
    case JSON_DOUBLE:
        put_number(text, json_str(doc, node), node->str.len);
        break;
    case JSON_STRING:
        text_string(text, json_str(doc, node), node->str.len);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
}

/* A container that is being written; a request's nesting bounds their number. */
struct open_node {
    uint32_t end; /* the node behind it */
    bool is_object;
    bool at_key; /* the next node is a key */
};

/* True if node number `i`, which is in a container, is the first one there. */
static bool is_first(const struct json_node *node, uint32_t i)
{
    return node[-1].type >= JSON_ARRAY && node[-1].next > i;
}

/* What stands in front of the next node: it may be the first, a key, or a key's value. */
static void put_separator(struct buf *text, struct open_node *around, bool first)
{
    if (around->is_object && !around->at_key)
        buf_puts(text, ": ");
    else if (!first)
        buf_puts(text, ", ");
    around->at_key = !around->at_key;
}

void text_node(struct buf *text, const struct json_doc *doc, const struct json_node *node)
{
    UNINITIALIZED struct open_node open[FRAMER_MAX_DEPTH];
    uint32_t depth = 0, i = (uint32_t)(node - doc->nodes);

    do {
        const struct json_node *at = &doc->nodes[i];
        bool is_object = at->type == JSON_OBJECT;

        if (depth > 0)
            put_separator(text, &open[depth - 1], is_first(at, i));
        if (at->type >= JSON_ARRAY) {
            CHECK(depth < FRAMER_MAX_DEPTH);
            buf_putc(text, is_object ? '{' : '[');
            open[depth++] = (struct open_node){ at->next, is_object, true };
        } else {
            put_scalar(text, doc, at);
        }
        i++;
        for (; depth > 0 && open[depth - 1].end == i; depth--)
            buf_putc(text, open[depth - 1].is_object ? '}' : ']');
    } while (i < node->next);
}
