/*
 * session/call.c - running a command and making its reply.
 *
 *   field      written by              read by          order, and what it buys
 *   call.*     I/O thread, then one    the next in line handed over whole: by the scheduler, the
 *              worker, then the token                   ticket, the token
 *   call.refs  all                     all: acq_rel     the last one frees
 */
#include "session/call.h"

#include "base/frozen.h"
#include "base/log.h"
#include "cmds/audit.h"
#include "proto/reply.h"
#include "session/grant.h"

#include <errno.h>

/* What a small reply has beside a large id: more is added by doubling. */
#define REPLY_AROUND_ID KIB

static void drop_doc(struct call *call)
{
    if (call->command && (call->command->flags & CMD_SECRET))
        json_doc_wipe(call->doc);
    call->doc = json_doc_free(call->doc);
}

static void call_free(struct call *call)
{
    struct session *session = call->session;

    if (call->command)
        args_done(call->command->args, call->args);
    drop_doc(call);
    cmd_error_done(&call->error);
    buf_done(&call->reply);
    grant_unref(call->grant);
    budget_give(session->client->origin->budget, call->share, call->cost);
    session_unref(session);
    free(call);
}

void call_unref(struct call *call)
{
    if (atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) == 1)
        call_free(call);
}

struct call *call_new(struct session *session, size_t args_size)
{
    struct call *call = calloc(1, sizeof(*call) + args_size);

    if (!call)
        return NULL;
    atomic_init(&call->refs, 2);
    session_ref(session);
    call->session = session;
    call->grant = grant_ref(session->client->origin->grant);
    call->share = &session->share;
    return call;
}

void call_charge(struct call *call, size_t doc_cost, size_t more)
{
    const struct client *client = call->session->client;

    call->input_cost = doc_cost;
    if (doc_cost + more == 0 && client_unsent(client) < CALLS_FREE && !client->left_stuck)
        return;
    if (doc_cost == 0 && call->doc)
        more += json_doc_held(call->doc);
    call->input_cost += more + sizeof(*call);
    budget_adjust_input(client->origin->budget, doc_cost, call->input_cost);
}

void call_admit_input(struct call *call)
{
    budget_admit_input(call_origin(call)->budget, call->share, call->input_cost);
    call->cost += call->input_cost;
    call->input_cost = 0;
}

void call_drop_input(struct call *call)
{
    budget_adjust_input(call_origin(call)->budget, call->input_cost, 0);
    call->input_cost = 0;
}

void call_admit(struct call *call)
{
    struct client *client = call->session->client;
    bool admitted = window_admit(client->window, &call->ticket);

    CHECK(admitted);
    client_reply_due(client);
}

/* Making the reply */

static void reply_failed(struct call *call)
{
    buf_done(&call->reply);
    if (call->id_size > 0)
        buf_reserve(&call->reply, call->id_size + REPLY_AROUND_ID);
    reply_error(&call->reply, &call->error, call->doc, call->id);
    if (call->command)
        log_info("%s: %s", call->command->name, call->error.text);
}

static struct audit_call audit_call_of(const struct call *call)
{
    static const enum audit_peer kinds[] = {
        [PEER_UNKNOWN] = AUDIT_PEER_NONE,
        [PEER_UNIX] = AUDIT_PEER_USER,
        [PEER_VSOCK] = AUDIT_PEER_CID,
    };
    const struct peer *peer = &call->session->client->peer;

    return (struct audit_call){
        .command = call->command,
        .args = call->error.text ? NULL : call->args,
        .who = {
            .session = call->session->number,
            .port = call_origin(call)->name,
            .kind = kinds[peer->kind],
            .id = peer->id,
            .pid = peer->pid,
        },
    };
}

static void refuse(struct call *call)
{
    struct audit_call audit = audit_call_of(call);

    /* A host that keeps asking a frozen guest for its load is no news. */
    if (!ga_is_frozen() || (call->command->flags & CMD_AUDIT))
        audit_refused(&audit);
    cmd_error_done(&call->error);
    cmd_fail_class(&call->error, CMD_ERROR_NOT_FOUND, REFUSED_TEXT, call->command->name);
    reply_failed(call);
}

static bool cancelled(const void *job)
{
    const struct call *call = job;

    return atomic_load_explicit(&call->session->over, memory_order_relaxed) ||
           atomic_load_explicit(&call_origin(call)->service->ending, memory_order_relaxed);
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

/* Runs `run` and makes the reply. Its value in the reply is *ret_value, where that is at hand. False: it
 * would have to wait. */
static bool make_reply(struct call *call, command_fn *run, size_t *ret_at, size_t *ret_len)
{
    const struct command *command = call->command;
    struct cmd_env env = call_origin(call)->env;
    struct cmd_reply reply = { 0 };
    int r;

    if (call->id_size > 0)
        buf_reserve(&reply.text, call->id_size + REPLY_AROUND_ID);
    env.policy = call->grant->policy;
    env.paths = call->grant->paths;
    env.cancelled = cancelled;
    env.job = call;
    reply_begin(&reply.text, command->flags & CMD_DELIMITED);
    *ret_at = reply.text.len;
    r = run(&env, call->args, &reply);
    *ret_len = reply.is_text ? reply.text.len - *ret_at : 0;
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

/* Runs the command by `run`, which is one of its two functions. False: it would have to wait. */
static bool run_command(struct call *call, command_fn *run)
{
    bool audited = audit_wants(call->command);
    struct audit_outcome outcome = { .error = &call->error };
    struct audit_call audit;
    size_t at;

    if (!audited)
        return make_reply(call, run, &at, &outcome.value_len);
    audit = audit_call_of(call);
    audit_begin(&audit);
    if (!make_reply(call, run, &at, &outcome.value_len))
        return false;
    outcome.bytes = call->reply.len;
    if (!call->error.text && call->reply.len > 0)
        outcome.value = call->reply.data + at;
    audit_end(&audit, &outcome);
    return true;
}

/* While frozen the whitelist runs whatever the lists say, as in qemu-ga: thaw above all. */
bool call_is_refused(const struct call *call)
{
    if (!call->command)
        return false;
    if (ga_is_frozen())
        return !(call->command->flags & CMD_WHEN_FROZEN);
    return !policy_allows(call->grant->policy, call->command);
}

void call_run(struct call *call)
{
    if (call->command && (call->refused || call_is_refused(call)))
        refuse(call);
    else if (!call->command || call->error.text)
        reply_failed(call);
    else
        run_command(call, call->command->run);
}

bool call_run_inline(struct call *call)
{
    return run_command(call, call->command->try_inline);
}

void call_fail(struct call *call, const char *text)
{
    cmd_error_done(&call->error);
    cmd_fail(&call->error, "%s", text);
    reply_failed(call);
}

void call_drop_request(struct call *call)
{
    if (call->command)
        args_done(call->command->args, call->args);
    drop_doc(call);
    call->command = NULL;
}

void call_complete(struct call *call, bool counted)
{
    size_t bytes =
        counted || call->reply.cap >= CALL_SMALL_BYTES ? call->reply.cap + sizeof(*call) : 0;

    budget_adjust(call_origin(call)->budget, call->share, call->cost, bytes);
    call->cost = bytes;
    if (!ticket_complete(&call->ticket))
        buf_done(&call->reply);
}

void call_drop_reply(struct call *call)
{
    buf_done(&call->reply);
    budget_give(call_origin(call)->budget, call->share, call->cost);
    call->cost = 0;
}
