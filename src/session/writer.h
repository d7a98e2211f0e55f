/*
 * The writer thread: waits until clients that do not read take more.
 *
 * A client's write token (session/output.h) is handed over by writer_watch() and comes back
 * through the function that writer_start() was given: when the client reads, and when it is gone.
 *
 * Threads    writer_watch(), writer_unwatch(): the holder of the client's token. writer_wake(): any.
 * Ownership  while a client is watched the writer has a reference of it.
 */
#pragma once

#include "session/client.h"

struct writer;

/* The client as the writer sees it; embedded in struct output. */
struct watched {
    struct client *client;
    bool is_on;                /* the token's holder */
    TAILQ_ENTRY(watched) link; /* under the writer's lock */
};

/* `serve_client` is called on the writer thread, with the token and a reference of the client. NULL: no
 * memory or no thread. */
struct writer *writer_start(void (*serve_client)(struct watched *watched));
/* Ends the thread; what could not be sent stays unsent. NULL is fine. */
struct writer *writer_stop(struct writer *writer);

/* 1: the writer has the token now, and the caller must not touch the output any more; 0: the
 * client is gone; -errno: it cannot be waited for. */
int writer_watch(struct writer *writer, struct watched *watched);
/* Takes it back; one that is not watched is fine. */
void writer_unwatch(struct writer *writer, struct watched *watched);

/* Some client is gone: serves it, if the writer holds its token. */
void writer_wake(struct writer *writer);
