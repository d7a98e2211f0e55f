/*
 * proto/json_rebase.c - a value under construction that loses its outer part, or its gaps.
 */
#include "proto/json_build.h"

static bool refers(const struct json_node *node)
{
    return node->type == JSON_STRING || node->type == JSON_DOUBLE;
}

static void rebase_nodes(struct json_builder *builder, uint32_t first, uint32_t off)
{
    uint32_t i;

    builder->node_count -= first;
    memmove(builder->nodes, builder->nodes + first, builder->node_count * sizeof(*builder->nodes));
    builder->live = 0;
    for (i = 0; i < builder->node_count; i++) {
        struct json_node *node = &builder->nodes[i];

        node->next -= first;
        if (refers(node)) {
            node->str.off -= off;
            builder->live += node->str.len + 1;
        }
    }
    builder->text_end = builder->text_end > off ? builder->text_end - off : 0;
}

void builder_rebase(struct json_builder *builder, const struct build_frame *frame)
{
    const struct build_frame base = *frame;
    uint32_t first = builder->was_closed && frame == &builder->closed
                         ? builder->depth
                         : (uint32_t)(frame - builder->frames);
    uint32_t i;

    rebase_nodes(builder, base.node, base.off);
    builder->depth -= first;
    memmove(builder->frames, builder->frames + first, builder->depth * sizeof(*builder->frames));
    for (i = 0; i < builder->depth; i++) {
        struct build_frame *inner = &builder->frames[i];

        inner->node -= base.node;
        inner->key -= base.node;
        inner->off -= base.off;
        inner->tokens -= base.tokens;
        inner->bytes -= base.bytes;
        inner->hashed = false;
    }
    builder->tokens -= base.tokens;
    builder->bytes -= base.bytes;
    key_table_done(&builder->keys);
}

void builder_compact(struct json_builder *builder, char *text)
{
    size_t end = 0;
    uint32_t i, frame = 0;

    for (i = 0; i < builder->node_count; i++) {
        struct json_node *node = &builder->nodes[i];

        if (frame < builder->depth && builder->frames[frame].node == i)
            builder->frames[frame++].off = (uint32_t)end;
        if (!refers(node))
            continue;
        memmove(text + end, text + node->str.off, node->str.len + 1);
        node->str.off = (uint32_t)end;
        end += node->str.len + 1;
    }
    builder->text_end = end;
}

void builder_close_gap(struct json_builder *builder)
{
    uint32_t i;

    for (i = builder->depth; i > 0 && builder->frames[i - 1].off > builder->text_end; i--)
        builder->frames[i - 1].off = (uint32_t)builder->text_end;
}

size_t builder_held(const struct json_builder *builder)
{
    return builder->node_cap * sizeof(*builder->nodes) +
           builder->frame_cap * sizeof(*builder->frames) +
           builder->keys.capacity * sizeof(*builder->keys.slots);
}
