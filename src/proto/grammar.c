#include "proto/grammar.h"

static bool is_object(const struct grammar *grammar)
{
    uint64_t level = grammar->depth - 1;

    return grammar->objects[level / 64] >> (level % 64) & 1;
}

/* A value is complete: what may follow it. */
static void end_value(struct grammar *grammar)
{
    if (grammar->depth == 0)
        grammar->state = ROOT_END;
    else if (grammar->depth > GRAMMAR_DEPTH)
        grammar->state = DEEP_NEXT;
    else
        grammar->state = is_object(grammar) ? OBJECT_NEXT : ARRAY_NEXT;
}

static enum grammar_role open_container(struct grammar *grammar, bool object)
{
    uint64_t level = grammar->depth++, bit = (uint64_t)1 << (level % 64);

    if (level >= GRAMMAR_DEPTH) {
        grammar->state = DEEP_ANY;
        return ROLE_OPEN;
    }
    if (object)
        grammar->objects[level / 64] |= bit;
    else
        grammar->objects[level / 64] &= ~bit;
    grammar->state = object ? OBJECT_FIRST : ARRAY_FIRST;
    return ROLE_OPEN;
}

static enum grammar_role close_container(struct grammar *grammar)
{
    grammar->depth--;
    end_value(grammar);
    return ROLE_CLOSE;
}

static enum grammar_role value(struct grammar *grammar, enum token_type type)
{
    switch (type) {
    case TOKEN_LCURLY:
    case TOKEN_LSQUARE:
        return open_container(grammar, type == TOKEN_LCURLY);
    case TOKEN_STRING:
    case TOKEN_INTEGER:
    case TOKEN_FLOAT:
    case TOKEN_WORD:
        end_value(grammar);
        return ROLE_SCALAR;
    default:
        return ROLE_WRONG;
    }
}

static enum grammar_role expect(struct grammar *grammar, bool there, enum grammar_state next,
                                enum grammar_role role)
{
    if (!there)
        return ROLE_WRONG;
    grammar->state = next;
    return role;
}

static enum grammar_role deep(struct grammar *grammar, enum token_type type)
{
    switch (type) {
    case TOKEN_LCURLY:
    case TOKEN_LSQUARE:
        return grammar->state == DEEP_NEXT ? ROLE_WRONG : open_container(grammar, true);
    case TOKEN_RCURLY:
    case TOKEN_RSQUARE:
        return close_container(grammar);
    case TOKEN_COLON:
    case TOKEN_COMMA:
        grammar->state = DEEP_ANY;
        return ROLE_SEPARATOR;
    default:
        grammar->state = DEEP_NEXT;
        return ROLE_SCALAR;
    }
}

enum grammar_role grammar_step(struct grammar *grammar, enum token_type type)
{
    switch (grammar->state) {
    case OBJECT_FIRST:
        if (type == TOKEN_RCURLY)
            return close_container(grammar);
        return expect(grammar, type == TOKEN_STRING, OBJECT_COLON, ROLE_KEY);
    case OBJECT_KEY:
        return expect(grammar, type == TOKEN_STRING, OBJECT_COLON, ROLE_KEY);
    case OBJECT_COLON:
        return expect(grammar, type == TOKEN_COLON, OBJECT_VALUE, ROLE_SEPARATOR);
    case OBJECT_NEXT:
        if (type == TOKEN_RCURLY)
            return close_container(grammar);
        return expect(grammar, type == TOKEN_COMMA, OBJECT_KEY, ROLE_SEPARATOR);
    case ARRAY_FIRST:
        return type == TOKEN_RSQUARE ? close_container(grammar) : value(grammar, type);
    case ARRAY_NEXT:
        if (type == TOKEN_RSQUARE)
            return close_container(grammar);
        return expect(grammar, type == TOKEN_COMMA, ARRAY_VALUE, ROLE_SEPARATOR);
    case ROOT_VALUE:
    case OBJECT_VALUE:
    case ARRAY_VALUE:
        return value(grammar, type);
    case DEEP_ANY:
    case DEEP_NEXT:
        return deep(grammar, type);
    case ROOT_END:
        break;
    }
    return ROLE_WRONG;
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
