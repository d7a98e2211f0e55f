/*
 * A sync that waits for earlier requests; when they do not finish, the session begins anew.
 *
 * What has not finished then goes on in the background, and its replies are dropped for ever.
 *
 * Threads    the I/O thread.
 * Ownership  embedded in the reader of the client. While is_waiting, the input rests.
 */
#pragma once

#include "session/dispatch.h"

struct resync {
    struct client *client;
    struct call *sync; /* NULL: none waits */
    struct timer grace;
};

void resync_init(struct resync *resync, struct client *client);

/* Takes the sync that dispatch_message() handed back. */
void resync_begin(struct resync *resync, struct call *sync);

static inline bool resync_is_waiting(const struct resync *resync)
{
    return resync->sync != NULL;
}

/* The client was notified: answers the sync if earlier requests have finished. */
void resync_check(struct resync *resync);

/* The client ends: so does the waiting. */
void resync_end(struct resync *resync);
