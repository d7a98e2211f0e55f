/*
 * proto/framer.c - tokens to messages.
 *
 * Brackets are counted, as qemu-ga does, to find a message's end; the builder checks its grammar
 * on the way. Once that is broken only the counting goes on, and one error at the end. But an
 * object on a new line may be a request that a broken or unfinished message would swallow: it is
 * built like any value, and when it closes as a request it is taken out of the message, whose
 * rest up to there is answered with an error.
 */
#include "proto/framer_impl.h"
#include "proto/request.h"
#include "proto/text.h"

#include <errno.h>

/* How many open containers around a token can be part of a request that began on a new line, when
 * what precedes it exceeds a limit. */
#define CANDIDATE_DEPTH 16

void framer_stop_building(struct framer *framer)
{
    builder_clear(&framer->builder);
    framer->building = false;
}

static void drop_message(struct framer *framer)
{
    framer_stop_building(framer);
    framer->ready = false;
    cmd_error_done(&framer->message.error);
    framer->message = (struct message){ 0 };
}

void framer_reset(struct framer *framer)
{
    drop_message(framer);
    lexer_reset(&framer->lexer, false);
    framer->lexer.pos = framer->len;
    framer_settle(framer);
}

static enum frame_event fail(struct framer *framer, const char *text, struct cmd_error *reterr)
{
    drop_message(framer);
    cmd_fail(reterr, "%s", text);
    return FRAME_ERROR;
}

static enum frame_event no_memory(struct framer *framer, struct cmd_error *reterr)
{
    return fail(framer, "not enough memory for the request", reterr);
}

void framer_give_up(struct framer *framer, struct cmd_error *reterr)
{
    no_memory(framer, reterr);
    lexer_reset(&framer->lexer, true);
    framer->lexer.pos = framer->len;
    framer_settle(framer);
}

/* The error of a message that is dropped: the first one, or that it is not finished. */
static enum frame_event fail_message(struct message *message, struct cmd_error *reterr)
{
    if (message->error.text)
        *reterr = message->error;
    else
        cmd_fail(reterr, "JSON parse error, expecting value");
    *message = (struct message){ 0 };
    return FRAME_ERROR;
}

static enum frame_event deliver(struct framer *framer, struct json_doc **ret_doc,
                                struct cmd_error *reterr)
{
    struct json_doc *doc = framer_take_doc(framer);

    drop_message(framer);
    if (!doc)
        return no_memory(framer, reterr);
    *ret_doc = doc;
    return FRAME_MESSAGE;
}

static void count_bracket(struct message *message, enum token_type type)
{
    switch (type) {
    case TOKEN_LCURLY:
        message->curly++;
        break;
    case TOKEN_RCURLY:
        message->curly--;
        break;
    case TOKEN_LSQUARE:
        message->square++;
        break;
    case TOKEN_RSQUARE:
        message->square--;
        break;
    default:
        break;
    }
}

static bool is_complete(const struct message *message)
{
    return (message->curly == 0 && message->square == 0) || message->curly < 0 ||
           message->square < 0;
}

static const char *limit_error(const struct framer *framer, const struct token *token)
{
    const struct message *message = &framer->message;

    if (message->bytes + token->len >= framer->max_bytes) /* qemu-ga counts a NUL behind it */
        return "JSON token size limit exceeded";
    if (message->tokens + 1 > FRAMER_MAX_TOKENS)
        return "JSON token count limit exceeded";
    if (message->curly + message->square > FRAMER_MAX_DEPTH)
        return "JSON nesting depth limit exceeded";
    return NULL;
}

const struct build_frame *framer_candidate(const struct framer *framer)
{
    const struct json_builder *builder = &framer->builder;
    uint32_t i = builder->depth > CANDIDATE_DEPTH ? builder->depth - CANDIDATE_DEPTH : 0;

    for (; framer->building && i < builder->depth; i++) {
        const struct build_frame *frame = &builder->frames[i];

        if (frame->is_object && frame->first_on_line && (i > 0 || framer->message.broken))
            return frame;
    }
    return NULL;
}

/* The message goes on as if it had begun with `frame`. */
static void rebase_message(struct framer *framer, const struct build_frame *frame)
{
    struct json_builder *builder = &framer->builder;
    struct message message = { 0 };
    uint32_t i;

    framer->base += frame->off;
    builder_rebase(builder, frame);
    for (i = 0; i < builder->depth; i++)
        count_bracket(&message, builder->frames[i].is_object ? TOKEN_LCURLY : TOKEN_LSQUARE);
    message.tokens = builder->tokens;
    message.bytes = builder->bytes;
    cmd_error_done(&framer->message.error);
    framer->message = message;
}

/* A limit is exceeded by `token`. What has been collected is dropped; an object that began on a
 * new line is kept, since without what precedes it it may be within the limits. */
static enum frame_event over_limit(struct framer *framer, const struct token *token,
                                   const char *text, struct cmd_error *reterr)
{
    const struct build_frame *frame = framer_candidate(framer);

    if (frame) {
        lexer_back(&framer->lexer, token);
        rebase_message(framer, frame);
        cmd_fail(reterr, "%s", text);
        return FRAME_ERROR;
    }
    if (token->type == TOKEN_LCURLY && token->first_on_line && framer->message.tokens > 0)
        lexer_back(&framer->lexer, token);
    return fail(framer, text, reterr);
}

/* Gives the token to the builder, whose offsets count from base. */
static int build_on(struct framer *framer, struct token *token, struct cmd_error *reterr)
{
    int r;

    token->off -= framer->base; /* in place: a copy costs more than all the rest */
    r = builder_add(&framer->builder, framer->data + framer->base, token, reterr);
    token->off += framer->base;
    return r;
}

static int start_building(struct framer *framer, struct token *token, struct cmd_error *reterr)
{
    framer->building = true;
    framer->base = token->off;
    return build_on(framer, token, reterr);
}

/* Takes the token into the value, if there is one. 0, or -ENOMEM; a syntax error is kept for the
 * message's end. */
static int build(struct framer *framer, struct token *token)
{
    bool candidate = token->type == TOKEN_LCURLY && token->first_on_line;
    struct cmd_error error = { 0 };
    int r = 0;

    if (framer->building)
        r = build_on(framer, token, &error);
    else if (framer->message.tokens == 1 || candidate)
        r = start_building(framer, token, &error);
    if (r != -EBADMSG)
        return r;

    if (framer->message.error.text)
        cmd_error_done(&error);
    else
        framer->message.error = error;
    framer->message.broken = true;
    framer_stop_building(framer);
    return candidate && framer->message.tokens > 1 ? start_building(framer, token, &error) : 0;
}

/* True if the token closed an object on a new line that is a request by itself. */
static bool closed_request(const struct framer *framer)
{
    const struct json_builder *builder = &framer->builder;
    const struct build_frame *closed = &builder->closed;
    struct json_doc view;

    if (!framer->building || !builder->was_closed || !closed->is_object || !closed->first_on_line)
        return false;
    view = (struct json_doc){ .nodes = builder->nodes,
                              .node_count = builder->node_count,
                              .text.data = framer->data + framer->base };
    return request_is_shaped(&view, &view.nodes[closed->node]);
}

static enum frame_event salvage(struct framer *framer, struct cmd_error *reterr)
{
    framer->base += framer->builder.closed.off;
    builder_rebase(&framer->builder, &framer->builder.closed);
    framer->ready = true;
    return fail_message(&framer->message, reterr);
}

static enum frame_event take_token(struct framer *framer, struct token *token,
                                   struct json_doc **ret_doc, struct cmd_error *reterr)
{
    struct message *message = &framer->message;
    const char *limit;

    count_bracket(message, token->type);
    limit = limit_error(framer, token);
    if (limit)
        return over_limit(framer, token, limit, reterr);
    message->tokens++;
    message->bytes += token->len;
    if (build(framer, token) < 0) {
        lexer_reset(&framer->lexer, true);
        return no_memory(framer, reterr);
    }

    if (is_complete(message)) {
        if (!message->broken)
            return deliver(framer, ret_doc, reterr);
        framer_stop_building(framer);
        return fail_message(message, reterr);
    }
    if (closed_request(framer))
        return salvage(framer, reterr);
    if (framer->building && builder_complete(&framer->builder))
        framer_stop_building(framer); /* an object inside a broken message, but no request */
    return FRAME_MORE;
}

static enum frame_event stray(struct framer *framer, const struct token *token,
                              struct cmd_error *reterr)
{
    drop_message(framer);
    cmd_fail(reterr, "JSON parse error, stray '%.*s'",
             (int)MIN_OF(token->len, (size_t)TEXT_SHOWN_MAX), framer->data + token->off);
    return FRAME_ERROR;
}

enum frame_event framer_next(struct framer *framer, struct json_doc **ret_doc,
                             struct cmd_error *reterr)
{
    enum frame_event event = FRAME_MORE;
    struct token token;

    if (framer->ready)
        return deliver(framer, ret_doc, reterr);
    while (event == FRAME_MORE) {
        switch (lexer_next(&framer->lexer, framer->data, framer->len, &token)) {
        case LEX_MORE:
            framer_settle(framer);
            return FRAME_MORE;
        case LEX_TOKEN:
            event = take_token(framer, &token, ret_doc, reterr);
            break;
        case LEX_STRAY:
            event = stray(framer, &token, reterr);
            break;
        case LEX_RESET:
            drop_message(framer);
            break;
        case LEX_TOO_LONG:
            event = fail(framer, "JSON token size limit exceeded", reterr);
            break;
        }
    }
    return event;
}
