/*
 * agent/dispatch.c - one call's way from its message to its reply.
 *
 *   field               written by              read by          order, and what it buys
 *   call.*              I/O thread, then one    the next in line handed over whole: by the scheduler,
 *                       worker, then the token                   the ticket, the token
 *   call.refs           all                     all: acq_rel     the last one frees
 *   session.unfinished  I/O: add, workers: sub  I/O thread       seq_cst on both: either the I/O
 *   session.sync_waits  I/O thread              workers          thread sees 0, or it is kicked
 */
#include "agent/dispatch.h"

#include "agent/client.h"
#include "agent/loop.h"
#include "agent/output.h"
#include "base/frozen.h"
#include "base/log.h"
#include "cmds/file.h"
#include "cmds/policy.h"
#include "proto/reply.h"
#include "proto/request.h"

#include <errno.h>

/* Documents below this size are bounded well enough by the number of requests in flight. */
#define SMALL_DOC_BYTES (16 * KIB)
/* From this size on a request leaves memory behind that is worth giving back. */
#define LARGE_CALL_BYTES (64 * KIB)
/* Requests of all sessions, ended ones too, that may wait for memory. */
#define WAITING_MAX_CALLS 65536

#define REFUSED_TEXT "Command %s has been disabled: the command is not allowed"

static void call_free(struct call *call)
{
    struct session *session = call->session;

    if (call->command)
        args_done(call->command->args, call->args);
    json_doc_free(call->doc);
    cmd_error_done(&call->error);
    buf_done(&call->reply);
    budget_give(&session->client->agent->budget, call->share, call->cost);
    session_unref(session);
    free(call);
}

void call_unref(struct call *call)
{
    if (atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) == 1)
        call_free(call);
}

/* A call with its place in the window. The client has room (client_turn() looked). */
static struct call *call_new(struct session *session, size_t args_size)
{
    struct call *call = calloc(1, sizeof(*call) + args_size);

    if (!call)
        return NULL;
    atomic_init(&call->refs, 2);
    atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
    call->session = session;
    call->share = &session->share;
    return call;
}

static void call_admit(struct client *client, struct call *call)
{
    bool admitted = window_admit(client->window, &call->ticket);

    assert(admitted);
    (void)admitted;
    atomic_fetch_add(&client->unsent, 1);
}

/* Making the reply */

static void reply_failed(struct call *call)
{
    buf_done(&call->reply);
    reply_error(&call->reply, &call->error, call->doc, call->id);
    if (call->command)
        log_info("%s: %s", call->command->name, call->error.text);
}

static void refuse(struct call *call)
{
    cmd_error_done(&call->error);
    cmd_fail_class(&call->error, CMD_ERROR_NOT_FOUND, REFUSED_TEXT, call->command->name);
    reply_failed(call);
}

static bool cancelled(const void *job)
{
    const struct call *call = job;

    return atomic_load_explicit(&call->session->over, memory_order_relaxed) ||
           atomic_load_explicit(&call->session->client->agent->ending, memory_order_relaxed);
}

static void reply_succeeded(struct call *call, struct cmd_reply *reply)
{
    if (!reply->is_text) {
        if (reply->value)
            text_value(&reply->text, reply->value);
        else
            buf_puts(&reply->text, "{}");
    }
    reply_end(&reply->text, call->doc, call->id);
    if (buf_ok(&reply->text)) {
        call->reply = buf_take(&reply->text);
        return;
    }
    cmd_fail_errno(&call->error, ENOMEM, "failed to build the reply");
    reply_failed(call);
}

/* Runs the command by `run`, which is one of its two functions. False: it would have to wait. */
static bool run_command(struct call *call, command_fn *run)
{
    const struct command *command = call->command;
    struct cmd_env env = call->session->client->agent->env;
    struct cmd_reply reply = { 0 };
    int r;

    env.cancelled = cancelled;
    env.job = call;
    if (command->flags & CMD_AUDIT)
        log_audit("%s called", command->name);
    reply_begin(&reply.text, command->flags & CMD_DELIMITED);
    r = run(&env, call->args, &reply);
    if (r < 0) {
        call->error = reply.error;
        reply_failed(call);
    } else if (r == 0 && !(command->flags & CMD_NO_SUCCESS)) {
        reply_succeeded(call, &reply);
    }
    json_object_put(reply.value);
    buf_done(&reply.text);
    return r <= 0;
}

/* While frozen the whitelist runs whatever the lists say, as in qemu-ga: thaw above all. */
static bool is_refused(const struct call *call)
{
    if (ga_is_frozen())
        return !(call->command->flags & CMD_WHEN_FROZEN);
    return !policy_allows(call->session->client->agent->env.policy, call->command);
}

static void call_run(struct call *call)
{
    if (call->command && (call->refused || is_refused(call)))
        refuse(call);
    else if (!call->command || call->error.text)
        reply_failed(call);
    else
        run_command(call, call->command->run);
}

/* The request is not needed any more: a large one would wait with its reply for the host. */
static void drop_request(struct call *call)
{
    if (call->command)
        args_done(call->command->args, call->args);
    call->command = NULL;
    call->doc = json_doc_free(call->doc);
}

/* Answered on the I/O thread; client_turn() kicks the output once for all of a turn. */
static void run_inline(struct client *client, struct call *call)
{
    call_admit(client, call);
    call_run(call);
    drop_request(call);
    /* Small ones are bounded well enough by their number. They must not count as what the session
     * holds: the requests that wait for that to become nothing may come before this one. */
    if (call->reply.cap >= SMALL_DOC_BYTES) {
        call->cost = call->reply.cap;
        call->share = &call->session->inline_share;
        budget_adjust(&client->agent->budget, call->share, 0, call->cost);
    }
    client->kick = true;
    if (!ticket_complete(&call->ticket))
        buf_done(&call->reply);
    call_unref(call);
}

/* On a worker */

static void job_run(struct job *job)
{
    call_run(CONTAINER_OF(job, struct call, job));
}

/* On the I/O thread */
static bool job_now(struct job *job)
{
    struct call *call = CONTAINER_OF(job, struct call, job);

    return !call->refused && !is_refused(call) && run_command(call, call->command->try_now);
}

static void settle(struct call *call)
{
    if (!call->settled)
        call->refused = is_refused(call);
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

    drop_request(call);
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
    cmd_error_done(&call->error);
    cmd_fail(&call->error, "too many requests are unfinished");
    reply_failed(call);
}

/* In a turn of the client, or in dispatch_waiting(), which a turn of every client follows. */
static void submit(struct call *call)
{
    struct client *client = call->session->client;
    int r = sched_submit(call->session->stream, &call->job);

    if (r == 0)
        return;
    if (r < 0)
        too_many(call);
    job_done(&call->job);
    if (atomic_load(&client->gone))
        output_kick(client);
    client->kick = true;
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
    agent->waiting_calls++;
}

static struct call *take_waiting(struct session *session)
{
    struct call *call = STAILQ_FIRST(&session->waiting);

    STAILQ_REMOVE_HEAD(&session->waiting, waiting);
    session->waiting_bytes -= call->doc->text.cap;
    session->client->agent->waiting_calls--;
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

    STAILQ_FOREACH(call, &session->waiting, waiting)
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

static void schedule(struct client *client, struct call *call)
{
    struct session *session = call->session;
    size_t cost = call_cost(call);

    if (cost >= LARGE_CALL_BYTES)
        loop_keep_blocks(client->agent);
    call->job = (struct job){
        .class = job_class(call),
        .freeze_op = call->command->flags & CMD_FREEZE_OP,
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
    } else if (client->agent->waiting_calls < WAITING_MAX_CALLS) {
        call->cost = cost; /* wanted; taken by dispatch_waiting() */
        gate(session, call);
    } else {
        too_many(call);
        job_done(&call->job);
        client->kick = true;
        call_unref(call);
    }
}

void dispatch_waiting(struct session *session)
{
    struct agent *agent = session->client->agent;
    struct call *call;

    while ((call = STAILQ_FIRST(&session->waiting)) &&
           budget_take(&agent->budget, &session->share, call->cost))
        submit(take_waiting(session));
    if (STAILQ_EMPTY(&session->waiting))
        ungate(session);
}

void dispatch_give_up(struct session *session)
{
    while (!STAILQ_EMPTY(&session->waiting)) {
        struct call *call = take_waiting(session);

        call->cost = 0;
        job_done(&call->job);
        job_flush(&call->job);
    }
    ungate(session);
}

/* A sync is answered when what came before it is: at once, or later by dispatch_sync(). */
static void begin_sync(struct client *client, struct call *call)
{
    struct session *session = client->session;

    atomic_store(&session->sync_waits, true);
    if (atomic_load(&session->unfinished) == 0) {
        atomic_store(&session->sync_waits, false);
        run_inline(client, call);
        return;
    }
    client->sync = call;
    client->sync_deadline_ns = now_ns() + client->agent->config->resync_grace_ms * NSEC_PER_MSEC;
}

void dispatch_sync(struct client *client)
{
    struct call *call = TAKE_PTR(client->sync);

    atomic_store(&call->session->sync_waits, false);
    run_inline(client, call);
}

/* True if the answer depends on what unfinished requests of the session are about to change. */
static bool must_queue(const struct call *call)
{
    return !STAILQ_EMPTY(&call->session->waiting) || stream_busy(call->session->stream);
}

static void route(struct client *client, struct call *call)
{
    const struct command *command = call->command;

    if ((command->flags & CMD_SYNC) && !call->error.text && !is_refused(call))
        begin_sync(client, call);
    else if (command->flags & CMD_ALWAYS_INLINE)
        run_inline(client, call);
    else if ((command->order == ORDER_INLINE || call->error.text || is_refused(call)) &&
             !must_queue(call))
        run_inline(client, call);
    else
        schedule(client, call);
}

/* The name as an error text holds it: a NUL in it must not end the text. */
static char *printable_name(const struct request *request)
{
    struct buf name = { 0 };

    for (size_t i = 0; i < request->name_len; i++) {
        if (request->name[i] == '\0')
            buf_puts(&name, "\xC0\x80");
        else
            buf_putc(&name, request->name[i]);
    }
    return buf_terminate(&name);
}

static const struct command *find_command(const struct request *request, struct cmd_error *reterr)
{
    const struct command *command = command_find(request->name, request->name_len);

    if (!command) {
        CLEANUP(free_ptr) char *name = printable_name(request);

        cmd_fail_class(reterr, CMD_ERROR_NOT_FOUND, "The command %s has not been found",
                       name ? name : "");
    }
    return command;
}

bool dispatch_is_sync(const struct json_doc *doc)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
    struct request request = { 0 };
    const struct command *command = NULL;

    if (request_parse(doc, &request, &error) == 0)
        command = find_command(&request, &error);
    return command && (command->flags & CMD_SYNC);
}

/* An error that no command stands behind. Takes the error's text and the document. */
static void answer_error(struct client *client, struct json_doc *doc, const struct json_node *id,
                         struct cmd_error *error)
{
    struct call *call = call_new(client->session, 0);

    if (!call) {
        cmd_error_done(error);
        json_doc_free(doc);
        client_end(client);
        return;
    }
    call->doc = doc;
    call->id = id;
    call->error = *error;
    run_inline(client, call);
}

void dispatch_error(struct client *client, struct cmd_error *error)
{
    answer_error(client, NULL, NULL, error);
}

void dispatch_message(struct client *client, struct json_doc *doc)
{
    struct cmd_error error = { 0 };
    struct request request = { 0 };
    const struct command *command = NULL;
    struct call *call;

    if (request_parse(doc, &request, &error) == 0)
        command = find_command(&request, &error);
    if (!command) {
        answer_error(client, doc, request.id, &error);
        return;
    }
    log_debug("read data, count: %zu, data: {\"execute\": \"%s\"}", doc->text.len, command->name);
    call = call_new(client->session, command->args_size);
    if (!call) {
        cmd_fail_errno(&error, ENOMEM, "failed to run %s", command->name);
        answer_error(client, doc, request.id, &error);
        return;
    }
    call->doc = doc;
    call->id = request.id;
    call->command = command;
    args_bind(command->args, doc, request.arguments, call->args, &call->error);
    route(client, call);
}
