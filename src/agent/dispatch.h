/*
 * Dispatch: a message becomes a call, and the call is answered here or scheduled.
 *
 * Threads    dispatch_*(): the I/O thread. A call runs on a worker.
 */
#pragma once

#include "agent/state.h"

/* Takes the document. */
void dispatch_message(struct client *client, struct json_doc *doc);
/* An error that is answered in its place in the order of replies; takes the text. */
void dispatch_error(struct client *client, struct cmd_error *error);

/* The sync that waited goes on: earlier requests have finished, or the session began anew. */
void dispatch_sync(struct client *client);

/* True for a request that may be a sync: it passes requests that are held back. */
bool dispatch_is_sync(const struct json_doc *doc);
