#include "proto/reply.h"

#include <errno.h>

void reply_begin(struct buf *text, bool delimited)
{
    if (delimited)
        buf_putc(text, '\xFF');
    buf_puts(text, "{\"return\": ");
}

void reply_end(struct buf *text, const struct json_doc *doc, const struct json_node *id)
{
    if (id) {
        buf_puts(text, ", \"id\": ");
        text_node(text, doc, id);
    }
    buf_puts(text, "}\n");
}

void reply_error(struct buf *text, const struct cmd_error *error, const struct json_doc *doc,
                 const struct json_node *id)
{
    const char *desc = error->text ? error->text : "";

    text->len = 0;
    buf_putc(text, '{');
    if (id) {
        buf_puts(text, "\"id\": ");
        text_node(text, doc, id);
        buf_puts(text, ", ");
    }
    buf_puts(text, "\"error\": {\"class\": ");
    buf_puts(text,
             error->class == CMD_ERROR_NOT_FOUND ? "\"CommandNotFound\"" : "\"GenericError\"");
    buf_puts(text, ", \"desc\": ");
    text_string(text, desc, strlen(desc));
    buf_puts(text, "}}\n");
}

void text_int_member(struct buf *text, const char *lead, int64_t value)
{
    buf_puts(text, lead);
    buf_put_int(text, value);
}

void text_str_member(struct buf *text, const char *lead, const char *value)
{
    buf_puts(text, lead);
    text_string(text, value, strlen(value));
}

int json_add(struct json_object *object, const char *key, struct json_object *value)
{
    if (object && value && json_object_object_add(object, key, value) == 0)
        return 0;
    json_object_put(value);
    return -ENOMEM;
}

int json_add_str(struct json_object *object, const char *key, const char *value)
{
    return json_add(object, key, json_object_new_string(value));
}

int json_add_int(struct json_object *object, const char *key, int64_t value)
{
    return json_add(object, key, json_object_new_int64(value));
}

int json_add_bool(struct json_object *object, const char *key, bool value)
{
    return json_add(object, key, json_object_new_boolean(value));
}

int json_append(struct json_object *array, struct json_object *value)
{
    if (array && value && json_object_array_add(array, value) == 0)
        return 0;
    json_object_put(value);
    return -ENOMEM;
}

void json_putp(struct json_object **object)
{
    json_object_put(*object);
    *object = NULL;
}
