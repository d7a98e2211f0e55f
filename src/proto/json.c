#include "proto/json.h"

#include "base/block.h"

#include <errno.h>

#define MALLOC_ADDS 16 /* bytes, for each allocation */

struct json_doc *json_doc_new(const struct json_node *nodes, uint32_t node_count, const char *text,
                              size_t text_len)
{
    size_t nodes_size = node_count * sizeof(*nodes);
    struct json_doc *doc = malloc(sizeof(*doc) + nodes_size + text_len);

    if (!doc)
        return NULL;
    *doc = (struct json_doc){ .nodes = (struct json_node *)(void *)(doc + 1),
                              .node_count = node_count };
    memcpy(doc->nodes, nodes, nodes_size);
    doc->text.data = (char *)(doc->nodes + node_count);
    doc->text.len = doc->text.cap = text_len;
    if (text_len > 0)
        memcpy(doc->text.data, text, text_len);
    return doc;
}

struct json_doc *json_doc_take(struct json_node *nodes, uint32_t node_count)
{
    struct json_doc *doc = malloc(sizeof(*doc));

    if (doc)
        *doc = (struct json_doc){ .nodes = nodes, .node_count = node_count, .owns_nodes = true };
    else
        free(nodes);
    return doc;
}

void json_doc_take_text(struct json_doc *doc, char *block, size_t block_cap, size_t off,
                        size_t text_len)
{
    doc->text.data = block + off;
    doc->text.len = text_len;
    doc->text.cap = block_cap; /* all that is held */
    doc->text_block = block;
}

int json_doc_copy_text(struct json_doc *doc, const char *text, size_t text_len)
{
    char *copy = text_len > 0 ? malloc(text_len) : NULL;

    if (text_len == 0)
        return 0;
    if (!copy)
        return -ENOMEM;
    memcpy(copy, text, text_len);
    json_doc_take_text(doc, copy, text_len, 0, text_len);
    return 0;
}

size_t json_doc_held(const struct json_doc *doc)
{
    return sizeof(*doc) + doc->node_count * sizeof(*doc->nodes) + doc->text.cap +
           (1 + (size_t)doc->owns_nodes + (doc->text_block != NULL)) * MALLOC_ADDS;
}

struct json_doc *json_doc_free(struct json_doc *doc)
{
    if (!doc)
        return NULL;
    if (doc->text_block)
        block_free(doc->text_block, doc->text.cap);
    if (doc->owns_nodes)
        free(doc->nodes);
    free(doc);
    return NULL;
}

void json_doc_wipe(struct json_doc *doc)
{
    if (!doc)
        return;
    if (doc->text_block)
        explicit_bzero(doc->text_block, doc->text.cap);
    else if (doc->text.cap > 0)
        explicit_bzero(doc->text.data, doc->text.cap);
}

bool json_str_is(const struct json_doc *doc, const struct json_node *node, const char *text)
{
    size_t len = strlen(text);

    return node->str.len == len && memcmp(json_str(doc, node), text, len) == 0;
}

const struct json_node *json_get(const struct json_doc *doc, const struct json_node *object,
                                 const char *key)
{
    uint32_t i = (uint32_t)(object - doc->nodes) + 1;

    while (i < object->next) {
        const struct json_node *name = &doc->nodes[i];

        if (json_str_is(doc, name, key))
            return name + 1;
        i = name[1].next;
    }
    return NULL;
}
