/*
 * A listener: who connects to its socket becomes a client, up to a number of them.
 *
 * Threads    the I/O thread.
 * Ownership  embedded in its port, which owns the channel.
 */
#pragma once

#include "io/channel.h"
#include "session/service.h"

struct listener {
    struct origin *origin;
    struct channel *channel;
    unsigned max_clients;
    unsigned client_count;
    bool is_accepting; /* the socket is watched */
    struct source source;
    struct timer pause; /* set: accepting failed, and is tried again */
};

void listener_init(struct listener *listener, struct origin *origin, unsigned max_clients);

/* Takes clients of `channel` from now on. */
void listener_start(struct listener *listener, struct channel *channel);
