/*
 * proto/framer.c - reads, tokens, messages.
 *
 *     input: | dead | text of the value being built (gaps inside) | gap | token | unread | room |
 *            0      base                        base + text_end         floor   pos      len    cap
 *
 * A half-read message grows by doubling. What lies between its strings is dead: the piece behind
 * the last string is closed before each read, the rest when it comes to a quarter of what is
 * alive, so that each byte is moved a bounded number of times.
 */
#include "proto/framer.h"

#include "base/block.h"
#include "proto/input.h"
#include "proto/message.h"
#include "proto/text.h"

#define GAP_MAX  (4 * KIB)
#define DEAD_MAX (64 * KIB)
#define TAKE_MIN (32 * KIB) /* a document with less is copied out */

struct framer {
    struct lexer lexer;
    struct message message;
    struct input input;
    size_t allowance, wants; /* bytes */
};

struct framer *framer_new(size_t max_bytes)
{
    struct framer *framer = calloc(1, sizeof(*framer));

    if (!framer)
        return NULL;
    message_init(&framer->message, MIN_OF(max_bytes, (size_t)FRAMER_MAX_BYTES));
    framer->input.read_size = INPUT_READ_MIN;
    framer->allowance = SIZE_MAX;
    lexer_reset(&framer->lexer, false);
    return framer;
}

struct framer *framer_free(struct framer *framer)
{
    if (!framer)
        return NULL;
    message_done(&framer->message);
    input_done(&framer->input);
    free(framer);
    return NULL;
}

size_t framer_held(const struct framer *framer)
{
    return framer->input.cap + builder_held(&framer->message.builder);
}

void framer_allow(struct framer *framer, size_t bytes)
{
    framer->allowance = MAX_OF(bytes, (size_t)FRAMER_BASE_BYTES);
}

size_t framer_wants(const struct framer *framer)
{
    return framer->wants;
}

/* How much more may be held. */
static size_t left(const struct framer *framer)
{
    size_t held = framer_held(framer);

    return held < framer->allowance ? framer->allowance - held : 0;
}

/* How much the builder may hold. */
static inline size_t for_builder(const struct framer *framer)
{
    size_t cap = framer->input.cap;

    return cap < framer->allowance ? framer->allowance - cap : 0;
}

/* True if `more` bytes may be taken; else the caller is told what is wanted. */
static bool may_take(struct framer *framer, size_t more)
{
    framer->wants = more <= left(framer) ? 0 : framer_held(framer) + more;
    return framer->wants == 0;
}

/* Lets go of the input that is not needed: at least all of it that was looked at. */
static void settle(struct framer *framer)
{
    size_t floor = lexer_floor(&framer->lexer);

    if (framer->message.building || floor < framer->lexer.pos)
        return;
    if (framer->lexer.pos == framer->input.len)
        input_clear(&framer->input);
    else
        input_cut(&framer->input, 0, floor);
    lexer_moved(&framer->lexer, floor);
}

void framer_reset(struct framer *framer)
{
    message_drop(&framer->message);
    lexer_reset(&framer->lexer, false);
    framer->lexer.pos = framer->input.len;
    settle(framer);
}

void framer_give_up(struct framer *framer, struct cmd_error *reterr)
{
    struct message *message = &framer->message;

    if (message->ready) /* its end has been read */
        message_drop(message);
    else if (message->counts.tokens > 0 || lexer_in_token(&framer->lexer))
        message_forget(message);
    framer->lexer.forgets = message_forgets(message);
    framer->wants = 0;
    settle(framer);
    cmd_fail(reterr, "not enough memory for the request");
}

/* Moves the text of the value being built to the front; returns its length. */
static size_t pack_text(struct framer *framer)
{
    struct message *message = &framer->message;
    struct json_builder *builder = &message->builder;
    size_t live;

    if (!message->building)
        return 0;
    if (message->base > 0)
        memmove(framer->input.data, framer->input.data + message->base, builder->text_end);
    message->base = 0;
    live = builder->live + builder->node_count * sizeof(*builder->nodes);
    if (builder->text_end - builder->live > MAX_OF(DEAD_MAX, live / 4))
        builder_compact(builder, framer->input.data);
    return builder->text_end;
}

static void pack(struct framer *framer)
{
    size_t floor = lexer_floor(&framer->lexer);
    size_t tail = framer->input.len - floor;
    size_t text = pack_text(framer), gap = floor - text;

    if (gap == 0 || (gap < GAP_MAX && tail > gap))
        return;
    input_cut(&framer->input, text, floor);
    lexer_moved(&framer->lexer, gap);
}

/* As much of `want` as is allowed, if that makes a read. */
static size_t affordable(const struct framer *framer, size_t want)
{
    size_t cap = framer->input.cap, most = cap + left(framer);

    return want > most && most >= framer->input.len + INPUT_READ_MIN ? most : want;
}

char *framer_space(struct framer *framer, size_t *ret_size)
{
    struct input *input = &framer->input;
    size_t want;

    pack(framer);
    want = affordable(framer, input_wants(input, framer->message.max_bytes / 4 * 5));
    framer->wants = 0;
    if (want > input->cap && (!may_take(framer, want - input->cap) || input_grow(input, want) < 0))
        return NULL;
    *ret_size = input->cap - input->len;
    return input->data + input->len;
}

void framer_fed(struct framer *framer, size_t len)
{
    input_fed(&framer->input, len);
}

/* The document takes the nodes, and the buffer if that saves copying. NULL: no memory. */
static struct json_doc *take_large(struct framer *framer, size_t text_len, size_t tail)
{
    struct json_builder *builder = &framer->message.builder;
    struct input *input = &framer->input;
    uint32_t node_count = builder->node_count;
    struct json_doc *doc = json_doc_take(builder_take_nodes(builder), node_count);

    if (!doc)
        return NULL;
    if (text_len < TAKE_MIN || text_len <= tail) {
        if (json_doc_copy_text(doc, input->data + framer->message.base, text_len) < 0)
            return json_doc_free(doc);
        return doc;
    }
    json_doc_take_text(doc, input->data, input->cap, framer->message.base, text_len);
    if (input_leave(input, framer->lexer.pos) < 0) {
        doc->text_block = NULL; /* still the framer's */
        return json_doc_free(doc);
    }
    framer->lexer.pos = 0;
    return doc;
}

static struct json_doc *take_doc(struct framer *framer, size_t tail)
{
    const struct json_builder *builder = &framer->message.builder;
    size_t text_len = builder->text_end;

    if (text_len + builder->node_count * sizeof(*builder->nodes) >= TAKE_MIN)
        return take_large(framer, text_len, tail);
    return json_doc_new(builder->nodes, builder->node_count,
                        framer->input.data + framer->message.base, text_len);
}

static enum frame_event deliver(struct framer *framer, struct json_doc **ret_doc,
                                struct cmd_error *reterr)
{
    size_t tail = framer->input.len - framer->lexer.pos;
    size_t text_len = framer->message.builder.text_end;
    struct json_doc *doc;

    /* a copy of the text or a buffer with the tail, whichever is shorter */
    if (text_len >= TAKE_MIN && !may_take(framer, MIN_OF(text_len, tail + framer->input.read_size)))
        return FRAME_NEEDS_ROOM;
    doc = take_doc(framer, tail);
    message_drop(&framer->message);
    if (!doc) {
        cmd_fail(reterr, "not enough memory for the request");
        return FRAME_ERROR;
    }
    *ret_doc = doc;
    return FRAME_MESSAGE;
}

static enum frame_event stray(struct framer *framer, const struct token *token,
                              struct cmd_error *reterr)
{
    message_drop(&framer->message);
    cmd_fail(reterr, "JSON parse error, stray '%.*s'",
             (int)MIN_OF(token->len, (size_t)TEXT_SHOWN_MAX), framer->input.data + token->off);
    return FRAME_ERROR;
}

/* What is not simply more of the message. */
static enum frame_event message_event(struct framer *framer, enum message_event event,
                                      const struct token *token, size_t more,
                                      struct json_doc **ret_doc, struct cmd_error *reterr)
{
    switch (event) {
    case MESSAGE_MORE:
        return FRAME_MORE;
    case MESSAGE_READY:
        return deliver(framer, ret_doc, reterr);
    case MESSAGE_ERROR:
        break;
    case MESSAGE_AGAIN:
        lexer_back(&framer->lexer, token);
        break;
    case MESSAGE_NEEDS_ROOM:
        lexer_back(&framer->lexer, token);
        may_take(framer, more);
        return FRAME_NEEDS_ROOM;
    }
    return FRAME_ERROR;
}

static inline enum frame_event take_token(struct framer *framer, struct token *token,
                                          struct json_doc **ret_doc, struct cmd_error *reterr)
{
    size_t more = 0;
    enum message_event event = message_take(&framer->message, framer->input.data, token,
                                            for_builder(framer), &more, reterr);

    if (event == MESSAGE_MORE)
        return FRAME_MORE;
    return message_event(framer, event, token, more, ret_doc, reterr);
}

/* The next event; FRAME_MORE: none yet. False: the input is used up. */
static inline bool read_on(struct framer *framer, enum frame_event *ret_event,
                           struct json_doc **ret_doc, struct cmd_error *reterr)
{
    struct message *message = &framer->message;
    struct token token;

    framer->lexer.max_token = message_token_max(message);
    framer->lexer.forgets = message_forgets(message);
    switch (lexer_next(&framer->lexer, framer->input.data, framer->input.len, &token)) {
    case LEX_MORE:
        return false;
    case LEX_TOKEN:
        *ret_event = take_token(framer, &token, ret_doc, reterr);
        break;
    case LEX_STRAY:
        *ret_event = stray(framer, &token, reterr);
        break;
    case LEX_RESET:
        message_drop(message);
        break;
    case LEX_TOO_LONG:
        message_over(message, "JSON token size limit exceeded", reterr);
        *ret_event = FRAME_ERROR;
        break;
    }
    return true;
}

void framer_wipe(struct framer *framer)
{
    const struct message *message = &framer->message;
    const struct input *input = &framer->input;
    bool holds_value = message->building || message->ready;

    if (!input->data)
        return;
    explicit_bzero(input->data, holds_value ? message->base : lexer_floor(&framer->lexer));
    explicit_bzero(input->data + input->len, input->cap - input->len);
}

enum frame_event framer_next(struct framer *framer, struct json_doc **ret_doc,
                             struct cmd_error *reterr)
{
    enum frame_event event = FRAME_MORE;

    if (framer->message.ready)
        return deliver(framer, ret_doc, reterr);
    while (event == FRAME_MORE) {
        if (!read_on(framer, &event, ret_doc, reterr)) {
            settle(framer);
            return FRAME_MORE;
        }
    }
    return event;
}
