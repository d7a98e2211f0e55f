#include "proto/message.h"

#include "proto/framer_limits.h"
#include "proto/request.h"

#include <errno.h>

/* True if nothing of it counts against the limits any more. */
static bool is_unlimited(const struct message *message)
{
    return message->answered && !message->building;
}

/* To be called when something that they depend on has changed. */
static void set_limits(struct message *message)
{
    struct counts from = message->answered ? message->before : (struct counts){ 0 };

    if (is_unlimited(message))
        message->limits = (struct limits){ INT64_MAX, UINT64_MAX, SIZE_MAX };
    else
        message->limits = (struct limits){
            .depth = from.curly + from.square + FRAMER_MAX_DEPTH,
            .tokens = from.tokens + FRAMER_MAX_TOKENS,
            .bytes = from.bytes + message->max_bytes, /* qemu-ga counts a NUL */
        };
}

void message_init(struct message *message, size_t max_bytes)
{
    message->max_bytes = max_bytes;
    set_limits(message);
}

static void stop_building(struct message *message)
{
    if (!message->building)
        return;
    builder_clear(&message->builder);
    message->building = false;
    set_limits(message);
}

void message_drop(struct message *message)
{
    stop_building(message);
    cmd_error_done(&message->error);
    message->counts = message->before = (struct counts){ 0 };
    message->following = message->ready = message->broken = message->answered = false;
    set_limits(message);
}

void message_done(struct message *message)
{
    builder_done(&message->builder);
    cmd_error_done(&message->error);
}

/* True while a candidate is followed. */
static bool has_candidate(const struct message *message)
{
    return message->broken && message->following;
}

static inline bool opens(const struct token *token)
{
    return token->type == TOKEN_LCURLY || token->type == TOKEN_LSQUARE;
}

static const char *limit_error(const struct message *message, const struct token *token)
{
    const struct counts *counts = &message->counts;
    const struct limits *limits = &message->limits;

    if (counts->bytes + token->len >= limits->bytes)
        return "JSON token size limit exceeded";
    if (counts->tokens >= limits->tokens)
        return "JSON token count limit exceeded";
    if (opens(token) && counts->curly + counts->square >= limits->depth)
        return "JSON nesting depth limit exceeded";
    return NULL;
}

static inline void count(struct counts *counts, const struct token *token)
{
    if (token->type <= TOKEN_RCURLY)
        counts->curly += token->type == TOKEN_LCURLY ? 1 : -1;
    else if (token->type <= TOKEN_RSQUARE)
        counts->square += token->type == TOKEN_LSQUARE ? 1 : -1;
    counts->tokens++;
    counts->bytes += token->len;
}

/* What qemu-ga takes as the end: both counts are back to 0, or one is negative. */
static bool is_balanced(const struct counts *counts)
{
    return (counts->curly == 0 && counts->square == 0) || counts->curly < 0 || counts->square < 0;
}

/* The candidate is the message from now on. */
static void begin_with_candidate(struct message *message)
{
    struct counts *counts = &message->counts;
    const struct counts *before = &message->before;

    counts->curly -= before->curly;
    counts->square -= before->square;
    counts->tokens -= before->tokens;
    counts->bytes -= before->bytes;
    message->before = (struct counts){ 0 };
    message->broken = false;
    cmd_error_done(&message->error);
    set_limits(message);
}

void message_forget(struct message *message)
{
    if (has_candidate(message))
        begin_with_candidate(message);
    stop_building(message);
    cmd_error_done(&message->error);
    message->answered = true;
    set_limits(message);
}

void message_over(struct message *message, const char *text, struct cmd_error *reterr)
{
    if (has_candidate(message) && !message->answered)
        begin_with_candidate(message);
    else
        message_forget(message);
    cmd_fail(reterr, "%s", text);
}

/* The token is the first of the message or of a candidate. */
static void begin(struct message *message, const struct token *token)
{
    message->grammar.state = ROOT_VALUE;
    message->grammar.depth = 0;
    message->before = message->counts;
    message->following = true;
    message->building = message->broken || !message->answered;
    message->base = token->off;
    set_limits(message);
}

/* Only the message's first error is told. Takes it. */
static void keep_error(struct message *message, struct cmd_error *error)
{
    if (message->answered || message->broken || message->error.text)
        cmd_error_done(error);
    else
        message->error = *error;
}

/* The token has shown that the value is wrong. */
static void fail_value(struct message *message, struct cmd_error *error)
{
    keep_error(message, error);
    stop_building(message);
}

static int cannot_stand(struct message *message)
{
    struct cmd_error error = { 0 };

    cmd_fail(&error, "%s", grammar_error(&message->grammar));
    fail_value(message, &error);
    return -EBADMSG;
}

static inline void build(struct message *message, char *data, struct token *token,
                         enum grammar_role role)
{
    struct cmd_error error = { 0 };
    int r;

    token->off -= message->base; /* in place: a copy costs more than all the rest */
    r = builder_add(&message->builder, data + message->base, token, role, &error);
    token->off += message->base;
    if (r < 0)
        fail_value(message, &error);
}

/* 0, -EBADMSG (the token cannot stand there), -ENOMEM or -ENOBUFS. */
static inline int step(struct message *message, char *data, struct token *token, size_t most,
                       size_t *ret_more)
{
    enum grammar_role role;

    if (message->building && !builder_has_room(&message->builder)) {
        int r =
            builder_reserve(&message->builder, data + message->base, token->type, most, ret_more);

        if (r < 0)
            return r;
    }
    role = grammar_step(&message->grammar, token->type);
    if (role == ROLE_WRONG)
        return cannot_stand(message);
    if (role != ROLE_SEPARATOR && message->building)
        build(message, data, token, role);
    return 0;
}

static bool may_begin_candidate(const struct token *token)
{
    return token->type == TOKEN_LCURLY && token->first_on_line;
}

/* The token has broken the message or the candidate: it may begin another one. */
static int break_at(struct message *message, char *data, struct token *token, size_t most,
                    size_t *ret_more)
{
    message->broken = true;
    message->following = false;
    if (!may_begin_candidate(token))
        return 0;
    begin(message, token);
    return step(message, data, token, most, ret_more);
}

static inline int follow(struct message *message, char *data, struct token *token, size_t most,
                         size_t *ret_more)
{
    int r;

    if (!message->following) {
        if (message->broken && !may_begin_candidate(token))
            return 0;
        begin(message, token);
    }
    r = step(message, data, token, most, ret_more);
    return r == -EBADMSG ? break_at(message, data, token, most, ret_more) : r;
}

/* The message's error is given: the first one, or that it is not finished. */
static enum message_event fail(struct message *message, struct cmd_error *reterr)
{
    if (message->error.text)
        *reterr = message->error;
    else
        cmd_fail(reterr, "JSON parse error, expecting value");
    message->error = (struct cmd_error){ 0 };
    return MESSAGE_ERROR;
}

static enum message_event end_message(struct message *message, struct cmd_error *reterr)
{
    enum message_event event = message->answered ? MESSAGE_MORE : fail(message, reterr);

    message_drop(message);
    return event;
}

static bool is_request(const struct message *message, char *data)
{
    struct json_doc view = { .nodes = message->builder.nodes,
                             .node_count = message->builder.node_count,
                             .text.data = data + message->base };

    return request_is_shaped(&view, &view.nodes[0]);
}

/* What the grammar follows is at its end. */
static enum message_event end_value(struct message *message, char *data, struct cmd_error *reterr)
{
    if (!message->broken && !message->building)
        return end_message(message, reterr);
    if (!message->broken || (message->building && is_request(message, data))) {
        message->ready = true;
        return message->broken && !message->answered ? fail(message, reterr) : MESSAGE_READY;
    }
    stop_building(message); /* an object inside a broken message, but no request */
    message->following = false;
    return MESSAGE_MORE;
}

enum message_event message_take(struct message *message, char *data, struct token *token,
                                size_t most, size_t *ret_more, struct cmd_error *reterr)
{
    const char *limit = limit_error(message, token);
    int r;

    if (limit) {
        message_over(message, limit, reterr);
        return MESSAGE_AGAIN;
    }
    r = follow(message, data, token, most, ret_more);
    if (r == -ENOBUFS)
        return MESSAGE_NEEDS_ROOM;
    if (r < 0) {
        message_over(message, "not enough memory for the request", reterr);
        return MESSAGE_AGAIN;
    }
    count(&message->counts, token);
    if (message->following && grammar_complete(&message->grammar))
        return end_value(message, data, reterr);
    return message->broken && is_balanced(&message->counts) ? end_message(message, reterr)
                                                            : MESSAGE_MORE;
}
