/*
 * Calls: one request each, from its place in the window to its reply.
 *
 * Threads    call_new(), call_admit(): the I/O thread. The rest: whoever runs the call.
 * References two: the window's, and the runner's (session/service.h).
 */
#pragma once

#include "base/buf.h"
#include "proto/json.h"
#include "session/session.h"

/* So many requests in flight of a client are not charged, nor their replies, if they are small: they are
 * bounded well enough by their number, and need no look at what all threads share. A client that has left
 * stuck ones behind has none free. */
#define CALLS_FREE       64
#define CALL_SMALL_BYTES (2 * KIB)

#define REFUSED_TEXT "Command %s has been disabled: the command is not allowed"

/* Its arguments are bound behind it. */
struct call {
    struct ticket ticket;
    struct job job;
    _Atomic unsigned refs;
    struct session *session;
    struct grant *grant;           /* what it may do, as it came in */
    const struct command *command; /* NULL: only an error is answered */
    struct json_doc *doc;
    const struct json_node *id;
    struct cmd_error error; /* found before the command could run */
    bool settled;           /* `refused` stands: its turn has come, or a thaw behind it starts */
    bool refused;           /* frozen, or forbidden, when it was settled */
    size_t input_cost;      /* I/O thread: of the request, while it counts as input */
    size_t id_size;         /* of the id in the reply, where that is much */
    size_t cost;            /* of a scheduled request and its reply */
    struct share *share;    /* of the session: where the cost stands */
    bool has_memory;        /* its cost has been taken */
    struct buf reply;       /* empty: nothing is sent */
    STAILQ_ENTRY(call) waiting;
    _Alignas(max_align_t) char args[];
};

/* The way in that it came by. */
static inline struct origin *call_origin(const struct call *call)
{
    return call->session->client->origin;
}

/* Counts the request as input: its document, and `more`. Of the document `doc_cost` is counted
 * already; 0: it is small. */
void call_charge(struct call *call, size_t doc_cost, size_t more);
/* The request is no input any more: its bytes count as its cost, or are given back. */
void call_admit_input(struct call *call);
void call_drop_input(struct call *call);

/* NULL: no memory. */
struct call *call_new(struct session *session, size_t args_size);
void call_unref(struct call *call);

/* Takes the call's place in the order of replies. The client has room (the reader has looked). */
void call_admit(struct call *call);

/* True if the command must not run now: frozen, or forbidden by the lists. */
bool call_is_refused(const struct call *call);

/* Makes the reply: the command's, or the error that was found before. */
void call_run(struct call *call);

/* The same by the command's try_inline. False: it would have to wait, and nothing has happened. */
bool call_run_inline(struct call *call);

/* The reply is made, and is what counts in the budget from now on, a small one if it is `counted` too;
 * whoever sends it may see it. */
void call_complete(struct call *call, bool counted);
/* The reply was sent, or nobody wants it: its memory goes. Any thread. */
void call_drop_reply(struct call *call);

/* Makes the reply of `text` instead of running the command. */
void call_fail(struct call *call, const char *text);

/* The request is not needed any more: a large one would wait with its reply for the host. */
void call_drop_request(struct call *call);
