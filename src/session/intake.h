/*
 * Intake: the memory of a client's half-read message, charged before it is taken.
 *
 * Up to FRAMER_BASE_BYTES each client has without asking. What a longer message needs counts as input
 * (session/budget.h). When there is none, the client is not read, until memory is freed. Of all
 * messages one goes on whatever the others hold, the first that had to wait, so that the one with
 * the memory is not the one that waits.
 *
 * What is stuck may hold the memory for good, and then nobody would see a sync behind the message. So
 * the waiting has an end, if nothing is freed: the message is answered with an error and read over.
 *
 * Threads    the I/O thread.
 */
#pragma once

#include "proto/framer.h"
#include "session/client.h"

struct intake {
    struct client *client;
    struct framer *framer;
    size_t charged; /* bytes above FRAMER_BASE_BYTES */
    bool waits;     /* for memory; it is tried again in each turn of the client */
    bool too_long;  /* and nothing was freed meanwhile */
    struct timer patience;
};

/* 0 or -ENOMEM. */
int intake_init(struct intake *intake, struct client *client, size_t max_message_size);
/* The framer goes, and what it holds. Twice is once. */
void intake_done(struct intake *intake);

/* The framer says that it needs room. True: it has it, or *reterr: the message was given up. False:
 * wait. */
bool intake_make_room(struct intake *intake, struct cmd_error *reterr);

/* The framer has used up its input, or gave a message or an error: what it holds is counted anew. */
void intake_settle(struct intake *intake, bool message_is_over);

/* Counts a document as input: the bytes, 0 for a small one. */
size_t intake_count_doc(struct intake *intake, const struct json_doc *doc);
