/*
 * Calls: one request each, from its place in the window to its reply.
 *
 * Threads    call_new(), call_admit(): the I/O thread. The rest: whoever runs the call.
 * References two: the window's, and the runner's (agent/state.h).
 */
#pragma once

#include "agent/state.h"

#define REFUSED_TEXT "Command %s has been disabled: the command is not allowed"

/* NULL: no memory. */
struct call *call_new(struct session *session, size_t args_size);
void call_unref(struct call *call);

/* Takes the call's place in the order of replies. The client has room (client_turn() looked). */
void call_admit(struct client *client, struct call *call);

/* True if the command must not run now: frozen, or forbidden by the lists. */
bool call_is_refused(const struct call *call);

/* Makes the reply: the command's, or the error that was found before. */
void call_run(struct call *call);

/* The same by the command's try_now. False: it would have to wait, and nothing has happened. */
bool call_try_now(struct call *call);

/* Makes the reply of `text` instead of running the command. */
void call_fail(struct call *call, const char *text);

/* The request is not needed any more: a large one would wait with its reply for the host. */
void call_drop_request(struct call *call);
