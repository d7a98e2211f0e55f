/*
 * proto/grammar.c - a table of states and tokens; brackets go by the stack of containers.
 */
#include "proto/grammar.h"

#define OPENS          [TOKEN_LCURLY] = { ROLE_OPEN, 0 }, [TOKEN_LSQUARE] = { ROLE_OPEN, 0 }
#define SCALARS(after) [TOKEN_STRING... TOKEN_WORD] = { ROLE_SCALAR, after }
#define KEYS           [TOKEN_STRING] = { ROLE_KEY, OBJECT_COLON }

const struct grammar_move grammar_moves[GRAMMAR_STATES][TOKEN_TYPES] = {
    [ROOT_VALUE] = { OPENS, SCALARS(ROOT_END) },
    [OBJECT_FIRST] = { KEYS, [TOKEN_RCURLY] = { ROLE_CLOSE, 0 } },
    [OBJECT_KEY] = { KEYS },
    [OBJECT_COLON] = { [TOKEN_COLON] = { ROLE_SEPARATOR, OBJECT_VALUE } },
    [OBJECT_VALUE] = { OPENS, SCALARS(OBJECT_NEXT) },
    [OBJECT_NEXT] = { [TOKEN_COMMA] = { ROLE_SEPARATOR, OBJECT_KEY },
                      [TOKEN_RCURLY] = { ROLE_CLOSE, 0 } },
    [ARRAY_FIRST] = { OPENS, SCALARS(ARRAY_NEXT), [TOKEN_RSQUARE] = { ROLE_CLOSE, 0 } },
    [ARRAY_VALUE] = { OPENS, SCALARS(ARRAY_NEXT) },
    [ARRAY_NEXT] = { [TOKEN_COMMA] = { ROLE_SEPARATOR, ARRAY_VALUE },
                     [TOKEN_RSQUARE] = { ROLE_CLOSE, 0 } },
    [DEEP_ANY] = { OPENS, SCALARS(DEEP_NEXT), [TOKEN_RCURLY] = { ROLE_CLOSE, 0 },
                   [TOKEN_RSQUARE] = { ROLE_CLOSE, 0 },
                   [TOKEN_COLON] = { ROLE_SEPARATOR, DEEP_ANY },
                   [TOKEN_COMMA] = { ROLE_SEPARATOR, DEEP_ANY } },
    [DEEP_NEXT] = { SCALARS(DEEP_NEXT), [TOKEN_RCURLY] = { ROLE_CLOSE, 0 },
                    [TOKEN_RSQUARE] = { ROLE_CLOSE, 0 },
                    [TOKEN_COLON] = { ROLE_SEPARATOR, DEEP_ANY },
                    [TOKEN_COMMA] = { ROLE_SEPARATOR, DEEP_ANY } },
};

static bool is_object(const struct grammar *grammar)
{
    uint64_t level = grammar->depth - 1;

    return grammar->objects[level / 64] >> (level % 64) & 1;
}

void grammar_open(struct grammar *grammar, bool object)
{
    uint64_t level = grammar->depth++, bit = (uint64_t)1 << (level % 64);

    if (level >= GRAMMAR_DEPTH) {
        grammar->state = DEEP_ANY;
        return;
    }
    if (object)
        grammar->objects[level / 64] |= bit;
    else
        grammar->objects[level / 64] &= ~bit;
    grammar->state = object ? OBJECT_FIRST : ARRAY_FIRST;
}

void grammar_close(struct grammar *grammar)
{
    grammar->depth--;
    if (grammar->depth == 0)
        grammar->state = ROOT_END;
    else if (grammar->depth > GRAMMAR_DEPTH)
        grammar->state = DEEP_NEXT;
    else
        grammar->state = is_object(grammar) ? OBJECT_NEXT : ARRAY_NEXT;
}

const char *grammar_error(const struct grammar *grammar)
{
    switch (grammar->state) {
    case OBJECT_FIRST:
    case OBJECT_KEY:
        return "JSON parse error, expecting key";
    case OBJECT_COLON:
        return "JSON parse error, expecting ':'";
    case OBJECT_NEXT:
        return "JSON parse error, expected ',' or '}'";
    case ARRAY_NEXT:
        return "JSON parse error, expected ',' or ']'";
    default:
        return "JSON parse error, expecting value";
    }
}
