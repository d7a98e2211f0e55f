/*
 * Lexer: bytes to tokens, straight in the framer's buffer; it may be left and taken up again
 * between any two bytes. The grammar of tokens and the recovery after errors are qemu-ga's.
 *
 * Threads    none.
 * Ownership  the buffer is the caller's. Offsets are from `data`; who moves bytes in it calls
 *            lexer_moved().
 */
#pragma once

#include "base/defs.h"

enum token_type {
    TOKEN_LCURLY,
    TOKEN_RCURLY,
    TOKEN_LSQUARE,
    TOKEN_RSQUARE,
    TOKEN_COLON,
    TOKEN_COMMA,
    TOKEN_STRING,  /* quotes included */
    TOKEN_INTEGER, /* no fraction, no exponent */
    TOKEN_FLOAT,
    TOKEN_WORD, /* [a-z]+ */
};

#define TOKEN_TYPES (TOKEN_WORD + 1)

struct token {
    enum token_type type;
    bool escapes;       /* TOKEN_STRING: holds a backslash */
    bool non_ascii;     /* TOKEN_STRING: holds bytes above 0x7F */
    bool first_on_line; /* only blanks stand between the last line end and it */
    size_t off, len;
};

enum lex_event {
    LEX_MORE,     /* all bytes are used up */
    LEX_TOKEN,    /* *ret_token */
    LEX_STRAY,    /* ret_token->off, len: a broken token with the byte that broke it */
    LEX_RESET,    /* 0xFF */
    LEX_TOO_LONG, /* a token above max_token bytes: it is read on after `max_token` has been raised
                   * or `forgets` set */
};

enum lex_state {
    LEX_START,
    LEX_SKIP, /* after an error, up to a line end or a structural character */
    LEX_STRING,
    LEX_STRING_ESCAPE,
    LEX_WORD,
    /* numbers, by what was read last */
    LEX_SIGN,
    LEX_ZERO,
    LEX_DIGITS,
    LEX_POINT,
    LEX_FRACTION,
    LEX_EXP,
    LEX_EXP_SIGN,
    LEX_EXP_DIGITS,
};

struct lexer {
    enum lex_state state;
    char quote;
    bool escapes, non_ascii;
    bool line_start;  /* only blanks since the last line end */
    size_t pos;       /* the next byte to look at */
    size_t token;     /* first byte of the token being read; valid if lexer_in_token() */
    size_t max_token; /* bytes */
    bool forgets;     /* nobody wants the bytes of the token being read: only type and end matter */
};

static inline bool lexer_in_token(const struct lexer *lexer)
{
    return lexer->state > LEX_SKIP;
}

/* The first byte the lexer still needs. */
static inline size_t lexer_floor(const struct lexer *lexer)
{
    return lexer_in_token(lexer) && !lexer->forgets ? lexer->token : lexer->pos;
}

/* `skip`: as after an error, else as at the beginning of a conversation. */
void lexer_reset(struct lexer *lexer, bool skip);

/* The bytes from lexer_floor() on were moved down by `distance`. */
void lexer_moved(struct lexer *lexer, size_t distance);

/* Takes `token`, the one read last, back: it will be read again. */
void lexer_back(struct lexer *lexer, const struct token *token);

/* Reads on in data[0..len). */
enum lex_event lexer_next(struct lexer *lexer, const char *data, size_t len,
                          struct token *ret_token);
