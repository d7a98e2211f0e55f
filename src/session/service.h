/*
 * What all clients have in common (the service), and what those of one way in have (the origin).
 *
 *   origin ──▶ clients (a connection each) ──▶ session (a conversation; a resync begins a new one)
 *                                                 │
 *                                               calls (a request each, from its ticket to its reply)
 *
 * References: a call holds its session, a session its client. The I/O thread holds each client
 * until its output has let go of the descriptor, and the session that the client has now; the
 * window and the runner of a call hold one each.
 *
 * Threads    I/O thread, but for what says otherwise.
 * Lifetime   both outlive all clients; if a worker is blocked for good they are never freed.
 */
#pragma once

#include "cmds/command.h"
#include "io/loop.h"
#include "session/budget.h"

struct client;
struct grant;
struct sched;
struct session;
struct writer;

TAILQ_HEAD(client_list, client);
TAILQ_HEAD(session_list, session);

struct service {
    struct loop *loop;
    struct sched *sched;
    struct writer *writer;
    bool stopping;          /* no more requests are taken */
    uint64_t session_count; /* so far: the number of the next one */

    struct client_list clients;  /* connected */
    struct client_list awaiting; /* of them, those that had replies to come lately */

    /* For memory, or places among the jobs: sessions whose requests wait, in their order, and clients
     * whose input does. */
    struct session_list waiting_for_memory;
    struct client_list held;
    struct client *goes_on; /* whose half-read message may go beyond the input's part of it */
    struct timer trim;      /* gives large blocks back (base/block.h) */

    /* Any thread */
    _Atomic bool draining;      /* somebody waits for the last reply: tell when it is sent */
    _Atomic bool ending;        /* the process ends: long commands stop */
    _Atomic bool places_wanted; /* requests wait until jobs have finished: tell (memory_freed) */
    struct notice memory_freed, drained;
    struct notice freeze_changed; /* may have: thaw or status was served; see agent/agent.c */
};

/* One way in: what its clients may do, and their limits. What a reload of the
 * configuration changes (grant, limits) is of the I/O thread; the rest is read-only once it has clients. */
struct origin {
    struct service *service;
    const char *name;      /* for the audit trail; NULL: it has none */
    struct cmd_env env;    /* without policy and path rules, which are those of a call's grant */
    struct grant *grant;   /* of requests to come; the origin has a reference */
    struct budget *budget; /* memory of requests and replies */
    unsigned max_requests; /* in flight, of each client */
    size_t max_message_size;
    unsigned resync_grace_ms;
};

/* As loop_answered(); tells `drained` too when it was the last reply and somebody waits for it. */
void service_answered(struct service *service);
