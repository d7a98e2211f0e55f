/*
 * Dispatch: a message becomes a call, and the call is answered here or scheduled.
 *
 * Threads    the I/O thread. A scheduled call runs on a worker.
 * Errors     -ENOMEM: not even an error could be answered. Whoever reads ends the client.
 */
#pragma once

#include "session/call.h"

/* Takes the document, of which `doc_cost` bytes are counted as input. A sync that has to wait for earlier requests is handed back: it goes on with
 * dispatch_sync(). 0; 1: it holds a secret, of which nothing may stay in the input buffer; or -ENOMEM.
 */
int dispatch_message(struct client *client, struct json_doc *doc, size_t doc_cost,
                     struct call **ret_sync);
/* An error that is answered in its place in the order of replies; takes the text. 0 or -ENOMEM. */
int dispatch_error(struct client *client, struct cmd_error *error);

/* The sync goes on: earlier requests have finished, or the session began anew. */
void dispatch_sync(struct call *call);

/* True for a request that may be a sync: it passes requests that are held back. */
bool dispatch_is_sync(const struct json_doc *doc);
