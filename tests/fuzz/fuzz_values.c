/*
 * Values: what both our framer and json-c's strict tokener accept is the same value.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "proto/framer.h"

#include <json-c/json.h>

static struct json_doc *parse_ours(const uint8_t *data, size_t size)
{
    struct framer *framer = framer_new(FRAMER_MAX_BYTES);
    struct cmd_error error = { 0 };
    struct json_doc *doc = NULL;
    enum frame_event event = FRAME_MORE;
    size_t room, at = 0;

    while (event == FRAME_MORE && at <= size) {
        char *space = framer_space(framer, &room);
        size_t part = MIN_OF(room - 1, size - at);

        memcpy(space, data + at, part);
        at += part;
        if (at == size) {
            space[part++] = '\n';
            at++;
        }
        framer_fed(framer, part);
        event = framer_next(framer, &doc, &error);
    }
    if (event == FRAME_MESSAGE) { /* one value, and nothing behind it */
        struct json_doc *more = NULL;

        if (at <= size || framer_next(framer, &more, &error) != FRAME_MORE)
            doc = json_doc_free(doc);
        json_doc_free(more);
    }
    cmd_error_done(&error);
    framer_free(framer);
    return doc;
}

static bool same_double(const struct json_doc *doc, const struct json_node *node, double value)
{
    char *text = strndup(json_str(doc, node), node->str.len);
    double ours = strtod(text, NULL);

    free(text);
    return memcmp(&ours, &value, sizeof(value)) == 0;
}

static void compare(const struct json_doc *doc, const struct json_node *node,
                    struct json_object *value);

static void compare_array(const struct json_doc *doc, const struct json_node *node,
                          struct json_object *array)
{
    uint32_t i = (uint32_t)(node - doc->nodes) + 1;
    size_t at = 0;

    CHECK(json_object_is_type(array, json_type_array));
    CHECK(json_object_array_length(array) == node->count);
    for (; i < node->next; i = doc->nodes[i].next)
        compare(doc, &doc->nodes[i], json_object_array_get_idx(array, at++));
    CHECK(at == node->count);
}

static void compare_object(const struct json_doc *doc, const struct json_node *node,
                           struct json_object *object)
{
    uint32_t i = (uint32_t)(node - doc->nodes) + 1;

    CHECK(json_object_is_type(object, json_type_object));
    for (; i < node->next; i = doc->nodes[i + 1].next) {
        struct json_object *value;

        if (memchr(json_str(doc, &doc->nodes[i]), '\0', doc->nodes[i].str.len))
            continue; /* json-c's keys end there */
        CHECK(json_object_object_get_ex(object, json_str(doc, &doc->nodes[i]), &value));
        compare(doc, &doc->nodes[i + 1], value);
    }
}

static void compare(const struct json_doc *doc, const struct json_node *node,
                    struct json_object *value)
{
    switch ((enum json_node_type)node->type) {
    case JSON_NULL:
        CHECK(!value);
        break;
    case JSON_BOOL:
        CHECK(json_object_is_type(value, json_type_boolean));
        CHECK(json_object_get_boolean(value) == node->boolean);
        break;
    case JSON_INT:
        CHECK(json_object_is_type(value, json_type_int));
        CHECK(json_object_get_int64(value) == node->integer);
        break;
    case JSON_UINT:
        CHECK(json_object_is_type(value, json_type_int));
        CHECK(json_object_get_uint64(value) == node->uinteger);
        break;
    case JSON_DOUBLE: /* json-c keeps integers that are too big at the ends of their range */
        CHECK(json_object_is_type(value, json_type_int) ||
              same_double(doc, node, json_object_get_double(value)));
        break;
    case JSON_STRING:
        CHECK(json_object_is_type(value, json_type_string));
        CHECK((size_t)json_object_get_string_len(value) == node->str.len);
        CHECK(memcmp(json_object_get_string(value), json_str(doc, node), node->str.len) == 0);
        break;
    case JSON_ARRAY:
        compare_array(doc, node, value);
        break;
    case JSON_OBJECT:
        compare_object(doc, node, value);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_tokener *tokener;
    struct json_object *value;
    struct json_doc *doc;

    /* a NUL ends json-c's input; C0 80 is U+0000 to us and two bytes to it */
    if (size > 1 << 20 || memchr(data, '\0', size) || memmem(data, size, "\xC0\x80", 2))
        return 0;
    tokener = json_tokener_new_ex(FRAMER_MAX_DEPTH + 1);
    CHECK(tokener);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    value = json_tokener_parse_ex(tokener, (const char *)data, (int)size);
    if (json_tokener_get_error(tokener) == json_tokener_continue)
        value = json_tokener_parse_ex(tokener, "", 1);
    doc = parse_ours(data, size);
    if (doc && json_tokener_get_error(tokener) == json_tokener_success)
        compare(doc, doc->nodes, value);
    json_doc_free(doc);
    json_object_put(value);
    json_tokener_free(tokener);
    return 0;
}
