/*
 * A session: one conversation with a client, which a resync ends. It has its own order of requests
 * (a stream of the scheduler) and its own share of the memory.
 *
 * Threads    session_unref(): any thread. The rest: the I/O thread.
 */
#pragma once

#include "pool/sched.h"
#include "session/client.h"

struct call;

struct session {
    _Atomic unsigned refs;
    struct client *client;
    uint64_t number;             /* of the agent's sessions, from 1 on */
    struct stream *stream;       /* I/O thread; jobs keep it alive by themselves */
    struct share share;          /* requests and their replies, in order */
    struct share inline_share;   /* replies that were made at once */
    _Atomic unsigned unfinished; /* calls submitted and not complete */
    _Atomic bool sync_waits;     /* notify the client when unfinished falls to 0 */
    _Atomic bool over;           /* abandoned or disconnected: long commands may stop */
    STAILQ_HEAD(, call) waiting; /* I/O thread: for memory, in order */
    size_t waiting_bytes;
    TAILQ_ENTRY(session)
    waiting_for_memory; /* I/O thread: in service->waiting_for_memory while waiting is not empty */
};

/* NULL: no memory. */
struct session *session_new(struct client *client);
void session_ref(struct session *session);
void session_unref(struct session *session);
/* The I/O thread's farewell, with its reference. */
void session_close(struct session *session);

/* A call was submitted (the I/O thread), or is complete (any thread). */
void session_call_began(struct session *session);
void session_call_ended(struct session *session);
/* True if calls are unfinished; then the client is notified when they are not. */
bool session_wait(struct session *session);
