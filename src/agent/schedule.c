/*
 * agent/schedule.c - what a job needs before it may run, and what it leaves behind.
 *
 *   field               written by              read by     order, and what it buys
 *   session.unfinished  I/O: add, workers: sub  I/O thread  seq_cst on both: either the I/O thread sees
 *   session.sync_waits  I/O thread              workers     0, or it is kicked
 *   session.waiting     I/O thread              I/O thread  plain
 */
#include "agent/schedule.h"

#include "agent/call.h"
#include "agent/client.h"
#include "agent/loop.h"
#include "agent/output.h"
#include "base/frozen.h"
#include "cmds/files/file.h"

#include <errno.h>

/* Documents below this size are bounded well enough by the number of requests in flight. */
#define SMALL_DOC_BYTES (16 * KIB)
/* From this size on a request leaves memory behind that is worth giving back. */
#define LARGE_CALL_BYTES (64 * KIB)
/* Requests of all sessions, ended ones too, that may wait for memory, and their bytes. */
#define WAITING_MAX_CALLS 65536
#define WAITING_ALL_BYTES (256 * MIB)

/* On a worker */

static void job_run(struct job *job)
{
    call_run(CONTAINER_OF(job, struct call, job));
}

/* On the I/O thread */
static bool job_now(struct job *job)
{
    struct call *call = CONTAINER_OF(job, struct call, job);

    return !call->refused && !call_is_refused(call) && call_try_now(call);
}

static void settle(struct call *call)
{
    if (!call->settled)
        call->refused = call_is_refused(call);
    call->settled = true;
}

static void job_admitted(struct job *job)
{
    settle(CONTAINER_OF(job, struct call, job));
}

static int job_key(struct job *job, struct job_key *ret_key)
{
    const struct call *call = CONTAINER_OF(job, struct call, job);
    const struct file_handle_args *args = (const void *)call->args;
    struct file_key key;
    int r;

    r = file_table_key(call->session->client->agent->env.files, args->handle, &key);
    if (r == 0)
        *ret_key = (struct job_key){ .dev = key.dev, .ino = key.ino };
    return r;
}

/* The reply may go out, or is dropped if a resync was quicker. */
static void job_done(struct job *job)
{
    struct call *call = CONTAINER_OF(job, struct call, job);
    struct session *session = call->session;
    struct client *client = session->client;
    size_t cost = call->reply.len;

    call_drop_request(call);
    budget_adjust(&client->agent->budget, &session->share, call->cost, cost);
    call->cost = cost;
    if (!ticket_complete(&call->ticket))
        buf_done(&call->reply);
    /* Behind a thaw a pid file that was put off can be made. */
    if ((atomic_fetch_sub(&session->unfinished, 1) == 1 && atomic_load(&session->sync_waits)) ||
        job->freeze_op)
        agent_kick(client->agent);
}

static void job_flush(struct job *job)
{
    struct call *call = CONTAINER_OF(job, struct call, job);

    output_kick(call->session->client);
    call_unref(call);
}

/* Scheduling */

static enum job_class job_class(const struct call *call)
{
    switch (call->command->order) {
    case ORDER_OPEN:
        if (call->error.text)
            return JOB_SHARED;
        return file_open_only_reads((const void *)call->args) ? JOB_OPEN : JOB_BARRIER;
    case ORDER_FILE:
        return call->error.text ? JOB_SHARED : JOB_FILE;
    case ORDER_BARRIER:
        return JOB_BARRIER;
    case ORDER_URGENT:
        return JOB_URGENT;
    case ORDER_INLINE:
    case ORDER_SHARED:
        break;
    }
    return JOB_SHARED;
}

/* What running the call will hold at most. */
static size_t call_cost(const struct call *call)
{
    const struct command *command = call->command;
    size_t doc = call->doc->text.cap < SMALL_DOC_BYTES ? 0 : call->doc->text.cap;

    if (call->error.text || !command->reply_max)
        return doc;
    return doc + command->reply_max(&call->session->client->agent->env, call->args);
}

/* The I/O thread does a little of the work itself in each turn, and then goes on listening. */
static bool may_run_now(struct client *client, const struct call *call, size_t cost)
{
    size_t bytes = cost + call->doc->text.len;

    if (call->error.text || !call->command->try_now || bytes > client->now_left)
        return false;
    client->now_left -= bytes;
    return true;
}

static void too_many(struct call *call)
{
    call_fail(call, "too many requests are unfinished");
}

/* In a turn of the client, or in schedule_waiting(), which a turn of every client follows. */
static void submit(struct call *call)
{
    struct client *client = call->session->client;
    int r = sched_submit(call->session->stream, &call->job);
    size_t bytes;

    if (r == 0)
        return;
    if (r < 0)
        too_many(call);
    bytes = call->doc->text.len + call->reply.len; /* whoever sends the reply frees it */
    job_done(&call->job);
    if (atomic_load(&client->gone))
        output_kick(client);
    client_replied(client, bytes);
    call_unref(call);
}

static void gate(struct session *session, struct call *call)
{
    struct agent *agent = session->client->agent;

    if (STAILQ_EMPTY(&session->waiting)) {
        TAILQ_INSERT_TAIL(&agent->gated, session, gated);
        atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
    }
    STAILQ_INSERT_TAIL(&session->waiting, call, waiting);
    session->waiting_bytes += call->doc->text.cap;
    agent->waiting_bytes += call->doc->text.cap;
    agent->waiting_calls++;
}

static struct call *take_waiting(struct session *session)
{
    struct agent *agent = session->client->agent;
    struct call *call = STAILQ_FIRST(&session->waiting);

    STAILQ_REMOVE_HEAD(&session->waiting, waiting);
    session->waiting_bytes -= call->doc->text.cap;
    agent->waiting_bytes -= call->doc->text.cap;
    agent->waiting_calls--;
    return call;
}

static void ungate(struct session *session)
{
    TAILQ_REMOVE(&session->client->agent->gated, session, gated);
    session_unref(session);
}

static bool freeze_is_waiting(const struct session *session)
{
    const struct call *call;

    STAILQ_FOREACH (call, &session->waiting, waiting)
        if (call->job.freeze_op)
            return true;
    return false;
}

/* A thaw does not wait for memory; what waits for it before the thaw goes ahead, to be refused. */
static void submit_before_thaw(struct session *session)
{
    if (STAILQ_EMPTY(&session->waiting) || (!ga_is_frozen() && !stream_freezes(session->stream)))
        return;
    while (!STAILQ_EMPTY(&session->waiting)) {
        struct call *call = take_waiting(session);

        budget_adjust(&session->client->agent->budget, &session->share, 0, call->cost);
        submit(call);
    }
    ungate(session);
}

/* Beside the budget: what freezes and thaws keeps its order, and waits for nothing else. */
static bool is_urgent(const struct call *call)
{
    return call->job.class == JOB_URGENT && !freeze_is_waiting(call->session);
}

static bool takes_budget(struct session *session, const struct call *call, size_t cost)
{
    return STAILQ_EMPTY(&session->waiting) &&
           budget_take(&session->client->agent->budget, &session->share, cost);
}

static bool may_wait(const struct agent *agent, const struct call *call)
{
    return agent->waiting_calls < WAITING_MAX_CALLS &&
           agent->waiting_bytes + call->doc->text.cap <= WAITING_ALL_BYTES;
}

void schedule_call(struct client *client, struct call *call)
{
    struct session *session = call->session;
    size_t cost = call_cost(call);

    if (cost >= LARGE_CALL_BYTES)
        loop_keep_blocks(client->agent);
    call->job = (struct job){
        .class = job_class(call),
        .freeze_op = call->command->flags & CMD_FREEZE_OP,
        .spawns = call->command->flags & CMD_SPAWNS,
        .brief = call->command->flags & CMD_BRIEF,
        .run = job_run,
        .done = job_done,
        .flush = job_flush,
        .key = job_key,
        .admitted = job_admitted,
        .now = may_run_now(client, call, cost) ? job_now : NULL,
    };
    call_admit(client, call);
    atomic_fetch_add(&session->unfinished, 1);
    if (is_urgent(call)) {
        if (call->job.freeze_op)
            submit_before_thaw(session);
        submit(call);
    } else if (takes_budget(session, call, cost)) {
        call->cost = cost;
        submit(call);
    } else if (may_wait(client->agent, call)) {
        call->cost = cost; /* wanted; taken by schedule_waiting() */
        gate(session, call);
    } else {
        too_many(call);
        job_done(&call->job);
        client_replied(client, 0);
        call_unref(call);
    }
}

void schedule_waiting(struct session *session)
{
    struct agent *agent = session->client->agent;
    struct call *call;

    while ((call = STAILQ_FIRST(&session->waiting)) &&
           budget_take(&agent->budget, &session->share, call->cost))
        submit(take_waiting(session));
    if (STAILQ_EMPTY(&session->waiting))
        ungate(session);
}

void schedule_give_up(struct session *session)
{
    while (!STAILQ_EMPTY(&session->waiting)) {
        struct call *call = take_waiting(session);

        call->cost = 0;
        job_done(&call->job);
        job_flush(&call->job);
    }
    ungate(session);
}
