/*
 * A listening socket: who connects becomes a client, up to max-clients of them.
 *
 * Threads    the I/O thread.
 */
#pragma once

#include "agent/state.h"

/* Once, before listen_again(). */
void listen_init(struct agent *agent);

/* Takes clients again, if the channel listens and there is room: at the start, when one has left,
 * and when accept_at_ns has come. */
void listen_again(struct agent *agent);
