/*
 * Framer: a stream of bytes in, one JSON value after the other out.
 *
 * The caller reads from its channel straight into framer_space(), tells how much came with
 * framer_fed(), and calls framer_next() until FRAME_MORE. Lexing, recovery after errors, limits
 * and texts are qemu-ga's (docs/PROTOCOL.md); 0xFF resets silently, anywhere; a well-formed
 * request ({"execute": ...}) that starts on a new line is never swallowed by what precedes it.
 *
 * Threads    none: one framer per client, used by the I/O thread.
 * Ownership  the framer owns the input; a document owns its text (a small one is copied out, a
 *            large one takes the buffer along and leaves the tail behind).
 * Limits     FRAMER_MAX_DEPTH, FRAMER_MAX_TOKENS, FRAMER_MAX_BYTES (a message's tokens have
 *            less than that, blanks not counted), each with the reference's error. The memory
 *            held is bounded by them, white space included.
 */
#pragma once

#include "base/error.h"
#include "proto/json.h"

#define FRAMER_MAX_DEPTH  1024
#define FRAMER_MAX_TOKENS (2u << 20)
#define FRAMER_MAX_BYTES  (64u << 20)

struct framer;

enum frame_event {
    FRAME_MORE,    /* all input is used up: read more */
    FRAME_MESSAGE, /* *ret_doc: one value, syntax valid */
    FRAME_ERROR,   /* *reterr: one error reply ("JSON parse error, ...", limits, no memory) */
};

/* `max_bytes`: FRAMER_MAX_BYTES or less (configuration: max-message-size). NULL: no memory. */
struct framer *framer_new(size_t max_bytes);
struct framer *framer_free(struct framer *framer);

/* Forgets half-read input, as 0xFF does (port: the host closed its side). */
void framer_reset(struct framer *framer);

/* Where to read to: at least 4 KiB, more (up to 256 KiB and above) while a large message comes
 * in or the last read filled it. NULL: no memory. Valid until the next call. */
char *framer_space(struct framer *framer, size_t *ret_size);

/* What to do when there is no room: gives up the message that comes in, and all memory with it.
 * *reterr is the message's error reply; its rest will be skipped, as after any error. */
void framer_give_up(struct framer *framer, struct cmd_error *reterr);

void framer_fed(struct framer *framer, size_t len);

enum frame_event framer_next(struct framer *framer, struct json_doc **ret_doc,
                             struct cmd_error *reterr);

/* Bytes of memory held: half-read message and unread input. */
size_t framer_held(const struct framer *framer);
