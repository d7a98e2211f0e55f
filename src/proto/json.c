#include "proto/json.h"

#include "base/block.h"

static struct json_doc *doc_alloc(const struct json_node *nodes, uint32_t node_count,
                                  size_t text_room)
{
    size_t nodes_size = node_count * sizeof(*nodes);
    struct json_doc *doc = malloc(sizeof(*doc) + nodes_size + text_room);

    if (!doc)
        return NULL;
    doc->nodes = (struct json_node *)(void *)(doc + 1);
    doc->node_count = node_count;
    doc->text = (struct buf){ 0 };
    doc->text_block = NULL;
    memcpy(doc->nodes, nodes, nodes_size);
    return doc;
}

struct json_doc *json_doc_new(const struct json_node *nodes, uint32_t node_count, const char *text,
                              size_t text_len)
{
    struct json_doc *doc = doc_alloc(nodes, node_count, text_len);

    if (!doc)
        return NULL;
    doc->text.data = (char *)(doc->nodes + node_count);
    doc->text.len = doc->text.cap = text_len;
    if (text_len > 0)
        memcpy(doc->text.data, text, text_len);
    return doc;
}

struct json_doc *json_doc_take(const struct json_node *nodes, uint32_t node_count, char *block,
                               size_t block_cap, size_t off, size_t text_len)
{
    struct json_doc *doc = doc_alloc(nodes, node_count, 0);

    if (!doc)
        return NULL;
    doc->text.data = block + off;
    doc->text.len = text_len;
    doc->text.cap = block_cap; /* all that is held */
    doc->text_block = block;
    return doc;
}

struct json_doc *json_doc_free(struct json_doc *doc)
{
    if (doc && doc->text_block)
        block_free(doc->text_block, doc->text.cap);
    free(doc);
    return NULL;
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
