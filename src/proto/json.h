/*
 * A parsed JSON value of a request: nodes in one array, strings decoded in place in the text.
 *
 * Threads    none: a document has one owner; it is handed over whole.
 * Ownership  json_doc_free() frees text and nodes. Strings point into the text: a payload of
 *            megabytes is never copied, and whoever owns the document may decode it in place.
 *
 * Nodes stand in document order. An object's members are pairs key node (a string), value. Children
 * follow their container; `next` is the index behind the node's whole subtree, so a walk is:
 *
 *     for (i = node + 1; i < nodes[node].next; i = nodes[i].next)
 */
#pragma once

#include "base/buf.h"
#include "base/defs.h"

enum json_node_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_INT,    /* fits int64 */
    JSON_UINT,   /* fits uint64 only */
    JSON_DOUBLE, /* anything else; its text is kept, since it may be too big for a double */
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json_node {
    uint8_t type; /* enum json_node_type */
    uint32_t next;
    union {
        bool boolean;
        int64_t integer;
        uint64_t uinteger;
        struct {
            uint32_t off, len; /* JSON_STRING: the decoded bytes, NUL-terminated in the text.
                                * JSON_DOUBLE: the number as it was written. */
        } str;
        uint32_t count; /* elements or members */
    };
};

struct json_doc {
    struct json_node *nodes; /* nodes[0] is the value itself */
    uint32_t node_count;
    bool owns_nodes;  /* they are an allocation of their own */
    struct buf text;  /* never buf_done(): it lies in the document or in text_block */
    char *text_block; /* text.cap bytes: the input buffer that a large document took along */
};

/* A document in one piece: copies of `node_count` nodes and of the text. NULL: no memory. */
struct json_doc *json_doc_new(const struct json_node *nodes, uint32_t node_count, const char *text,
                              size_t text_len);

/* A document without text that takes malloc'ed nodes. NULL: no memory, and they are freed. */
struct json_doc *json_doc_take(struct json_node *nodes, uint32_t node_count);

/* Its text: block + off, which goes to block_free() with the document; or a copy (0, -ENOMEM). */
void json_doc_take_text(struct json_doc *doc, char *block, size_t block_cap, size_t off,
                        size_t text_len);
int json_doc_copy_text(struct json_doc *doc, const char *text, size_t text_len);

/* Bytes of memory that the document holds, what malloc adds included. */
size_t json_doc_held(const struct json_doc *doc);

struct json_doc *json_doc_free(struct json_doc *doc);

/* Overwrites the text of a document that held a secret, before it is freed. NULL is fine. */
void json_doc_wipe(struct json_doc *doc);

static inline char *json_str(const struct json_doc *doc, const struct json_node *node)
{
    return doc->text.data + node->str.off;
}

/* True if a string node is exactly `text`. */
bool json_str_is(const struct json_doc *doc, const struct json_node *node, const char *text);

/* The value of member `key` of an object node, or NULL. */
const struct json_node *json_get(const struct json_doc *doc, const struct json_node *object,
                                 const char *key);
