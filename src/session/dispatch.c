/*
 * session/dispatch.c - from a message to a call, and where that goes. All on the I/O thread.
 */
#include "session/dispatch.h"

#include "base/log.h"
#include "cmds/table.h"
#include "proto/reply.h"
#include "proto/request.h"
#include "proto/text.h"
#include "session/output.h"
#include "session/schedule.h"

#include <errno.h>

/* An id that takes more in the reply than this is charged before it is made. */
#define SMALL_ID_BYTES (4 * KIB)

/* Answered on the I/O thread; output_flush() sees to the sending. */
static void run_inline(struct call *call)
{
    struct client *client = call->session->client;
    bool counted = call->input_cost > 0;

    call_admit(call);
    call_run(call);
    call_drop_request(call);
    call_drop_input(call);
    /* Such replies must not count as what the session holds: the requests that wait for that to become
     * nothing may come before this one. */
    call->share = &call->session->inline_share;
    call_complete(call, counted);
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
    else if (call->id_size > 0)
        schedule_call(call);
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

/* The longest id that is given back. */
static size_t id_max(const struct call *call)
{
    const struct origin *origin = call->session->client->origin;
    const struct command *command = call->command;

    /* These wait for nothing, memory neither. */
    if (command && ((command->flags & CMD_SYNC) || command->order == ORDER_URGENT))
        return SMALL_ID_BYTES;
    return MIN_OF(origin->max_message_size, origin->budget->limit / 2);
}

/* A short string, whatever is in it, and a number are small. */
static bool is_small(const struct json_node *id)
{
    return id->type < JSON_DOUBLE || (id->type < JSON_ARRAY && id->str.len < SMALL_ID_BYTES / 8);
}

/* The reply repeats the id, and it may be six times as long there. */
static void set_id(struct call *call, const struct json_node *id)
{
    size_t size, most = id_max(call);

    call->id = id;
    if (!id || is_small(id))
        return;
    size = text_node_size(call->doc, id, most);
    if (size > most) {
        call->id = NULL;
        cmd_error_done(&call->error);
        cmd_fail(&call->error, "the id is too long to be given back");
    } else if (size > SMALL_ID_BYTES) {
        call->id_size = size;
    }
}

/* An error that no command stands behind. Takes the error's text and the document. */
static int answer_error(struct client *client, struct json_doc *doc, size_t doc_cost,
                        const struct json_node *id, struct cmd_error *error)
{
    struct call *call = call_new(client->session, 0);

    if (!call) {
        cmd_error_done(error);
        json_doc_free(doc);
        budget_adjust_input(client->origin->budget, doc_cost, 0);
        return -ENOMEM;
    }
    call->doc = doc;
    call->error = *error;
    set_id(call, id);
    call_charge(call, doc_cost, 0);
    if (call->id_size > 0)
        schedule_call(call);
    else
        run_inline(call);
    return 0;
}

int dispatch_error(struct client *client, struct cmd_error *error)
{
    return answer_error(client, NULL, 0, NULL, error);
}

/* The arguments, of which lists take memory, and all else that the call needs. */
static void bind(struct call *call, const struct request *request, size_t doc_cost)
{
    const struct arg_spec *specs = call->command->args;
    size_t lists = doc_cost > 0 ? args_list_bytes(specs, call->doc, request->arguments) : 0;

    call_charge(call, doc_cost, lists);
    args_bind(specs, call->doc, request->arguments, call->args, &call->error);
    set_id(call, request->id);
}

int dispatch_message(struct client *client, struct json_doc *doc, size_t doc_cost,
                     struct call **ret_sync)
{
    struct cmd_error error = { 0 };
    struct request request = { 0 };
    const struct command *command = NULL;
    struct call *call;

    if (request_parse(doc, &request, &error) == 0)
        command = find_command(&request, &error);
    if (!command)
        return answer_error(client, doc, doc_cost, request.id, &error);
    log_debug("read data, count: %zu, data: {\"execute\": \"%s\"}", doc->text.len, command->name);
    call = call_new(client->session, command->args_size);
    if (!call) {
        cmd_fail_errno(&error, ENOMEM, "failed to run %s", command->name);
        return answer_error(client, doc, doc_cost, request.id, &error);
    }
    call->doc = doc;
    call->command = command;
    bind(call, &request, doc_cost);
    route(call, ret_sync);
    return command->flags & CMD_SECRET ? 1 : 0;
}
