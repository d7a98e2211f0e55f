/*
 * Framer: a stream of bytes in, one JSON value after the other out.
 *
 * The caller reads from its channel straight into framer_space(), tells how much came with
 * framer_fed(), and calls framer_next() until FRAME_MORE. Lexing, recovery after errors, limits
 * and texts are qemu-ga's (docs/PROTOCOL.md), but: 0xFF resets silently, anywhere; what a strict
 * JSON parser takes as one value is one message or one error, whatever it holds and wherever the
 * input is cut; out of a message that is broken a request on a new line is salvaged.
 *
 * Threads    none: one framer per client, used by the I/O thread.
 * Ownership  the framer owns the input; a document owns its text and nodes (small ones are copied
 *            out, a large one takes the buffer along and leaves the tail behind).
 * Limits     FRAMER_MAX_DEPTH, FRAMER_MAX_TOKENS, FRAMER_MAX_BYTES, each with the reference's
 *            error. What exceeds them is not kept, but followed to its end.
 *
 * Memory     all that the framer holds is framer_held(), and it asks before it takes more than
 *            framer_allow() has granted (at first: no limit). So a caller that charges a budget:
 *
 *                framer_space() NULL, or framer_next() FRAME_NEEDS_ROOM:
 *                    want = framer_wants(framer);      0: there is no memory, nothing to be had
 *                    charge `want`, then framer_allow(framer, want) and call again;
 *                    or wait: the bytes are kept, nothing is lost, the client is not read;
 *                    or framer_give_up(): one error, and the memory comes back.
 *                FRAME_MESSAGE: charge json_doc_held(doc); framer_held() is less by about that.
 *                framer_next() FRAME_MORE: what is above framer_held() may be given back, with
 *                    framer_allow() again.
 *
 *            An allowance below FRAMER_BASE_BYTES counts as that: every client has so much. The
 *            step to a document takes at most FRAMER_BASE_BYTES above the allowance.
 */
#pragma once

#include "base/error.h"
#include "proto/framer_limits.h"
#include "proto/json.h"

#define FRAMER_BASE_BYTES (64u << 10)

struct framer;

enum frame_event {
    FRAME_MORE,       /* all input is used up: read more */
    FRAME_MESSAGE,    /* *ret_doc: one value, syntax valid */
    FRAME_ERROR,      /* *reterr: one error reply ("JSON parse error, ...", limits, no memory) */
    FRAME_NEEDS_ROOM, /* framer_wants() is more than what is allowed */
};

/* `max_bytes`: FRAMER_MAX_BYTES or less (configuration: max-message-size). NULL: no memory. */
struct framer *framer_new(size_t max_bytes);
struct framer *framer_free(struct framer *framer);

/* Forgets half-read input, as 0xFF does (port: the host closed its side). */
void framer_reset(struct framer *framer);

/* Where to read to: at least 4 KiB, more (up to 256 KiB and above) while a large message comes
 * in or the last read filled it. NULL: no room is allowed, or no memory. Valid until the next
 * call. */
char *framer_space(struct framer *framer, size_t *ret_size);

void framer_fed(struct framer *framer, size_t len);

enum frame_event framer_next(struct framer *framer, struct json_doc **ret_doc,
                             struct cmd_error *reterr);

/* What to do when there is no room: gives up the message that comes in, and its memory with it.
 * *reterr is the message's error reply; its rest is read over, up to its end. */
void framer_give_up(struct framer *framer, struct cmd_error *reterr);

/* Overwrites what the buffer still has of messages that were delivered. */
void framer_wipe(struct framer *framer);

/* Bytes of memory held: half-read message and unread input. */
size_t framer_held(const struct framer *framer);

/* Bytes it may hold from now on. What it holds already stays. */
void framer_allow(struct framer *framer, size_t bytes);

/* What it would hold if it got what it asked for last; 0: it did not ask. */
size_t framer_wants(const struct framer *framer);
