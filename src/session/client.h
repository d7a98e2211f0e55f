/*
 * A client: a connection, from the first byte until its descriptor is closed. Here is what all
 * stages share; what reads stands in session/reader.h, what writes in session/output.h.
 *
 * Threads    client_ref(), client_unref(), client_notify(), client_reply_left(): any thread that holds
 *            a reference. The rest: the I/O thread.
 */
#pragma once

#include "io/peer.h"
#include "pool/window.h"
#include "session/service.h"

struct channel;
struct output;

struct client {
    _Atomic unsigned refs;
    struct origin *origin;
    struct channel *channel;
    int fd;
    bool owns_fd;     /* not a port */
    struct peer peer; /* PEER_UNKNOWN: a port */
    struct window *window;
    unsigned max_requests; /* in flight: as it connected */
    struct output *output;

    /* I/O thread */
    struct session *session;
    struct task turn;   /* reads and serves */
    size_t inline_left; /* bytes that requests may still move on the I/O thread in this turn */
    bool left_stuck;    /* a resync has left requests unfinished */
    bool failed;        /* the descriptor is of no more use */
    bool is_awaiting;   /* in service->awaiting */
    bool is_held;       /* in service->held */
    TAILQ_ENTRY(client) link, awaiting_link, held_link;
    void (*ended)(struct client *client); /* its descriptor is out of use; the last word about it */
    void *owner;                          /* of ended() */

    /* shared: see client.c */
    struct notice changed;
    _Atomic bool gone;        /* replies are dropped */
    _Atomic unsigned unsent;  /* tickets taken whose reply has not left */
    _Atomic bool wants_space; /* notify when unsent has fallen */
    _Atomic bool closed;      /* the descriptor is not used any more */
};

/* A zeroed client, first in an allocation of the caller's, with one reference. 0 or -ENOMEM: then
 * client_unref() is right, too. */
int client_init(struct client *client, struct origin *origin);

void client_ref(struct client *client);
/* The last one frees the window and the allocation that begins with the client. */
void client_unref(struct client *client);

/* Something has changed that the I/O thread may wait for: client->changed is delivered. */
void client_notify(struct client *client);

/* Puts it among those that are connected, or takes it off all lists. */
void client_join(struct client *client);
void client_leave(struct client *client);

/* A ticket was taken; its reply was sent or dropped. */
void client_reply_due(struct client *client);
void client_reply_left(struct client *client);
/* Replies to come. */
unsigned client_unsent(const struct client *client);
/* True if there are more than `most`; then the client is notified when many have left. */
bool client_wait_for_room(struct client *client, unsigned most);

/* Its input waits until memory is freed (service->memory_freed). */
void client_hold(struct client *client);
