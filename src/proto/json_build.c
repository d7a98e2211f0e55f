#include "proto/json_build.h"

#include "proto/json_string.h"
#include "proto/text.h"

#include <errno.h>

/* More keys than this and an object's keys are hashed. */
#define LINEAR_KEYS 16

/* What builder_clear() keeps. */
#define KEPT_NODES  256
#define KEPT_FRAMES 32

/* What may come next in a container. */
enum build_state {
    OBJECT_FIRST, /* key or } */
    OBJECT_KEY,
    OBJECT_COLON,
    OBJECT_VALUE,
    OBJECT_NEXT, /* , or } */
    ARRAY_FIRST, /* value or ] */
    ARRAY_VALUE,
    ARRAY_NEXT, /* , or ] */
};

void builder_done(struct json_builder *builder)
{
    free(builder->nodes);
    free(builder->frames);
    key_table_done(&builder->keys);
    *builder = (struct json_builder){ 0 };
}

void builder_clear(struct json_builder *builder)
{
    if (builder->node_cap > KEPT_NODES) {
        free(builder->nodes);
        builder->nodes = NULL;
        builder->node_cap = 0;
    }
    if (builder->frame_cap > KEPT_FRAMES) {
        free(builder->frames);
        builder->frames = NULL;
        builder->frame_cap = 0;
    }
    key_table_done(&builder->keys);
    builder->node_count = builder->depth = builder->tokens = builder->bytes = 0;
    builder->live = builder->text_end = 0;
    builder->was_closed = false;
}

/* Room for one more of `count` items: doubles the array. */
static int make_room(void **io_items, uint32_t *io_cap, uint32_t count, size_t item_size)
{
    uint32_t cap = MAX_OF(*io_cap * 2, 16u);
    void *items;

    if (count < *io_cap)
        return 0;
    items = realloc(*io_items, cap * item_size);
    if (!items)
        return -ENOMEM;
    *io_items = items;
    *io_cap = cap;
    return 0;
}

static struct json_node *add_node(struct json_builder *builder, enum json_node_type type)
{
    struct json_node *node;
    void *nodes = builder->nodes;

    if (make_room(&nodes, &builder->node_cap, builder->node_count, sizeof(*node)) < 0)
        return NULL;
    builder->nodes = nodes;
    node = &builder->nodes[builder->node_count++];
    node->type = (uint8_t)type;
    node->next = builder->node_count;
    return node;
}

/* Text that a node refers to, and the byte behind it: a string's NUL. */
static void refer(struct json_builder *builder, struct json_node *node, size_t off, size_t len)
{
    node->str.off = (uint32_t)off;
    node->str.len = (uint32_t)len;
    builder->live += len + 1;
    builder->text_end = off + len + 1;
}

static int add_string(struct json_builder *builder, char *text, const struct token *token,
                      struct cmd_error *reterr)
{
    struct json_node *node;
    size_t len;

    if (json_string_decode(text + token->off, token, &len, reterr) < 0)
        return -EBADMSG;
    node = add_node(builder, JSON_STRING);
    if (!node)
        return -ENOMEM;
    refer(builder, node, token->off + 1, len);
    return 0;
}

/* Decimal digits; false if they do not fit. */
static bool parse_digits(const char *text, size_t len, uint64_t *ret_value)
{
    uint64_t value = 0;
    size_t i;

    if (len > 20)
        return false;
    for (i = 0; i < len; i++) {
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
            return false;
    }
    *ret_value = value;
    return true;
}

static int add_number(struct json_builder *builder, const char *text, const struct token *token)
{
    const char *digits = text + token->off;
    bool negative = digits[0] == '-';
    struct json_node *node = add_node(builder, JSON_DOUBLE);
    uint64_t value;

    if (!node)
        return -ENOMEM;
    if (token->type == TOKEN_INTEGER &&
        parse_digits(digits + negative, token->len - negative, &value)) {
        if (negative && value <= (uint64_t)INT64_MAX + 1) {
            node->type = JSON_INT;
            node->integer = (int64_t)-value;
            return 0;
        }
        if (!negative) {
            node->type = value <= INT64_MAX ? JSON_INT : JSON_UINT;
            node->uinteger = value;
            return 0;
        }
    }
    refer(builder, node, token->off, token->len);
    return 0;
}

static int add_word(struct json_builder *builder, const char *text, const struct token *token,
                    struct cmd_error *reterr)
{
    static const struct {
        const char *word;
        enum json_node_type type;
        bool boolean;
    } words[] = {
        { "null", JSON_NULL, false },
        { "true", JSON_BOOL, true },
        { "false", JSON_BOOL, false },
    };
    const char *word = text + token->off;
    size_t i;

    for (i = 0; i < ARRAY_LEN(words); i++) {
        struct json_node *node;

        if (strlen(words[i].word) != token->len || memcmp(word, words[i].word, token->len) != 0)
            continue;
        node = add_node(builder, words[i].type);
        if (!node)
            return -ENOMEM;
        node->boolean = words[i].boolean;
        return 0;
    }
    cmd_fail(reterr, "JSON parse error, invalid keyword '%.*s'",
             (int)MIN_OF(token->len, (size_t)TEXT_SHOWN_MAX), word);
    return -EBADMSG;
}

static int open_container(struct json_builder *builder, const struct token *token)
{
    bool is_object = token->type == TOKEN_LCURLY;
    void *frames = builder->frames;
    int r = make_room(&frames, &builder->frame_cap, builder->depth, sizeof(*builder->frames));

    if (r < 0)
        return r;
    builder->frames = frames;
    builder->frames[builder->depth] = (struct build_frame){
        .node = builder->node_count,
        .off = (uint32_t)token->off,
        .tokens = builder->tokens,
        .bytes = builder->bytes,
        .state = is_object ? OBJECT_FIRST : ARRAY_FIRST,
        .is_object = is_object,
        .first_on_line = token->first_on_line,
    };
    if (!add_node(builder, is_object ? JSON_OBJECT : JSON_ARRAY))
        return -ENOMEM;
    builder->depth++;
    return 0;
}

static int hash_keys(struct json_builder *builder, const char *text, struct build_frame *frame)
{
    uint32_t key;

    for (key = frame->node + 1; key != frame->key; key = builder->nodes[key + 1].next) {
        int r = key_table_add(&builder->keys, builder->nodes, text, frame->node, key);

        if (r < 0)
            return r;
    }
    frame->hashed = true;
    return 0;
}

/* 1 if the object has an earlier member with the key of the last one. */
static int has_duplicate(struct json_builder *builder, const char *text, struct build_frame *frame)
{
    const struct json_node *last = &builder->nodes[frame->key];
    uint32_t key;

    if (frame->count >= LINEAR_KEYS) {
        int r = frame->hashed ? 0 : hash_keys(builder, text, frame);

        return r < 0 ? r
                     : key_table_add(&builder->keys, builder->nodes, text, frame->node, frame->key);
    }
    for (key = frame->node + 1; key != frame->key; key = builder->nodes[key + 1].next) {
        const struct json_node *other = &builder->nodes[key];

        if (other->str.len == last->str.len &&
            memcmp(text + other->str.off, text + last->str.off, last->str.len) == 0)
            return 1;
    }
    return 0;
}

/* A value is complete: the container around it goes on. */
static int end_value(struct json_builder *builder, const char *text, struct cmd_error *reterr)
{
    struct build_frame *frame;
    int r;

    if (builder->depth == 0)
        return 0;
    frame = &builder->frames[builder->depth - 1];
    if (!frame->is_object) {
        frame->state = ARRAY_NEXT;
        frame->count++;
        return 0;
    }
    r = has_duplicate(builder, text, frame);
    if (r < 0)
        return r;
    if (r > 0) {
        cmd_fail(reterr, "JSON parse error, duplicate key");
        return -EBADMSG;
    }
    frame->state = OBJECT_NEXT;
    frame->count++;
    return 0;
}

static int close_container(struct json_builder *builder, const char *text, struct cmd_error *reterr)
{
    struct json_node *node;

    builder->closed = builder->frames[--builder->depth];
    builder->was_closed = true;
    node = &builder->nodes[builder->closed.node];
    node->next = builder->node_count;
    node->count = builder->closed.count;
    return end_value(builder, text, reterr);
}

static int add_value(struct json_builder *builder, char *text, const struct token *token,
                     struct cmd_error *reterr)
{
    int r;

    switch (token->type) {
    case TOKEN_LCURLY:
    case TOKEN_LSQUARE:
        return open_container(builder, token);
    case TOKEN_STRING:
        r = add_string(builder, text, token, reterr);
        break;
    case TOKEN_INTEGER:
    case TOKEN_FLOAT:
        r = add_number(builder, text, token);
        break;
    case TOKEN_WORD:
        r = add_word(builder, text, token, reterr);
        break;
    default:
        cmd_fail(reterr, "JSON parse error, expecting value");
        return -EBADMSG;
    }
    return r < 0 ? r : end_value(builder, text, reterr);
}

static int add_key(struct json_builder *builder, char *text, const struct token *token,
                   struct build_frame *frame, struct cmd_error *reterr)
{
    if (token->type != TOKEN_STRING) {
        cmd_fail(reterr, "JSON parse error, expecting key");
        return -EBADMSG;
    }
    frame->key = builder->node_count;
    frame->state = OBJECT_COLON;
    return add_string(builder, text, token, reterr);
}

static int add_separator(const struct token *token, enum token_type wanted,
                         struct build_frame *frame, enum build_state state, const char *error,
                         struct cmd_error *reterr)
{
    if (token->type != wanted) {
        cmd_fail(reterr, "JSON parse error, %s", error);
        return -EBADMSG;
    }
    frame->state = (uint8_t)state;
    return 0;
}

static int add_in_container(struct json_builder *builder, char *text, const struct token *token,
                            struct cmd_error *reterr)
{
    struct build_frame *frame = &builder->frames[builder->depth - 1];

    switch ((enum build_state)frame->state) {
    case OBJECT_FIRST:
        if (token->type == TOKEN_RCURLY)
            return close_container(builder, text, reterr);
        return add_key(builder, text, token, frame, reterr);
    case OBJECT_KEY:
        return add_key(builder, text, token, frame, reterr);
    case OBJECT_COLON:
        return add_separator(token, TOKEN_COLON, frame, OBJECT_VALUE, "expecting ':'", reterr);
    case OBJECT_NEXT:
        if (token->type == TOKEN_RCURLY)
            return close_container(builder, text, reterr);
        return add_separator(token, TOKEN_COMMA, frame, OBJECT_KEY, "expected ',' or '}'", reterr);
    case ARRAY_FIRST:
        if (token->type == TOKEN_RSQUARE)
            return close_container(builder, text, reterr);
        return add_value(builder, text, token, reterr);
    case ARRAY_NEXT:
        if (token->type == TOKEN_RSQUARE)
            return close_container(builder, text, reterr);
        return add_separator(token, TOKEN_COMMA, frame, ARRAY_VALUE, "expected ',' or ']'", reterr);
    case OBJECT_VALUE:
    case ARRAY_VALUE:
        break;
    }
    return add_value(builder, text, token, reterr);
}

int builder_add(struct json_builder *builder, char *text, const struct token *token,
                struct cmd_error *reterr)
{
    int r;

    builder->was_closed = false;
    r = builder->depth == 0 ? add_value(builder, text, token, reterr)
                            : add_in_container(builder, text, token, reterr);
    builder->tokens++;
    builder->bytes += (uint32_t)token->len;
    return r;
}
