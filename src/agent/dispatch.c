/*
 * agent/dispatch.c - one call's way from its message to its reply.
 *
 *   field               written by                  read by            order, and what it buys
 *   call.*              I/O thread, then one        the next in line   handed over whole: by the
 * scheduler, worker, then the token                         the ticket, the token call.refs all
 * all: acq_rel       the last one frees session.unfinished  I/O: add, workers: sub      I/O thread
 * seq_cst with sync_waits: either session.sync_waits  I/O thread                  workers the I/O
 * thread sees 0, or it is kicked
 */
#include "agent/dispatch.h"

#include "agent/client.h"
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

#define REFUSED_TEXT "Command %s has been disabled: the command is not allowed"

static void call_free(struct call *call)
{
    struct session *session = call->session;

    if (call->command)
        args_done(call->command->args, call->args);
    json_doc_free(call->doc);
    cmd_error_done(&call->error);
    buf_done(&call->reply);
    budget_give(&session->client->agent->budget, &session->share, call->cost);
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

static void run_command(struct call *call)
{
    const struct command *command = call->command;
    struct cmd_env env = call->session->client->agent->env;
    struct cmd_reply reply = { 0 };

    env.cancelled = cancelled;
    env.job = call;
    if (command->flags & CMD_AUDIT)
        log_audit("%s called", command->name);
    reply_begin(&reply.text, command->flags & CMD_DELIMITED);
    if (command->run(&env, call->args, &reply) < 0) {
        call->error = reply.error;
        reply_failed(call);
    } else if (!(command->flags & CMD_NO_SUCCESS)) {
        reply_succeeded(call, &reply);
    }
    json_object_put(reply.value);
    buf_done(&reply.text);
}

static bool is_refused(const struct call *call)
{
    return ga_is_frozen() && !(call->command->flags & CMD_WHEN_FROZEN);
}

static void call_run(struct call *call)
{
    if (call->command && (call->refused || is_refused(call)))
        refuse(call);
    else if (call->error.text)
        reply_failed(call);
    else
        run_command(call);
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

static void job_admitted(struct job *job)
{
    struct call *call = CONTAINER_OF(job, struct call, job);

    call->refused = is_refused(call);
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

static void submit(struct call *call)
{
    if (sched_submit(call->session->stream, &call->job) == 0)
        return;
    cmd_error_done(&call->error);
    cmd_fail(&call->error, "too many requests are unfinished");
    reply_failed(call);
    job_done(&call->job);
    job_flush(&call->job);
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
}

static void schedule(struct client *client, struct call *call)
{
    struct session *session = call->session;
    size_t cost = call_cost(call);

    call->job = (struct job){
        .class = job_class(call),
        .freeze_op = call->command->flags & CMD_FREEZE_OP,
        .run = job_run,
        .done = job_done,
        .flush = job_flush,
        .key = job_key,
        .admitted = job_admitted,
    };
    call_admit(client, call);
    atomic_fetch_add(&session->unfinished, 1);
    if (call->job.class == JOB_URGENT) {
        submit(call);
    } else if (STAILQ_EMPTY(&session->waiting) &&
               budget_take(&client->agent->budget, &session->share, cost)) {
        call->cost = cost;
        submit(call);
    } else {
        call->cost = cost; /* wanted; taken by dispatch_waiting() */
        gate(session, call);
    }
}

void dispatch_waiting(struct session *session)
{
    struct agent *agent = session->client->agent;
    struct call *call;

    while ((call = STAILQ_FIRST(&session->waiting)) &&
           budget_take(&agent->budget, &session->share, call->cost)) {
        STAILQ_REMOVE_HEAD(&session->waiting, waiting);
        session->waiting_bytes -= call->doc->text.cap;
        submit(call);
    }
    if (STAILQ_EMPTY(&session->waiting)) {
        TAILQ_REMOVE(&agent->gated, session, gated);
        session_unref(session);
    }
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

    if ((command->flags & CMD_SYNC) && !call->error.text)
        begin_sync(client, call);
    else if (command->flags & CMD_ALWAYS_INLINE)
        run_inline(client, call);
    else if ((command->order == ORDER_INLINE || call->error.text) && !must_queue(call))
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

static const struct command *find_command(const struct agent *agent, const struct request *request,
                                          struct cmd_error *reterr)
{
    const struct command *command = command_find(request->name, request->name_len);

    if (!command) {
        CLEANUP(free_ptr) char *name = printable_name(request);

        cmd_fail_class(reterr, CMD_ERROR_NOT_FOUND, "The command %s has not been found",
                       name ? name : "");
        return NULL;
    }
    /* While frozen the whitelist runs whatever the lists say, as in qemu-ga: thaw above all. */
    if (!policy_allows(agent->env.policy, command) &&
        !(ga_is_frozen() && (command->flags & CMD_WHEN_FROZEN))) {
        cmd_fail_class(reterr, CMD_ERROR_NOT_FOUND, REFUSED_TEXT, command->name);
        return NULL;
    }
    return command;
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
        command = find_command(client->agent, &request, &error);
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
