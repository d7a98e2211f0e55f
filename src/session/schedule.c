/*
 * session/schedule.c - what a job needs before it may run, and what it leaves behind.
 *
 *   field                      written by  read by     order, and what it buys
 *   session.waiting,           I/O thread  I/O thread  plain: never shared
 *   service.trim
 *   service.places_wanted      I/O: sets   whoever     seq_cst; set before the scheduler is asked
 *                              others:     has done a  once more, under whose lock a job ends before
 *                              clear       job         its done(): one of the two sees the other
 */
#include "session/schedule.h"

#include "base/block.h"
#include "base/frozen.h"
#include "cmds/exec/exec.h"
#include "cmds/files/file.h"
#include "cmds/table.h"
#include "session/output.h"

#include <errno.h>

/* From this size on a request leaves memory behind that is worth giving back. */
#define LARGE_CALL_BYTES (64 * KIB)
#define KEEP_BLOCKS_NS   NSEC_PER_SEC

/* On a worker */

static void job_run(struct job *job)
{
    call_run(CONTAINER_OF(job, struct call, job));
}

/* On the I/O thread */
static bool job_run_inline(struct job *job)
{
    struct call *call = CONTAINER_OF(job, struct call, job);

    return !call->refused && !call_is_refused(call) && call_run_inline(call);
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

/* No device has this number: what is asked of one program keeps its order, so that the output is
 * told before "does not exist". */
#define PID_DEV (UINT64_MAX - 1) /* UINT64_MAX: paths that are opened (file_open_key()) */

static int pid_key(const struct exec_status_args *args, struct job_key *ret_key)
{
    *ret_key = (struct job_key){ .dev = PID_DEV, .ino = (uint64_t)args->pid };
    return 0;
}

/* Of a call whose arguments are bound. */
static int job_key(struct job *job, struct job_key *ret_key)
{
    const struct call *call = CONTAINER_OF(job, struct call, job);
    const struct file_handle_args *args = (const void *)call->args;
    struct file_key key;
    int r = 0;

    if (call->command->order == ORDER_PID)
        return pid_key((const void *)call->args, ret_key);
    if (call->command->order == ORDER_OPEN)
        file_open_key((const void *)call->args, &key);
    else
        r = file_table_key(call_origin(call)->env.files, args->handle, &key);
    if (r == 0)
        *ret_key = (struct job_key){ .dev = key.dev, .ino = key.ino };
    return r;
}

/* The reply may go out, or is dropped if a resync was quicker. */
static void job_done(struct job *job)
{
    struct call *call = CONTAINER_OF(job, struct call, job);
    struct service *service = call_origin(call)->service;

    call_drop_request(call);
    call_complete(call, call->cost > 0);
    session_call_ended(call->session);
    if (atomic_load(&service->places_wanted) && atomic_exchange(&service->places_wanted, false))
        loop_notify(service->loop, &service->memory_freed);
    if (job->class == JOB_URGENT)
        loop_notify(service->loop, &service->freeze_changed);
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
    if (!call->command)
        return JOB_SHARED;
    switch (call->command->order) {
    case ORDER_OPEN:
        if (call->error.text)
            return JOB_SHARED;
        return file_open_only_reads((const void *)call->args) ? JOB_OPEN : JOB_BARRIER;
    case ORDER_FILE:
    case ORDER_PID:
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

static bool is_file_call(const struct call *call)
{
    return call->command && !call->error.text &&
           (call->command->order == ORDER_OPEN || call->command->order == ORDER_FILE);
}

/* It is ordered among calls on the same file, path or program. */
static bool has_key(const struct call *call)
{
    return is_file_call(call) ||
           (call->command && !call->error.text && call->command->order == ORDER_PID);
}

/* The memory that the reply will hold at most. */
static size_t call_cost(const struct call *call)
{
    const struct command *command = call->command;

    if (call->error.text || !command->reply_max)
        return call->id_size;
    return call->id_size + command->reply_max(&call_origin(call)->env, call->args);
}

/* A query of the guest's state: what a file of the same session was told to hold is part of it. */
static bool looks_at_files(const struct call *call)
{
    return call->command && call->command->order == ORDER_SHARED && !call->error.text;
}

static bool writes_file(const struct call *call)
{
    return call->command && call->command->run == cmd_file_write && !call->error.text;
}

/* The I/O thread does a little of the work itself in each turn, and then goes on listening. */
static bool may_run_inline(const struct call *call, size_t cost)
{
    struct client *client = call->session->client;
    size_t bytes = cost + call->doc->text.len;

    if (!call->command || call->error.text || !call->command->try_inline ||
        bytes > client->inline_left)
        return false;
    client->inline_left -= bytes;
    return true;
}

static void too_many(struct call *call)
{
    call_fail(call, "too many requests are unfinished");
}

/* The call was not handed over: it has run, or is an error. In a turn of the client, or in
 * submit_waiting(), which a turn of the client follows. */
static void end_here(struct call *call, int r)
{
    struct client *client = call->session->client;
    size_t bytes;

    if (r == -EBUSY)
        call_fail(call, "too many earlier requests of this kind are stuck");
    else if (r < 0)
        too_many(call);
    bytes = call->doc->text.len + call->reply.len; /* whoever sends the reply frees it */
    job_done(&call->job);
    if (atomic_load(&client->gone))
        output_kick(client);
    output_replied(client, bytes);
    call_unref(call);
}

/* Without waiting for a place: one that there is not is an error. */
static void submit_now(struct call *call)
{
    int r;

    call_admit_input(call);
    r = sched_submit(call->session->stream, &call->job);
    if (r != 0)
        end_here(call, r);
}

/* False: some earlier job has to finish before, and then memory_freed is delivered. */
static bool submit(struct call *call)
{
    struct service *service = call_origin(call)->service;
    int r;

    call_admit_input(call);
    r = sched_submit(call->session->stream, &call->job);
    if (r == -EAGAIN) {
        atomic_store(&service->places_wanted, true);
        r = sched_submit(call->session->stream, &call->job);
    }
    if (r != 0 && r != -EAGAIN)
        end_here(call, r);
    return r != -EAGAIN;
}

static void gate(struct session *session, struct call *call)
{
    struct service *service = session->client->origin->service;

    if (STAILQ_EMPTY(&session->waiting)) {
        TAILQ_INSERT_TAIL(&service->waiting_for_memory, session, waiting_for_memory);
        session_ref(session);
    }
    STAILQ_INSERT_TAIL(&session->waiting, call, waiting);
    session->waiting_bytes += call->input_cost;
}

static struct call *take_waiting(struct session *session)
{
    struct call *call = STAILQ_FIRST(&session->waiting);

    STAILQ_REMOVE_HEAD(&session->waiting, waiting);
    session->waiting_bytes -= call->input_cost;
    return call;
}

static void ungate(struct session *session)
{
    TAILQ_REMOVE(&session->client->origin->service->waiting_for_memory, session,
                 waiting_for_memory);
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

        if (!call->has_memory)
            budget_adjust(session->client->origin->budget, &session->share, 0, call->cost);
        submit_now(call);
    }
    ungate(session);
}

/* Beside the budget: what freezes and thaws keeps its order, and waits for nothing else. */
static bool is_urgent(const struct call *call)
{
    return call->job.class == JOB_URGENT && !freeze_is_waiting(call->session);
}

static bool takes_budget(struct call *call)
{
    if (!call->has_memory)
        call->has_memory = budget_take(call_origin(call)->budget, call->share, call->cost);
    return call->has_memory;
}

/* Time goes on from the last large request. What still runs when it is over gives its blocks back
 * by itself. */
static void keep_blocks(const struct origin *origin)
{
    struct service *service = origin->service;

    block_limit(budget_left(origin->budget));
    if (service->trim.at_ns == 0)
        block_keep();
    loop_set_timer_in(service->loop, &service->trim, KEEP_BLOCKS_NS);
}

static void trim_blocks(struct timer *timer)
{
    (void)timer;
    block_trim();
}

static unsigned char job_kind(const struct call *call)
{
    return call->command ? (unsigned char)((size_t)(call->command - all_commands.rows) % JOB_KINDS)
                         : JOB_KINDS - 1;
}

static struct job make_job(const struct call *call, size_t cost)
{
    unsigned flags = call->command ? call->command->flags : 0;

    return (struct job){
        .class = job_class(call),
        .freeze_op = flags & CMD_FREEZE_OP,
        .spawns = flags & CMD_SPAWNS,
        .nonblocking = flags & CMD_NONBLOCKING,
        .file = is_file_call(call),
        .writes = writes_file(call),
        .looks = looks_at_files(call),
        .kind = job_kind(call),
        .run = job_run,
        .done = job_done,
        .flush = job_flush,
        .key = has_key(call) ? job_key : NULL,
        .admitted = job_admitted,
        .run_inline = may_run_inline(call, cost) ? job_run_inline : NULL,
    };
}

void schedule_call(struct call *call)
{
    struct session *session = call->session;
    size_t cost = call_cost(call);

    if (cost + call->input_cost >= LARGE_CALL_BYTES)
        keep_blocks(call_origin(call));
    call->job = make_job(call, cost);
    call_admit(call);
    session_call_began(session);
    if (is_urgent(call)) {
        if (call->job.freeze_op)
            submit_before_thaw(session);
        submit_now(call);
        return;
    }
    call->cost = cost; /* wanted, until it is taken */
    if (!STAILQ_EMPTY(&session->waiting) || !takes_budget(call) || !submit(call))
        gate(session, call);
}

static void submit_waiting(struct session *session)
{
    struct client *client = session->client;
    struct call *call;

    client_ref(client);
    while ((call = STAILQ_FIRST(&session->waiting)) && takes_budget(call)) {
        take_waiting(session);
        if (submit(call))
            continue;
        STAILQ_INSERT_HEAD(&session->waiting, call, waiting); /* it is no input any more */
        break;
    }
    if (STAILQ_EMPTY(&session->waiting))
        ungate(session);
    /* It has room to read again, and replies to be sent. */
    if (!atomic_load(&client->gone))
        loop_run_soon(client->origin->service->loop, &client->turn);
    client_unref(client);
}

void schedule_memory_freed(struct service *service)
{
    struct session *session, *following;
    struct client *client;

    for (session = TAILQ_FIRST(&service->waiting_for_memory); session; session = following) {
        following = TAILQ_NEXT(session, waiting_for_memory);
        submit_waiting(session);
    }
    while ((client = TAILQ_FIRST(&service->held))) {
        TAILQ_REMOVE(&service->held, client, held_link);
        client->is_held = false;
        loop_run_soon(service->loop, &client->turn);
    }
}

static void give_up(struct session *session)
{
    while (!STAILQ_EMPTY(&session->waiting)) {
        struct call *call = take_waiting(session);

        call_drop_input(call);
        if (!call->has_memory)
            call->cost = 0;
        job_done(&call->job);
        job_flush(&call->job);
    }
    ungate(session);
}

void schedule_give_up(struct service *service)
{
    while (!TAILQ_EMPTY(&service->waiting_for_memory))
        give_up(TAILQ_FIRST(&service->waiting_for_memory));
}

void schedule_init(struct service *service)
{
    service->trim.fire = trim_blocks;
}
