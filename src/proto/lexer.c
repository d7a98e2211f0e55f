/*
 * proto/lexer.c - a class per byte begins a token; each kind of token has a loop of its own.
 *
 * A number or word ends only when another byte is seen, which is not used up then.
 */
#include "proto/lexer.h"

#include "proto/scan.h"

enum byte_class {
    BYTE_STRAY,
    BYTE_BLANK,
    BYTE_LINE_END,
    BYTE_QUOTE,
    BYTE_MINUS,
    BYTE_ZERO,
    BYTE_DIGIT,
    BYTE_LOWER,
    BYTE_RESET,
    BYTE_STRUCTURAL, /* from here on: and the token's type */
};

#define STRUCTURAL(type) (BYTE_STRUCTURAL + (type))

static const uint8_t byte_classes[256] = {
    [' '] = BYTE_BLANK,
    ['\t'] = BYTE_BLANK,
    ['\n'] = BYTE_LINE_END,
    ['\r'] = BYTE_LINE_END,
    ['{'] = STRUCTURAL(TOKEN_LCURLY),
    ['}'] = STRUCTURAL(TOKEN_RCURLY),
    ['['] = STRUCTURAL(TOKEN_LSQUARE),
    [']'] = STRUCTURAL(TOKEN_RSQUARE),
    [':'] = STRUCTURAL(TOKEN_COLON),
    [','] = STRUCTURAL(TOKEN_COMMA),
    ['"'] = BYTE_QUOTE,
    ['\''] = BYTE_QUOTE,
    ['-'] = BYTE_MINUS,
    ['0'] = BYTE_ZERO,
    ['1' ... '9'] = BYTE_DIGIT,
    ['a' ... 'z'] = BYTE_LOWER,
    [0xFF] = BYTE_RESET,
};

/* What a token that is not structural begins with. */
static const uint8_t first_states[] = {
    [BYTE_QUOTE] = LEX_STRING, [BYTE_MINUS] = LEX_SIGN, [BYTE_ZERO] = LEX_ZERO,
    [BYTE_DIGIT] = LEX_DIGITS, [BYTE_LOWER] = LEX_WORD,
};

static inline unsigned class_of(char c)
{
    return byte_classes[(unsigned char)c];
}

void lexer_reset(struct lexer *lexer, bool skip)
{
    lexer->state = skip ? LEX_SKIP : LEX_START;
    lexer->line_start = !skip;
}

void lexer_moved(struct lexer *lexer, size_t distance)
{
    lexer->pos -= distance;
    if (lexer_in_token(lexer))
        lexer->token = lexer->forgets ? lexer->pos : lexer->token - distance;
}

void lexer_back(struct lexer *lexer, const struct token *token)
{
    lexer->state = LEX_START;
    lexer->line_start = token->first_on_line;
    lexer->pos = token->off;
}

/* The token ends in front of lexer->pos. */
static enum lex_event token_ends(struct lexer *lexer, enum token_type type, struct token *ret_token)
{
    ret_token->type = type;
    ret_token->escapes = lexer->escapes;
    ret_token->non_ascii = lexer->non_ascii;
    ret_token->first_on_line = lexer->line_start;
    ret_token->off = lexer->token;
    ret_token->len = lexer->pos - lexer->token;
    lexer->line_start = false;
    lexer->state = LEX_START;
    return LEX_TOKEN;
}

/* The byte at lexer->pos cannot stand there. */
static enum lex_event token_breaks(struct lexer *lexer, const char *data, struct token *ret_token)
{
    char c = data[lexer->pos++];

    lexer->state = LEX_SKIP;
    lexer->line_start = false;
    ret_token->off = lexer->forgets ? lexer->pos - 1 : lexer->token;
    ret_token->len = lexer->pos - ret_token->off;
    return class_of(c) == BYTE_RESET ? LEX_RESET : LEX_STRAY;
}

static enum lex_event lex_string(struct lexer *lexer, const char *data, size_t len,
                                 struct token *ret_token)
{
    while (lexer->pos < len) {
        unsigned char c;

        if (lexer->state == LEX_STRING)
            lexer->pos +=
                scan_string(data + lexer->pos, len - lexer->pos, lexer->quote, &lexer->non_ascii);
        if (lexer->pos == len)
            break;
        c = (unsigned char)data[lexer->pos];
        if (c < 0x20 || c >= 0xFE)
            return token_breaks(lexer, data, ret_token);
        lexer->pos++;
        if (lexer->state == LEX_STRING_ESCAPE) {
            if (c > 0x7F)
                lexer->non_ascii = true;
            lexer->state = LEX_STRING;
        } else if (c == '\\') {
            lexer->escapes = true;
            lexer->state = LEX_STRING_ESCAPE;
        } else {
            return token_ends(lexer, TOKEN_STRING, ret_token);
        }
    }
    return LEX_MORE;
}

static enum lex_event lex_word(struct lexer *lexer, const char *data, size_t len,
                               struct token *ret_token)
{
    while (lexer->pos < len && class_of(data[lexer->pos]) == BYTE_LOWER)
        lexer->pos++;
    return lexer->pos < len ? token_ends(lexer, TOKEN_WORD, ret_token) : LEX_MORE;
}

/* What the number's next byte leads to; LEX_START: it ends the number; LEX_SKIP: it breaks it. */
static enum lex_state number_step(enum lex_state state, char c)
{
    bool digit = c >= '0' && c <= '9';
    bool exponent = c == 'e' || c == 'E';

    switch (state) {
    case LEX_SIGN:
        return c == '0' ? LEX_ZERO : digit ? LEX_DIGITS : LEX_SKIP;
    case LEX_ZERO:
        return digit ? LEX_SKIP : c == '.' ? LEX_POINT : exponent ? LEX_EXP : LEX_START;
    case LEX_DIGITS:
        return digit ? LEX_DIGITS : c == '.' ? LEX_POINT : exponent ? LEX_EXP : LEX_START;
    case LEX_POINT:
        return digit ? LEX_FRACTION : LEX_SKIP;
    case LEX_FRACTION:
        return digit ? LEX_FRACTION : exponent ? LEX_EXP : LEX_START;
    case LEX_EXP:
        return digit ? LEX_EXP_DIGITS : c == '+' || c == '-' ? LEX_EXP_SIGN : LEX_SKIP;
    case LEX_EXP_SIGN:
        return digit ? LEX_EXP_DIGITS : LEX_SKIP;
    default: /* LEX_EXP_DIGITS */
        return digit ? LEX_EXP_DIGITS : LEX_START;
    }
}

static enum lex_event lex_number(struct lexer *lexer, const char *data, size_t len,
                                 struct token *ret_token)
{
    for (; lexer->pos < len; lexer->pos++) {
        enum lex_state state = number_step(lexer->state, data[lexer->pos]);

        if (state == LEX_START)
            return token_ends(lexer, lexer->state <= LEX_DIGITS ? TOKEN_INTEGER : TOKEN_FLOAT,
                              ret_token);
        if (state == LEX_SKIP)
            return token_breaks(lexer, data, ret_token);
        lexer->state = state;
    }
    return LEX_MORE;
}

static enum lex_event lex_token(struct lexer *lexer, const char *data, size_t len,
                                struct token *ret_token)
{
    size_t end = len;
    enum lex_event event;

    /* one byte above the limit shows that the token is too long, wherever the input was cut */
    if (len - lexer->token > lexer->max_token)
        end = lexer->token + lexer->max_token + 1;
    if (lexer->state == LEX_STRING || lexer->state == LEX_STRING_ESCAPE)
        event = lex_string(lexer, data, end, ret_token);
    else if (lexer->state == LEX_WORD)
        event = lex_word(lexer, data, end, ret_token);
    else
        event = lex_number(lexer, data, end, ret_token);
    if (event != LEX_MORE || lexer->pos - lexer->token <= lexer->max_token)
        return event;
    return LEX_TOO_LONG;
}

/* Skips blanks (and, after an error, rubbish) up to the first byte of a token. */
static bool find_token(struct lexer *lexer, const char *data, size_t len)
{
    for (; lexer->pos < len; lexer->pos++) {
        unsigned class = class_of(data[lexer->pos]);

        if (class == BYTE_LINE_END) {
            lexer->state = LEX_START;
            lexer->line_start = true;
        } else if (class == BYTE_BLANK) {
            continue;
        } else if (lexer->state == LEX_START || class >= BYTE_STRUCTURAL || class == BYTE_RESET) {
            return true;
        } else {
            unsigned char c = (unsigned char)data[lexer->pos];

            if (c < 0x20 || c == 0xFE) /* told anew, each */
                return true;
        }
    }
    return false;
}

enum lex_event lexer_next(struct lexer *lexer, const char *data, size_t len,
                          struct token *ret_token)
{
    unsigned class;
    char c;

    if (lexer_in_token(lexer))
        return lex_token(lexer, data, len, ret_token);
    if (!find_token(lexer, data, len))
        return LEX_MORE;

    c = data[lexer->pos];
    class = class_of(c);
    lexer->token = lexer->pos;
    lexer->escapes = lexer->non_ascii = false;
    if (class == BYTE_STRAY || class == BYTE_RESET)
        return token_breaks(lexer, data, ret_token);
    lexer->pos++;
    if (class >= BYTE_STRUCTURAL)
        return token_ends(lexer, (enum token_type)(class - BYTE_STRUCTURAL), ret_token);
    lexer->quote = c;
    lexer->state = first_states[class];
    return lex_token(lexer, data, len, ret_token);
}
