/*
 * agent/dispatch.c - from a message to a call, and where that goes. All on the I/O thread.
 */
#include "agent/dispatch.h"

#include "agent/call.h"
#include "agent/client.h"
#include "agent/schedule.h"
#include "base/log.h"
#include "proto/request.h"
#include "proto/text.h"

#include <errno.h>

/* Replies below this size are bounded well enough by the number of requests in flight. */
#define SMALL_REPLY_BYTES (16 * KIB)

/* Answered on the I/O thread; client_replied() sees to the sending. */
static void run_inline(struct client *client, struct call *call)
{
    call_admit(client, call);
    call_run(call);
    call_drop_request(call);
    /* Small ones are bounded well enough by their number. They must not count as what the session
     * holds: the requests that wait for that to become nothing may come before this one. */
    if (call->reply.cap >= SMALL_REPLY_BYTES) {
        call->cost = call->reply.cap;
        call->share = &call->session->inline_share;
        budget_adjust(&client->agent->budget, call->share, 0, call->cost);
    }
    if (!ticket_complete(&call->ticket))
        buf_done(&call->reply);
    client_replied(client, 0);
    call_unref(call);
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

    if ((command->flags & CMD_SYNC) && !call->error.text && !call_is_refused(call))
        begin_sync(client, call);
    else if (command->flags & CMD_ALWAYS_INLINE)
        run_inline(client, call);
    else if ((command->order == ORDER_INLINE || call->error.text || call_is_refused(call)) &&
             !must_queue(call))
        run_inline(client, call);
    else
        schedule_call(client, call);
}

static const struct command *find_command(const struct request *request, struct cmd_error *reterr)
{
    const struct command *command = command_find(request->name, request->name_len);

    if (!command) {
        CLEANUP(free_ptr) char *name = text_shown(request->name, request->name_len);

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
