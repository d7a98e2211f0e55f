/*
 * Builder: tokens in, nodes of one JSON value out, token by token, so that nothing is looked at
 * twice and depth costs no stack. The grammar has said what each token is in the value.
 *
 * Threads    none.
 * Ownership  builder_done() frees everything; a zeroed struct is an empty builder. The text stays
 *            the caller's: strings are decoded in it, and node offsets count from the `text` that
 *            each call gets (the same bytes, wherever they are).
 * Memory     builder_reserve() makes what the token needs, builder_add() nothing more; so a token
 *            whose memory is refused has changed nothing and can be given again.
 * Errors     the first one is final: the caller drops the value with builder_clear().
 */
#pragma once

#include "base/error.h"
#include "proto/grammar.h"
#include "proto/json.h"
#include "proto/json_keys.h"

/* An object or array that is still open. */
struct build_frame {
    uint32_t node;
    uint32_t key;   /* object: the key read last */
    uint32_t count; /* elements or members so far */
    bool is_object;
    bool hashed; /* its keys are in the table */
};

struct json_builder {
    struct json_node *nodes;
    uint32_t node_count, node_cap;
    struct build_frame *frames;
    uint32_t depth, frame_cap;
    struct key_table keys;
    bool hashes;     /* an object had so many members that keys are hashed */
    size_t live;     /* bytes of text that nodes refer to */
    size_t text_end; /* behind the last of them */
};

void builder_done(struct json_builder *builder);

/* Forgets the value; memory is kept for the next one unless it is much. */
void builder_clear(struct json_builder *builder);

/* True if any token can be added without more memory. */
static inline bool builder_has_room(const struct json_builder *builder)
{
    return builder->node_count < builder->node_cap && builder->depth < builder->frame_cap &&
           !builder->hashes;
}

/* Makes the memory that a token of this type needs: 0, -ENOMEM, or -ENOBUFS: with *ret_more bytes
 * above what is held the builder would hold more than `most`. */
int builder_reserve(struct json_builder *builder, const char *text, enum token_type type,
                    size_t most, size_t *ret_more);

/* 0, or -EBADMSG with an error: a string, word or key that is wrong in itself. builder_reserve()
 * has been called for the token. */
int builder_add(struct json_builder *builder, char *text, const struct token *token,
                enum grammar_role role, struct cmd_error *reterr);

/* Moves the strings together, so that `live` bytes of text are left; text_end is the new end. */
void builder_compact(struct json_builder *builder, char *text);

/* The nodes, malloc'ed and of the size they need; the builder is cleared of them. */
struct json_node *builder_take_nodes(struct json_builder *builder);

/* Bytes of memory held. */
size_t builder_held(const struct json_builder *builder);
