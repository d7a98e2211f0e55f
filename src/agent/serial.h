/*
 * A device (virtio-serial, isa-serial): one host at a time, who comes and goes.
 *
 * Threads    the I/O thread.
 * Sessions   the host's side closing ends the session; the next bytes begin a new one, once the
 *            old one's output has let go of the descriptor.
 * Ownership  embedded in its port, which owns the channel.
 */
#pragma once

#include "io/channel.h"
#include "session/service.h"

struct serial {
    struct origin *origin;
    struct channel *channel;
    struct client *client; /* NULL: none; one that is gone still uses the descriptor */
    bool is_readable;      /* as the last event said, while there is no client */
    bool is_connected;
    struct source source;
    void (*lost)(struct serial *serial); /* the device is of no more use, and nobody uses it */
};

void serial_init(struct serial *serial, struct origin *origin, void (*lost)(struct serial *serial));

/* Serves the host at `channel` from now on. 0 or -errno. */
int serial_start(struct serial *serial, struct channel *channel);
