/*
 * A port (virtio-serial, isa-serial): one host at a time, who comes and goes.
 *
 * Threads    the I/O thread.
 * Sessions   the host's side closing ends the session; the next bytes begin a new one, once the
 *            old one's output has let go of the descriptor.
 */
#pragma once

#include "agent/state.h"

/* Puts the port into the epoll set. */
void port_watch(struct agent *agent);

/* After a kick: the old session's output may have ended. */
void port_check(struct agent *agent);

/* The session of the port's host is over (client_end()). */
void port_ended(struct client *client);
