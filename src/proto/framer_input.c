/*
 * proto/framer_input.c - the framer's buffer: where to read to, and what need not be kept.
 *
 * A half-read message grows by doubling. What lies between its strings is dead: the piece behind
 * the last string is closed before each read, the rest when it comes to a quarter of what is
 * alive, so that each byte is moved a bounded number of times. A kept block (base/block.h) of any
 * size is welcome: it saves growing.
 */
#include "proto/framer_impl.h"

#include "base/block.h"

#define READ_MIN  (4 * KIB)
#define READ_MAX  (256 * KIB)
#define IDLE_MAX  (16 * KIB) /* what an empty framer keeps */
#define GAP_MAX   (4 * KIB)
#define DEAD_MAX  (64 * KIB)
#define TAKE_MIN  (32 * KIB) /* a document with less text is copied out */
#define SHORT_MAX 16         /* short reads in a row until less room is offered */

struct framer *framer_new(size_t max_bytes)
{
    struct framer *framer = calloc(1, sizeof(*framer));

    if (!framer)
        return NULL;
    framer->max_bytes = MIN_OF(max_bytes, (size_t)FRAMER_MAX_BYTES);
    framer->read_size = READ_MIN;
    framer->lexer.max_token = framer->max_bytes;
    lexer_reset(&framer->lexer, false);
    return framer;
}

struct framer *framer_free(struct framer *framer)
{
    if (!framer)
        return NULL;
    builder_done(&framer->builder);
    cmd_error_done(&framer->message.error);
    block_free(framer->data, framer->cap);
    free(framer);
    return NULL;
}

/* A token so long that the message is over the limit already: nothing in front of it is needed
 * any more, since its end will tell so. */
static void forget_doomed(struct framer *framer, size_t token_len)
{
    if (!framer->building || !lexer_in_token(&framer->lexer))
        return;
    if (framer->message.bytes + token_len < framer->max_bytes || framer_candidate(framer))
        return;
    framer_stop_building(framer);
    framer->message.broken = true;
}

/* Moves the text of the value being built to the front; returns its length. */
static size_t pack_text(struct framer *framer)
{
    struct json_builder *builder = &framer->builder;
    size_t live;

    if (!framer->building)
        return 0;
    if (framer->base > 0)
        memmove(framer->data, framer->data + framer->base, builder->text_end);
    framer->base = 0;
    live = builder->live + builder->node_count * sizeof(*builder->nodes);
    if (builder->text_end - builder->live > MAX_OF(DEAD_MAX, live / 4))
        builder_compact(builder, framer->data);
    return builder->text_end;
}

static void pack(struct framer *framer)
{
    size_t floor = lexer_floor(&framer->lexer);
    size_t tail = framer->len - floor;
    size_t text, gap;

    forget_doomed(framer, tail);
    text = pack_text(framer);
    gap = floor - text;
    if (gap == 0 || (gap < GAP_MAX && tail > gap))
        return;
    if (tail > 0)
        memmove(framer->data + text, framer->data + floor, tail);
    framer->len -= gap;
    lexer_moved(&framer->lexer, gap);
    if (framer->building)
        builder_close_gap(&framer->builder);
}

static void drop_buffer(struct framer *framer)
{
    block_free(framer->data, framer->cap);
    framer->data = NULL;
    framer->cap = 0;
}

/* Makes room for read_size bytes. */
static int make_room(struct framer *framer)
{
    size_t need = framer->len + framer->read_size;
    char *data;

    if (need <= framer->cap)
        return 0;
    if (framer->len >= READ_MAX)
        need = MAX_OF(need, MIN_OF(framer->len * 2, framer->max_bytes / 4 * 5 + READ_MAX));
    if (framer->len == 0)
        drop_buffer(framer); /* nothing to copy */
    data = block_grow(framer->data, framer->len, &framer->cap, need, SIZE_MAX);
    if (!data)
        return -1;
    framer->data = data;
    return 0;
}

char *framer_space(struct framer *framer, size_t *ret_size)
{
    pack(framer);
    if (make_room(framer) < 0)
        return NULL;
    *ret_size = framer->cap - framer->len;
    return framer->data + framer->len;
}

void framer_fed(struct framer *framer, size_t len)
{
    if (len == framer->cap - framer->len) {
        framer->read_size = MIN_OF(framer->read_size * 4, READ_MAX);
        framer->short_reads = 0;
    } else if (len > framer->read_size / 4) {
        framer->short_reads = 0;
    } else if (++framer->short_reads >= SHORT_MAX) {
        framer->read_size = MAX_OF(framer->read_size / 4, READ_MIN);
        framer->short_reads = 0;
    }
    framer->len += len;
}

void framer_settle(struct framer *framer)
{
    if (framer->building || lexer_in_token(&framer->lexer))
        return;
    framer->len = framer->lexer.pos = 0;
    if (framer->cap > IDLE_MAX)
        drop_buffer(framer);
}

/* Room for what stands behind the message, when the document takes the buffer. */
static int new_buffer(struct framer *framer, size_t tail)
{
    size_t cap = 0, want = tail + framer->read_size;
    char *data = NULL;

    if (tail > 0) {
        data = block_grow(NULL, 0, &cap, want, SIZE_MAX);
        if (!data)
            return -1;
        memcpy(data, framer->data + framer->lexer.pos, tail);
    }
    framer->data = data;
    framer->cap = cap;
    framer->len = tail;
    framer->lexer.pos = 0;
    return 0;
}

struct json_doc *framer_take_doc(struct framer *framer)
{
    const struct json_builder *builder = &framer->builder;
    size_t text_len = builder->text_end;
    size_t tail = framer->len - framer->lexer.pos;
    struct json_doc *doc;

    if (text_len < TAKE_MIN || text_len <= tail)
        return json_doc_new(builder->nodes, builder->node_count, framer->data + framer->base,
                            text_len);
    doc = json_doc_take(builder->nodes, builder->node_count, framer->data, framer->cap,
                        framer->base, text_len);
    if (!doc)
        return NULL;
    if (new_buffer(framer, tail) < 0) {
        doc->text_block = NULL; /* still the framer's */
        return json_doc_free(doc);
    }
    return doc;
}

size_t framer_held(const struct framer *framer)
{
    return framer->cap + builder_held(&framer->builder);
}
