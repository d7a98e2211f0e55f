/*
 * The agent's parts, and who owns what.
 *
 *   agent ──▶ clients (a connection each) ──▶ session (a conversation; a resync begins a new one)
 *                                                │
 *                                              calls (a request each, from its ticket to its reply)
 *
 * References: a call holds its session, a session its client. The I/O thread holds each client
 * that is connected and its session; the window and the runner of a call hold one each.
 */
#pragma once

#include "agent/agent.h"
#include "agent/budget.h"
#include "agent/busy_poll.h"
#include "base/buf.h"
#include "base/now.h"
#include "base/wake.h"
#include "cmds/command.h"
#include "io/channel.h"
#include "pool/sched.h"
#include "pool/window.h"
#include "proto/framer.h"

#include <sys/queue.h>

struct agent;
struct client;

/* Something in the I/O thread's epoll set. */
struct source {
    void (*ready)(struct agent *agent, struct source *source, uint32_t events);
};

/* One request. Its arguments are bound behind it. */
struct call {
    struct ticket ticket;
    struct job job;
    _Atomic unsigned refs;
    struct session *session;
    const struct command *command; /* NULL: only an error is answered */
    struct json_doc *doc;
    const struct json_node *id;
    struct cmd_error error; /* found before the command could run */
    bool settled;           /* `refused` stands: its turn has come, or a thaw behind it starts */
    bool refused;           /* frozen, or forbidden, when it was settled */
    size_t cost;            /* bytes taken from the budget */
    struct share *share;    /* of the session: where the cost stands */
    struct buf reply;       /* empty: nothing is sent */
    STAILQ_ENTRY(call) waiting;
    _Alignas(max_align_t) char args[];
};

/* One conversation with a client: what a resync ends. */
struct session {
    _Atomic unsigned refs;
    struct client *client;
    struct stream *stream;       /* I/O thread; jobs keep it alive by themselves */
    struct share share;          /* requests and their replies, in order */
    struct share inline_share;   /* replies that were made at once */
    _Atomic unsigned unfinished; /* calls submitted and not complete */
    _Atomic bool sync_waits;     /* kick the I/O thread when unfinished falls to 0 */
    _Atomic bool over;           /* abandoned or disconnected: long commands may stop */
    STAILQ_HEAD(, call) waiting; /* I/O thread: for the budget, in order */
    size_t waiting_bytes;
    TAILQ_ENTRY(session) gated; /* I/O thread: in agent->gated while waiting is not empty */
};

/* What the framer gave and nobody has served yet: a request, or an error to be answered. */
struct ahead {
    bool is_there;
    struct json_doc *doc;
    struct cmd_error error;
};

#define OUTPUT_BATCH 128

/* The sending side of a client: belongs to the holder of the write token (agent/output.h). */
struct output {
    _Atomic unsigned kicks; /* 0: nobody holds the token */
    unsigned first, count;  /* of sending[] */
    size_t offset;          /* sent bytes of sending[first] */
    bool watched;           /* in the writer thread's epoll set and list */
    bool broken;            /* a write failed: nobody takes replies any more */
    size_t usual_room;      /* what endpoint_set_room() has raised; 0: nothing */
    struct call *sending[OUTPUT_BATCH];
};

struct client {
    struct source source; /* first: epoll hands it back */
    _Atomic unsigned refs;
    struct agent *agent;
    struct channel *channel;
    int fd;
    bool owns_fd; /* not a port */
    struct framer *framer;
    struct window *window;
    struct session *session;
    struct output output;
    TAILQ_ENTRY(client) watched_link; /* under the writer's lock */

    /* I/O thread */
    TAILQ_ENTRY(client) link;
    TAILQ_ENTRY(client) runnable_link;
    bool runnable;
    bool readable;
    bool closing;          /* the input ends behind what is there */
    bool hung_up;          /* nobody listens; a port's host may come back */
    bool connected;        /* a port: its host was seen to be there */
    int64_t hang_up_at_ns; /* a port that was not: the end, unless it is seen by then; 0: none */
    bool eof;
    bool failed;           /* the descriptor is of no more use */
    unsigned unkicked;     /* replies that were completed on the I/O thread and not sent yet */
    size_t unkicked_bytes; /* that their requests moved */
    size_t now_left;       /* bytes that requests may still move on the I/O thread in this turn */
    struct ahead ahead;
    struct call *sync; /* waits for earlier requests or for the grace to pass */
    int64_t sync_deadline_ns;

    /* shared: see client.c */
    _Atomic bool gone;       /* replies are dropped */
    _Atomic unsigned unsent; /* tickets taken whose reply has not left */
    _Atomic bool wants_room; /* kick the I/O thread when unsent has fallen */
    _Atomic bool closed;     /* the descriptor is not used any more */
};

TAILQ_HEAD(client_list, client);
TAILQ_HEAD(session_list, session);

struct agent {
    const struct config *config;
    struct state *state;
    struct channel *channel;
    struct cmd_env env;
    struct freeze_config *freeze;
    struct sched *sched;
    struct writer *writer;
    struct budget budget;

    struct busy_poll busy_poll;
    int epoll_fd;
    int signal_fd;
    struct wake_fd wake;
    struct source wake_source, signal_source, listen_source, port_source;
    struct client_list clients;
    struct client_list runnable;
    struct session_list gated;
    unsigned waiting_calls; /* for the budget, of all sessions */
    size_t waiting_bytes;   /* of their documents */
    unsigned client_count;
    bool accepting;
    int64_t accept_at_ns; /* 0: not paused */
    int64_t trim_at_ns;   /* 0: no blocks are kept */
    struct client *port_client;
    struct client *port_leaving;        /* its output still uses the port */
    bool port_readable, port_connected; /* as the last event said */
    bool port_lost;
    int64_t reopen_at_ns; /* 0: the port is open */
    bool ticking;
    int64_t tick_at_ns;
    bool stopping;
    int64_t stop_by_ns;
    int exit_status;
    bool blocked;         /* some worker did not stop: what it may use is never freed */
    _Atomic bool backlog; /* jobs wait: sched_tick() is due */
    _Atomic bool ending;  /* the process ends: long commands stop */
};

/* Opens the configured channel, or takes the one that was passed: 0 or -errno, with a log line. */
int agent_open_channel(struct agent *agent);

/* Any thread: the I/O loop looks at everything that may have changed. */
void agent_kick(struct agent *agent);
