/*
 * What framer.c (messages) and framer_input.c (the buffer) share. Nobody else includes it.
 *
 *     data: | dead | text of the value being built (gaps inside) | gap | token | unread | room |
 *           0      base                        base + text_end         floor   pos      len    cap
 */
#pragma once

#include "proto/framer.h"
#include "proto/json_build.h"
#include "proto/lexer.h"

/* What qemu-ga calls a message: tokens until both counts are back to 0, or one is negative. */
struct message {
    int32_t curly, square;
    uint32_t tokens;
    size_t bytes;           /* of tokens */
    bool broken;            /* its grammar is: all it will give is an error */
    struct cmd_error error; /* the first one */
};

struct framer {
    struct lexer lexer;
    struct json_builder builder;
    struct message message;
    bool building; /* the message, or an object on a new line inside a broken one */
    bool ready;    /* the builder holds a request to be delivered next */
    char *data;
    size_t len, cap;
    size_t base; /* while building: what the builder's offsets count from */
    size_t max_bytes;
    size_t read_size;     /* room to offer */
    unsigned short_reads; /* in a row */
};

/* The outermost object on a new line among the innermost open containers: it may turn out to be
 * a request of its own. NULL: none. */
const struct build_frame *framer_candidate(const struct framer *framer);

/* Forgets the value being built. */
void framer_stop_building(struct framer *framer);

/* All input is used up: lets go of what is not needed. */
void framer_settle(struct framer *framer);

/* The builder's value as a document, with the buffer if that saves copying. NULL: no memory. */
struct json_doc *framer_take_doc(struct framer *framer);
