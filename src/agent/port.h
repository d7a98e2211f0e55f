/*
 * A port: one way in, by a listening socket or by a device, with the rights, limits and sessions of
 * its own. Several can be served at once, and none disturbs another: one that is missing or
 * fails tries again by itself.
 *
 * Threads    port_new(), port_open(): before threads run. The rest: the I/O thread.
 */
#pragma once

#include "agent/listen.h"
#include "agent/serial.h"

struct port_config {
    const char *method, *path; /* borrowed; path NULL: the method's default */
    bool retry;                /* opens the channel again and again when it is not there or fails */
    unsigned max_clients;      /* of a listening socket */
    mode_t socket_mode;        /* of the file of a unix socket; 0: as `peers` need it */
    const struct peer_rules *peers; /* borrowed: who may connect to a listening socket */
};

struct port {
    struct origin origin; /* what its sessions see; the agent fills it in */
    struct port_config config;
    struct channel *channel; /* NULL: not there yet */
    struct timer retry;
    struct listener listener;
    struct serial serial;
    void (*lost)(struct port *port); /* for good */
    void *owner;                     /* of lost() */
    SLIST_ENTRY(port) link;          /* the agent's */
};

SLIST_HEAD(port_list, port);

/* NULL: no memory. */
struct port *port_new(const struct port_config *config);
/* Closes the channel. No client may be left. NULL in, NULL out. */
struct port *port_free(struct port *port);

/* Opens the channel, or takes the one that was passed. 0 or -errno, with a log line; with `retry`
 * only what can never work is an error. */
int port_open(struct port *port);

/* Serves it from now on, or as soon as it is there. `origin` is filled in by now. */
void port_serve(struct port *port);
