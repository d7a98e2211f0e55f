/*
 * Output: replies leave a client's window in order, by one thread at a time.
 *
 * Whoever makes a reply ready kicks the output. The first to kick holds the write token and
 * sends all that is ready; kicks that come meanwhile are counted and make it look once more. So
 * a reply costs no hand-off: the thread that made it sends it. When the client does not take
 * more, the token goes to the writer thread, which sleeps until the client reads.
 *
 * Replies that are made on the I/O thread itself go out together: output_replied() collects them,
 * output_flush() kicks for those that are left.
 *
 * Threads    output_kick(): any thread that holds a reference of the client. output_replied(),
 *            output_flush(), output_end(): the I/O thread.
 */
#pragma once

#include "session/writer.h"

#define OUTPUT_BATCH 128

struct call;

struct output {
    _Atomic unsigned kicks; /* 0: nobody holds the token */

    /* The holder of the token */
    unsigned first, count; /* of sending[] */
    size_t offset;         /* sent bytes of sending[first] */
    bool broken;           /* a write failed: nobody takes replies any more */
    size_t usual_room;     /* what endpoint_set_room() has raised; 0: nothing */
    struct watched watched;
    struct call *sending[OUTPUT_BATCH];

    /* I/O thread */
    unsigned unkicked;     /* replies that were made there and not sent yet */
    size_t unkicked_bytes; /* that their requests moved */
};

/* A zeroed output becomes the client's. */
void output_init(struct output *output, struct client *client);

/* Sends what is ready, unless somebody is at it, who then looks once more. */
void output_kick(struct client *client);

/* A reply was completed on the I/O thread, for a request that moved `bytes`. It goes out with others,
 * at output_flush() at the latest. */
void output_replied(struct client *client, size_t bytes);
void output_flush(struct client *client);

/* The client is gone: its replies are dropped, its descriptor is closed as soon as nobody writes, and
 * then it is notified. */
void output_end(struct client *client);

/* For writer_start(). */
void output_serve(struct watched *watched);
