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

#define REFUSED_TEXT "Command %s has been disabled: the command is not allowed"

/* Its arguments are bound behind it. */
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

/* The way in that it came by. */
static inline struct origin *call_origin(const struct call *call)
{
    return call->session->client->origin;
}

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
bool call_try_now(struct call *call);

/* The reply is made, and counts `bytes` in the budget from now on; whoever sends it may see it. */
void call_complete(struct call *call, size_t bytes);
/* The reply was sent, or nobody wants it: its memory goes. Any thread. */
void call_drop_reply(struct call *call);

/* Makes the reply of `text` instead of running the command. */
void call_fail(struct call *call, const char *text);

/* The request is not needed any more: a large one would wait with its reply for the host. */
void call_drop_request(struct call *call);
