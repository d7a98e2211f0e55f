/*
 * Grammar: which token may follow which, in one JSON value. It knows no bytes and allocates
 * nothing, so it can follow a value that is not kept.
 *
 * Threads    none. A zeroed struct is the beginning of a value.
 * Depth      exact down to GRAMMAR_DEPTH open containers. What lies deeper is checked for no
 *            more than that a value does not follow a value; what is valid never fails.
 */
#pragma once

#include "proto/lexer.h"

#define GRAMMAR_DEPTH 1024

/* What may come next. */
enum grammar_state {
    ROOT_VALUE,
    OBJECT_FIRST, /* key or } */
    OBJECT_KEY,
    OBJECT_COLON,
    OBJECT_VALUE,
    OBJECT_NEXT, /* , or } */
    ARRAY_FIRST, /* value or ] */
    ARRAY_VALUE,
    ARRAY_NEXT, /* , or ] */
    ROOT_END,
    DEEP_ANY,  /* below GRAMMAR_DEPTH */
    DEEP_NEXT, /* there, behind a value or key: no opening bracket */
};

/* What a token is in the value. */
enum grammar_role {
    ROLE_WRONG, /* it cannot stand there: grammar_error() says why */
    ROLE_KEY,
    ROLE_SCALAR,
    ROLE_OPEN,
    ROLE_CLOSE,
    ROLE_SEPARATOR,
};

#define GRAMMAR_STATES (DEEP_NEXT + 1)

struct grammar {
    enum grammar_state state;
    uint64_t depth;
    uint64_t objects[GRAMMAR_DEPTH / 64]; /* a bit for each open container */
};

/* What a token does in a state. `next` is not used for brackets: it follows from the depth. */
struct grammar_move {
    uint8_t role, next;
};

extern const struct grammar_move grammar_moves[GRAMMAR_STATES][TOKEN_TYPES];

void grammar_open(struct grammar *grammar, bool object);
void grammar_close(struct grammar *grammar);

/* Takes the next token. After ROLE_WRONG nothing more may be given. */
static inline enum grammar_role grammar_step(struct grammar *grammar, enum token_type type)
{
    struct grammar_move move = grammar_moves[grammar->state][type];

    if (move.role == ROLE_OPEN)
        grammar_open(grammar, type == TOKEN_LCURLY);
    else if (move.role == ROLE_CLOSE)
        grammar_close(grammar);
    else if (move.role != ROLE_WRONG)
        grammar->state = move.next;
    return move.role;
}

/* True when the value is at its end. */
static inline bool grammar_complete(const struct grammar *grammar)
{
    return grammar->state == ROOT_END;
}

/* The reference's words for what was expected. */
const char *grammar_error(const struct grammar *grammar);
