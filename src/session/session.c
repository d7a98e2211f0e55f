/*
 * session/session.c
 *
 *   field       written by              read by     order, and what it buys
 *   refs        all                     all         acq_rel: the last one frees
 *   unfinished  I/O: add, workers: sub  I/O thread  seq_cst on both: either the I/O thread sees 0, or
 *   sync_waits  I/O thread              workers     it is notified
 *   over        I/O thread              workers     relaxed: a hint for long commands
 */
#include "session/session.h"

struct session *session_new(struct client *client)
{
    struct session *session = calloc(1, sizeof(*session));

    if (!session)
        return NULL;
    session->stream = stream_new(client->origin->service->sched);
    if (!session->stream) {
        free(session);
        return NULL;
    }
    atomic_init(&session->refs, 1);
    client_ref(client);
    session->client = client;
    session->number = ++client->origin->service->session_count;
    STAILQ_INIT(&session->waiting);
    return session;
}

void session_ref(struct session *session)
{
    atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
}

void session_unref(struct session *session)
{
    if (atomic_fetch_sub_explicit(&session->refs, 1, memory_order_acq_rel) > 1)
        return;
    stream_close(session->stream);
    client_unref(session->client);
    free(session);
}

void session_close(struct session *session)
{
    atomic_store(&session->over, true);
    stream_end(session->stream);
    session_unref(session);
}

void session_call_began(struct session *session)
{
    atomic_fetch_add(&session->unfinished, 1);
}

void session_call_ended(struct session *session)
{
    if (atomic_fetch_sub(&session->unfinished, 1) == 1 && atomic_load(&session->sync_waits))
        client_notify(session->client);
}

bool session_wait(struct session *session)
{
    bool waits;

    atomic_store(&session->sync_waits, true);
    waits = atomic_load(&session->unfinished) > 0;
    if (!waits)
        atomic_store(&session->sync_waits, false);
    return waits;
}
