/*
 * Output: replies leave a client's window in order, by one thread at a time.
 *
 * Whoever makes a reply ready kicks the output. The first to kick holds the write token and
 * sends all that is ready; kicks that come meanwhile are counted and make it look once more. So
 * a reply costs no hand-off: the thread that made it sends it. When the client does not take
 * more, the token goes to the writer thread, which sleeps until the client reads.
 *
 * Threads    output_kick(): any thread that holds a reference of the client.
 */
#pragma once

#include "agent/state.h"

struct writer;

/* NULL: no memory or no thread. */
struct writer *writer_start(void);
/* Ends the thread; what could not be sent stays unsent. NULL is fine. */
struct writer *writer_stop(struct writer *writer);

void output_kick(struct client *client);

/* The client is gone: makes the writer thread look, in case it holds the token. */
void output_poke(struct client *client);
