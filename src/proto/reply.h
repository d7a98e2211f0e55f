/*
 * Reply text: one line, ASCII, `{"return": {}}` spacing.
 *
 * Threads    none. Ownership: the text is the caller's buffer.
 * Text       everything outside 0x20..0x7E is escaped (\u00E9, upper-case hex, surrogate pairs);
 *            what is no UTF-8 comes out as \uFFFD, one for each malformed sequence, as in
 *            qemu-ga; so any byte string may be given. C0 80 is U+0000.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "proto/json.h"

#include <json-c/json.h>

/* A reply with a value: begin, the value's JSON text, end.
 *
 *     reply_begin(buf, delimited)      [0xFF] {"return":_
 *     ... text_value() or own text ...
 *     reply_end(buf, doc, id)          [, "id": ID]}\n
 *
 * `delimited` puts 0xFF in front (guest-sync-delimited). `id` NULL: none. */
void reply_begin(struct buf *text, bool delimited);
void reply_end(struct buf *text, const struct json_doc *doc, const struct json_node *id);

/* {["id": ID, ]"error": {"class": C, "desc": D}}\n; `text` is emptied first. */
void reply_error(struct buf *text, const struct cmd_error *error, const struct json_doc *doc,
                 const struct json_node *id);

/* JSON text of a json-c value (NULL: null), of a request's value, of a string. */
void text_value(struct buf *text, struct json_object *value);
void text_node(struct buf *text, const struct json_doc *doc, const struct json_node *node);
void text_string(struct buf *text, const char *bytes, size_t len);

/* How long text_node() will be: exact for strings, a few bytes more for other values. It stops
 * counting above `most` and returns more than that. */
size_t text_node_size(const struct json_doc *doc, const struct json_node *node, size_t most);

/* Members of an object: `lead` is everything up to the value (`, "unit": `), as it goes out. */
void text_int_member(struct buf *text, const char *lead, int64_t value);
void text_str_member(struct buf *text, const char *lead, const char *value);

/* For replies made with json-c: members that cannot be made return -ENOMEM. */
int json_add(struct json_object *object, const char *key, struct json_object *value);
int json_add_str(struct json_object *object, const char *key, const char *value);
int json_add_int(struct json_object *object, const char *key, int64_t value);
int json_add_bool(struct json_object *object, const char *key, bool value);
int json_append(struct json_object *array, struct json_object *value);
/* For CLEANUP(). */
void json_putp(struct json_object **object);
