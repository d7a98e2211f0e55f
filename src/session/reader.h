/*
 * The reading side of a client, and the client as a whole: made, served, ended.
 *
 * Threads    the I/O thread.
 * Ownership  a client is its maker's until its `ended` was called, once, by the loop: then its
 *            descriptor is out of use, and the pointer too. The descriptor is closed by then unless
 *            it is a port's.
 */
#pragma once

#include "session/client.h"

/* What the maker has seen of a port. */
enum reader_event {
    READER_INPUT = 1u << 0,   /* there may be something to read */
    READER_HOST = 1u << 1,    /* the host is there */
    READER_HUNG_UP = 1u << 2, /* it is not; it may come back */
};

/* A client on `fd` of `channel`, with a session. `ended` may find `owner` in the client. NULL: no
 * memory; the descriptor is untouched then. */
struct client *reader_new(struct origin *origin, struct channel *channel, int fd, bool owns_fd,
                          void (*ended)(struct client *client), void *owner);

/* A socket's client: watches the descriptor. 0, or -errno: then the caller ends it. */
int reader_watch(struct client *client);

/* A port's client: its input is read in a turn of the client. */
void reader_event(struct client *client, unsigned events);

/* The host has gone, or has to go: the session is over, replies are dropped. */
void reader_end(struct client *client);
