#include "proto/json_build.h"

#include "proto/json_string.h"
#include "proto/text.h"

#include <errno.h>

/* More keys than this and an object's keys are hashed. */
#define LINEAR_KEYS 16

/* From so many items on an array grows by half. */
#define GROW_HALF (16u * 1024)

/* What builder_clear() keeps. */
#define KEPT_NODES  256
#define KEPT_FRAMES 32

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
    builder->node_count = builder->depth = 0;
    builder->live = builder->text_end = 0;
    builder->hashes = false;
}

/* The size of an array that `count` items fill: doubled while it is small, so that little of a
 * large one stands empty. */
static uint32_t grown(uint32_t count)
{
    return count < GROW_HALF ? MAX_OF(count * 2, 16u) : count + count / 2;
}

static int grow_nodes(struct json_builder *builder)
{
    uint32_t cap = grown(builder->node_count);
    void *nodes = realloc(builder->nodes, cap * sizeof(*builder->nodes));

    if (!nodes)
        return -ENOMEM;
    builder->nodes = nodes;
    builder->node_cap = cap;
    return 0;
}

static int grow_frames(struct json_builder *builder)
{
    uint32_t cap = grown(builder->depth);
    void *frames = realloc(builder->frames, cap * sizeof(*builder->frames));

    if (!frames)
        return -ENOMEM;
    builder->frames = frames;
    builder->frame_cap = cap;
    return 0;
}

/* The object whose member the token may complete, if that member's key goes into the table. */
static struct build_frame *hashing_object(struct json_builder *builder, enum token_type type)
{
    uint32_t up = type == TOKEN_RCURLY || type == TOKEN_RSQUARE ? 2 : 1;
    struct build_frame *frame;

    if (builder->depth < up)
        return NULL;
    frame = &builder->frames[builder->depth - up];
    return frame->is_object && frame->count >= LINEAR_KEYS ? frame : NULL;
}

/* How many keys go into the table with it: an object's first ones go together. */
static size_t new_keys(const struct build_frame *frame)
{
    return frame->hashed ? 1 : frame->count + 1;
}

static bool needs_node(const struct json_builder *builder, enum token_type type)
{
    return builder->node_count == builder->node_cap && type != TOKEN_RCURLY &&
           type != TOKEN_RSQUARE && type != TOKEN_COLON && type != TOKEN_COMMA;
}

static bool needs_frame(const struct json_builder *builder, enum token_type type)
{
    return builder->depth == builder->frame_cap && (type == TOKEN_LCURLY || type == TOKEN_LSQUARE);
}

int builder_reserve(struct json_builder *builder, const char *text, enum token_type type,
                    size_t most, size_t *ret_more)
{
    const struct build_frame *object = hashing_object(builder, type);
    bool node = needs_node(builder, type), frame = needs_frame(builder, type);
    size_t slots = object ? key_table_wants(&builder->keys, new_keys(object)) : 0;
    size_t more = slots * sizeof(*builder->keys.slots);

    if (!node && !frame && slots == 0)
        return 0;
    if (node)
        more += (grown(builder->node_count) - builder->node_cap) * sizeof(*builder->nodes);
    if (frame)
        more += (grown(builder->depth) - builder->frame_cap) * sizeof(*builder->frames);
    *ret_more = more;
    if (builder_held(builder) + more > most)
        return -ENOBUFS;
    if ((node && grow_nodes(builder) < 0) || (frame && grow_frames(builder) < 0))
        return -ENOMEM;
    return slots > 0 ? key_table_grow(&builder->keys, slots, builder->nodes, text) : 0;
}

static struct json_node *add_node(struct json_builder *builder, enum json_node_type type)
{
    struct json_node *node = &builder->nodes[builder->node_count++];

    assert(builder->node_count <= builder->node_cap);
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
    size_t len;

    if (json_string_decode(text + token->off, token, &len, reterr) < 0)
        return -EBADMSG;
    refer(builder, add_node(builder, JSON_STRING), token->off + 1, len);
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

static void add_number(struct json_builder *builder, const char *text, const struct token *token)
{
    const char *digits = text + token->off;
    bool negative = digits[0] == '-';
    struct json_node *node = add_node(builder, JSON_DOUBLE);
    uint64_t value;

    if (token->type == TOKEN_INTEGER &&
        parse_digits(digits + negative, token->len - negative, &value)) {
        if (negative && value <= (uint64_t)INT64_MAX + 1) {
            node->type = JSON_INT;
            node->integer = (int64_t)-value;
            return;
        }
        if (!negative) {
            node->type = value <= INT64_MAX ? JSON_INT : JSON_UINT;
            node->uinteger = value;
            return;
        }
    }
    refer(builder, node, token->off, token->len);
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
        node->boolean = words[i].boolean;
        return 0;
    }
    cmd_fail(reterr, "JSON parse error, invalid keyword '%.*s'",
             (int)MIN_OF(token->len, (size_t)TEXT_SHOWN_MAX), word);
    return -EBADMSG;
}

static void open_container(struct json_builder *builder, bool is_object)
{
    assert(builder->depth < builder->frame_cap);
    builder->frames[builder->depth++] =
        (struct build_frame){ .node = builder->node_count, .is_object = is_object };
    add_node(builder, is_object ? JSON_OBJECT : JSON_ARRAY);
}

static void hash_keys(struct json_builder *builder, const char *text, struct build_frame *frame)
{
    uint32_t key;

    for (key = frame->node + 1; key != frame->key; key = builder->nodes[key + 1].next)
        key_table_add(&builder->keys, builder->nodes, text, frame->node, key);
    frame->hashed = true;
}

/* True if the object has an earlier member with the key of the last one. */
static bool has_duplicate(struct json_builder *builder, const char *text, struct build_frame *frame)
{
    const struct json_node *last = &builder->nodes[frame->key];
    uint32_t key;

    if (frame->count >= LINEAR_KEYS) {
        if (!frame->hashed)
            hash_keys(builder, text, frame);
        return !key_table_add(&builder->keys, builder->nodes, text, frame->node, frame->key);
    }
    for (key = frame->node + 1; key != frame->key; key = builder->nodes[key + 1].next) {
        const struct json_node *other = &builder->nodes[key];

        if (other->str.len == last->str.len &&
            memcmp(text + other->str.off, text + last->str.off, last->str.len) == 0)
            return true;
    }
    return false;
}

/* A value is complete: the container around it goes on. */
static int end_value(struct json_builder *builder, const char *text, struct cmd_error *reterr)
{
    struct build_frame *frame;

    if (builder->depth == 0)
        return 0;
    frame = &builder->frames[builder->depth - 1];
    if (frame->is_object && has_duplicate(builder, text, frame)) {
        cmd_fail(reterr, "JSON parse error, duplicate key");
        return -EBADMSG;
    }
    frame->count++;
    builder->hashes |= frame->is_object && frame->count >= LINEAR_KEYS;
    return 0;
}

static int close_container(struct json_builder *builder, const char *text, struct cmd_error *reterr)
{
    const struct build_frame *closed = &builder->frames[--builder->depth];
    struct json_node *node = &builder->nodes[closed->node];

    node->next = builder->node_count;
    node->count = closed->count;
    return end_value(builder, text, reterr);
}

static int add_scalar(struct json_builder *builder, char *text, const struct token *token,
                      struct cmd_error *reterr)
{
    int r = 0;

    if (token->type == TOKEN_STRING)
        r = add_string(builder, text, token, reterr);
    else if (token->type == TOKEN_WORD)
        r = add_word(builder, text, token, reterr);
    else
        add_number(builder, text, token);
    return r < 0 ? r : end_value(builder, text, reterr);
}

int builder_add(struct json_builder *builder, char *text, const struct token *token,
                enum grammar_role role, struct cmd_error *reterr)
{
    switch (role) {
    case ROLE_KEY:
        builder->frames[builder->depth - 1].key = builder->node_count;
        return add_string(builder, text, token, reterr);
    case ROLE_SCALAR:
        return add_scalar(builder, text, token, reterr);
    case ROLE_OPEN:
        open_container(builder, token->type == TOKEN_LCURLY);
        return 0;
    case ROLE_CLOSE:
        return close_container(builder, text, reterr);
    default:
        return 0;
    }
}

void builder_compact(struct json_builder *builder, char *text)
{
    size_t end = 0;
    uint32_t i;

    for (i = 0; i < builder->node_count; i++) {
        struct json_node *node = &builder->nodes[i];

        if (node->type != JSON_STRING && node->type != JSON_DOUBLE)
            continue;
        memmove(text + end, text + node->str.off, node->str.len + 1);
        node->str.off = (uint32_t)end;
        end += node->str.len + 1;
    }
    builder->text_end = end;
}

struct json_node *builder_take_nodes(struct json_builder *builder)
{
    struct json_node *nodes = builder->nodes;
    struct json_node *less = realloc(nodes, builder->node_count * sizeof(*nodes));

    builder->nodes = NULL;
    builder->node_cap = builder->node_count = 0;
    return less ? less : nodes;
}

size_t builder_held(const struct json_builder *builder)
{
    return builder->node_cap * sizeof(*builder->nodes) +
           builder->frame_cap * sizeof(*builder->frames) +
           builder->keys.capacity * sizeof(*builder->keys.slots);
}
