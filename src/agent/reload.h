/*
 * Reading the configuration again (SIGHUP), by a thread of its own: a file may be on a disk that
 * answers late, and names of users may be asked of a server.
 *
 * Threads    the I/O thread. `read` is delivered on it, with what was read in the fields below.
 * Errors     a configuration that is wrong is said in the log and delivered as nothing.
 */
#pragma once

#include "config/load.h"
#include "io/loop.h"
#include "io/peer.h"
#include "session/grant.h"

#include <pthread.h>

/* What requests and clients to come are served by. */
struct served {
    const struct config *config; /* `own`, or as the agent was started */
    struct config own;
    struct peer_rules peers;
    struct grant *grant;
};

/* The rights and peers that `config` asks for. 0 or -errno, with a log line. */
int served_init(struct served *served, const struct config *config);
/* Frees it; NULL is fine. */
void served_done(struct served *served);

/* True if `next` allows nothing that `now` refuses. Else a log line says what. */
bool served_is_within(const struct served *next, const struct served *now);

/* Warns of keys that have changed since the start, and are not among those that a reload changes. */
void served_warn_of_rest(const struct config *config, const struct config *running);

struct reload {
    const struct config_input *source; /* NULL: there is nothing to read again */
    const struct config *running;      /* as the agent was started */
    struct loop *loop;
    struct notice read;
    struct served *result; /* taken by whom `read` is delivered to; NULL: it was wrong */
    pthread_t thread;
    bool is_reading; /* the thread is there, or is to be joined */
    bool again;      /* asked for meanwhile */
};

/* Begins, or begins anew when the one that is under way is over. */
void reload_begin(struct reload *reload);
/* For `read`: the thread is gone, and what it has read is the caller's. NULL: nothing. */
struct served *reload_take(struct reload *reload);
/* After the loop. False: the thread hangs, and what it may use must stay. */
bool reload_end(struct reload *reload);
