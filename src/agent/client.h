/*
 * Clients and sessions: made, read, ended by the I/O thread.
 *
 * Threads    all functions: the I/O thread, but for the unref functions (any).
 */
#pragma once

#include "agent/state.h"

/* A client on `fd` (owned unless it is a port's), put into the agent's lists. NULL: no memory; the
 * descriptor is untouched then. */
struct client *client_new(struct agent *agent, int fd, bool owns_fd);

/* The host has gone: its session is over, the descriptor is closed as soon as nobody writes. */
void client_end(struct client *client);

/* A reply was completed on the I/O thread, for a request that moved `bytes`. It goes out with others, at
 * the end of the client's turn at the latest. */
void client_replied(struct client *client, size_t bytes);

/* Reads once and serves what came. False: there is nothing to do until an event or a kick. */
bool client_turn(struct client *client);

/* After a kick: whatever may have changed for it. */
void client_check(struct client *client);

/* When the earliest timer of the client is due; INT64_MAX: none. */
int64_t client_deadline(const struct client *client);

void client_unref(struct client *client);

struct session *session_new(struct client *client);
/* The I/O thread's farewell: the stream takes no more jobs. */
void session_close(struct session *session);
void session_unref(struct session *session);
