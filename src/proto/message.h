/*
 * Message: tokens to one JSON value, or to one error.
 *
 * What a strict JSON parser takes as one value is one message, whatever it holds: it is followed
 * by the grammar up to its end, even if it exceeds a limit, is wrong in itself (a duplicate key,
 * a bad escape) or finds no memory; then it gives one error and its tokens are not kept.
 *
 * Only a token that cannot stand where it does breaks the message. From there on brackets are
 * counted, as qemu-ga does, to find its end. Meanwhile an object that begins on a new line is a
 * candidate, followed as a message of its own: if it ends as a request it is taken out, and what
 * stands in front of it gets one error. A candidate that breaks makes room for the next one.
 *
 * Threads    none. Ownership: the text is the caller's.
 */
#pragma once

#include "base/error.h"
#include "proto/grammar.h"
#include "proto/json_build.h"

struct counts {
    int64_t curly, square; /* opened and not closed */
    uint64_t tokens;
    size_t bytes; /* of tokens */
};

/* What counts may come to. */
struct limits {
    int64_t depth; /* of all brackets */
    uint64_t tokens;
    size_t bytes; /* exclusive */
};

struct message {
    struct counts counts; /* since its first token */
    struct counts before; /* broken: those in front of the candidate */
    struct limits limits; /* of `counts`, as things are */
    struct grammar grammar;
    struct json_builder builder;
    size_t base;            /* while building: where the builder's text begins */
    size_t max_bytes;       /* what a message may have; exclusive */
    bool following;         /* the grammar follows the message or a candidate */
    bool building;          /* the builder keeps it */
    bool ready;             /* the builder holds a whole message, to be taken */
    bool broken;            /* by a token that cannot stand where it does */
    bool answered;          /* its error was given: its end is silent */
    struct cmd_error error; /* the first one, given at its end */
};

enum message_event {
    MESSAGE_MORE,
    MESSAGE_READY,
    MESSAGE_ERROR,      /* *reterr; if `ready` is set there is a message too */
    MESSAGE_AGAIN,      /* *reterr; the token is to be given again */
    MESSAGE_NEEDS_ROOM, /* *ret_more bytes above what is held; the token is to be given again */
};

/* `message` is zeroed. */
void message_init(struct message *message, size_t max_bytes);

/* Forgets it: the next token begins another one. */
void message_drop(struct message *message);

void message_done(struct message *message);

/* `token` lies in `data`; the builder may hold `most` bytes in all. */
enum message_event message_take(struct message *message, char *data, struct token *token,
                                size_t most, size_t *ret_more, struct cmd_error *reterr);

/* A limit is exceeded: gives `text` as the error of the message, or of what stands in front of
 * the candidate, which goes on as the message. */
void message_over(struct message *message, const char *text, struct cmd_error *reterr);

/* The message that has begun is not kept any more; its end will be silent. */
void message_forget(struct message *message);

/* How long its next token may be. */
static inline size_t message_token_max(const struct message *message)
{
    return message->limits.bytes - 1 - message->counts.bytes;
}

/* True if only the type of tokens matters. */
static inline bool message_forgets(const struct message *message)
{
    return message->answered && !message->building;
}
