/*
 * A listener: who may connect to its socket becomes a client, up to a number of them. Who may not is
 * disconnected and named in the audit.
 *
 * Threads    the I/O thread.
 * Ownership  embedded in its port, which owns the channel.
 */
#pragma once

#include "io/channel.h"
#include "io/peer.h"
#include "session/service.h"

struct listener {
    struct origin *origin;
    struct channel *channel;
    const struct peer_rules *peers;
    unsigned max_clients;
    unsigned client_count;
    bool is_accepting; /* the socket is watched */
    struct source source;
    struct timer pause; /* set: accepting failed, and is tried again */
};

void listener_init(struct listener *listener, struct origin *origin, const struct peer_rules *peers,
                   unsigned max_clients);

/* For connections to come; those that are there stay. */
void listener_limit(struct listener *listener, unsigned max_clients);

/* Takes clients of `channel` from now on. */
void listener_start(struct listener *listener, struct channel *channel);
