/*
 * Builder: tokens in, nodes of one JSON value out; checks the grammar token by token, so that
 * nothing is looked at twice and depth costs no stack.
 *
 * Threads    none.
 * Ownership  builder_done() frees everything; a zeroed struct is an empty builder. The text stays
 *            the caller's: strings are decoded in it, and node offsets count from the `text` that
 *            each call gets (the same bytes, wherever they are).
 * Errors     the first one is final: the caller drops the value with builder_clear().
 */
#pragma once

#include "base/error.h"
#include "proto/json.h"
#include "proto/json_keys.h"
#include "proto/lexer.h"

/* An object or array that is still open. */
struct build_frame {
    uint32_t node;
    uint32_t off;    /* of its bracket in the text */
    uint32_t key;    /* object: the key read last */
    uint32_t count;  /* elements or members so far */
    uint32_t tokens; /* tokens and bytes in front of it since builder_clear() */
    uint32_t bytes;
    uint8_t state; /* enum build_state in json_build.c */
    bool is_object;
    bool hashed; /* its keys are in the table */
    bool first_on_line;
};

struct json_builder {
    struct json_node *nodes;
    uint32_t node_count, node_cap;
    struct build_frame *frames;
    uint32_t depth, frame_cap;
    struct key_table keys;
    uint32_t tokens, bytes;    /* taken in since builder_clear() */
    size_t live;               /* bytes of text that nodes refer to */
    size_t text_end;           /* behind the last of them */
    struct build_frame closed; /* the container that the last token closed, if was_closed */
    bool was_closed;
};

void builder_done(struct json_builder *builder);

/* Forgets the value; memory is kept for the next one unless it is much. */
void builder_clear(struct json_builder *builder);

/* 0, -EBADMSG with a syntax error, or -ENOMEM. token->off counts from `text`. */
int builder_add(struct json_builder *builder, char *text, const struct token *token,
                struct cmd_error *reterr);

/* True when a whole value has been added. */
static inline bool builder_complete(const struct json_builder *builder)
{
    return builder->depth == 0 && builder->node_count > 0;
}

/* Forgets all that is outside the container `frame` (an open one, or the one just closed):
 * offsets count from its bracket from now on. */
void builder_rebase(struct json_builder *builder, const struct build_frame *frame);

/* Moves the strings together, so that `live` bytes of text are left; text_end is the new end. */
void builder_compact(struct json_builder *builder, char *text);

/* What follows the text was moved down to text_end. */
void builder_close_gap(struct json_builder *builder);

/* Bytes of memory held. */
size_t builder_held(const struct json_builder *builder);
