/*
 * session/dispatch.c - from a message to a call, and where that goes. All on the I/O thread.
 */
#include "session/dispatch.h"

#include "base/log.h"
#include "cmds/table.h"
#include "proto/request.h"
#include "proto/text.h"
#include "session/output.h"
#include "session/schedule.h"

#include <errno.h>

/* Replies below this size are bounded well enough by the number of requests in flight. */
#define SMALL_REPLY_BYTES (16 * KIB)

/* Answered on the I/O thread; output_flush() sees to the sending. */
static void run_inline(struct call *call)
{
    struct client *client = call->session->client;
    size_t cost = 0;

    call_admit(call);
    call_run(call);
    call_drop_request(call);
    /* Small ones are bounded well enough by their number. They must not count as what the session
     * holds: the requests that wait for that to become nothing may come before this one. */
    if (call->reply.cap >= SMALL_REPLY_BYTES)
        cost = call->reply.cap;
    call->share = &call->session->inline_share;
    call_complete(call, cost);
    output_replied(client, 0);
    call_unref(call);
}

/* A sync is answered when what came before it is: at once, or later by dispatch_sync(). */
static void begin_sync(struct call *call, struct call **ret_sync)
{
    if (session_wait(call->session))
        *ret_sync = call;
    else
        run_inline(call);
}

void dispatch_sync(struct call *call)
{
    atomic_store(&call->session->sync_waits, false);
    run_inline(call);
}

/* True if the answer depends on what unfinished requests of the session are about to change. */
static bool must_queue(const struct call *call)
{
    return !STAILQ_EMPTY(&call->session->waiting) || stream_busy(call->session->stream);
}

static void route(struct call *call, struct call **ret_sync)
{
    const struct command *command = call->command;

    if ((command->flags & CMD_SYNC) && !call->error.text && !call_is_refused(call))
        begin_sync(call, ret_sync);
    else if (command->flags & CMD_ALWAYS_INLINE)
        run_inline(call);
    else if ((command->order == ORDER_INLINE || call->error.text || call_is_refused(call)) &&
             !must_queue(call))
        run_inline(call);
    else
        schedule_call(call);
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
static int answer_error(struct client *client, struct json_doc *doc, const struct json_node *id,
                        struct cmd_error *error)
{
    struct call *call = call_new(client->session, 0);

    if (!call) {
        cmd_error_done(error);
        json_doc_free(doc);
        return -ENOMEM;
    }
    call->doc = doc;
    call->id = id;
    call->error = *error;
    run_inline(call);
    return 0;
}

int dispatch_error(struct client *client, struct cmd_error *error)
{
    return answer_error(client, NULL, NULL, error);
}

int dispatch_message(struct client *client, struct json_doc *doc, struct call **ret_sync)
{
    struct cmd_error error = { 0 };
    struct request request = { 0 };
    const struct command *command = NULL;
    struct call *call;

    if (request_parse(doc, &request, &error) == 0)
        command = find_command(&request, &error);
    if (!command)
        return answer_error(client, doc, request.id, &error);
    log_debug("read data, count: %zu, data: {\"execute\": \"%s\"}", doc->text.len, command->name);
    call = call_new(client->session, command->args_size);
    if (!call) {
        cmd_fail_errno(&error, ENOMEM, "failed to run %s", command->name);
        return answer_error(client, doc, request.id, &error);
    }
    call->doc = doc;
    call->id = request.id;
    call->command = command;
    args_bind(command->args, doc, request.arguments, call->args, &call->error);
    route(call, ret_sync);
    return command->flags & CMD_SECRET ? 1 : 0;
}
