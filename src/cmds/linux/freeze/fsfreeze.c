/*
 * cmds/linux/freeze/fsfreeze.c - the commands; freeze.c does the work.
 */
#include "cmds/linux/freeze/fsfreeze.h"

#include "base/frozen.h"
#include "base/log.h"
#include "cmds/linux/freeze/freeze.h"
#include "cmds/linux/freeze/freeze_kept.h"
#include "cmds/linux/freeze/freeze_marker.h"
#include "cmds/linux/freeze/freeze_thaw.h"
#include "cmds/linux/freeze/freeze_timer.h"
#include "cmds/linux/freeze/freeze_turn.h"

#include <errno.h>
#include <inttypes.h>

const struct arg_spec args_freeze_list[] = {
    ARG_OPT(ARG_STR_LIST, freeze_list_args, mountpoints, "mountpoints"),
    { 0 },
};

static struct freeze_job job_of(const struct cmd_env *env)
{
    return (struct freeze_job){ .root = &env->root, .config = env->freeze };
}

static int reply_value(struct cmd_reply *reply, struct json_object *value)
{
    if (!value)
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to build the reply");
    reply->value = value;
    return 0;
}

int cmd_fsfreeze_status(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    return reply_value(reply, json_object_new_string(ga_is_frozen() ? "frozen" : "thawed"));
}

static int freeze(struct cmd_env *env, const char *command, const struct arg_str_list *names,
                  struct cmd_reply *reply)
{
    struct freeze_job job = job_of(env);
    int64_t count;

    /* The dispatcher refuses it in these words; another session may have been quicker since. */
    if (ga_is_frozen())
        return cmd_fail_class(&reply->error, CMD_ERROR_NOT_FOUND,
                              "Command %s has been disabled: the command is not allowed", command);
    if (freeze_run(&job, names, &count, &reply->error) < 0)
        return -1;
    return reply_value(reply, json_object_new_int64(count));
}

int cmd_fsfreeze_freeze(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    return freeze(env, "guest-fsfreeze-freeze", NULL, reply);
}

int cmd_fsfreeze_freeze_list(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct freeze_list_args *list = args;

    return freeze(env, "guest-fsfreeze-freeze-list",
                  list->has_mountpoints ? &list->mountpoints : NULL, reply);
}

int cmd_fsfreeze_thaw(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    struct freeze_job job = job_of(env);
    int64_t count;

    if (freeze_thaw(&job, &count, &reply->error) < 0)
        return -1;
    return reply_value(reply, json_object_new_int64(count));
}

/* True if an earlier process left the guest frozen. */
static bool inherit(struct state *state, char ret_marker[STATE_MARKER_MAX])
{
    ret_marker[0] = '\0';
    if (!ga_is_frozen() || !state_marker_get(state, ret_marker, STATE_MARKER_MAX))
        return false;
    freeze_thaw_inherit(ret_marker);
    return true;
}

void fsfreeze_resume(const struct cmd_env *env, struct state *state)
{
    struct freeze_job job = job_of(env);
    char marker[STATE_MARKER_MAX];
    int r;

    if (!inherit(state, marker))
        return;
    r = freeze_thaw_after(&job, freeze_marker_left_ms(&job, marker));
    if (r < 0)
        log_err("fsfreeze: no timer for the automatic thaw: %s", err_text(r));
}

static void thaw_at_end(const struct freeze_job *job)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
    int64_t count;

    if (freeze_thaw(job, &count, &error) < 0)
        log_err("failed to clean up frozen filesystems: %s", error.text ? error.text : "no memory");
    else
        log_warn("fsfreeze: thawed %" PRId64 " filesystems at the agent's end", count);
}

bool fsfreeze_finish(const struct cmd_env *env)
{
    struct freeze_job job = job_of(env);
    bool ended;

    ga_frozen_close();
    freeze_turn_await(env->freeze->hook_timeout_sec * freeze_limits.second_in_ms);
    if (ga_is_frozen())
        thaw_at_end(&job);
    ended = freeze_timer_finish();
    freeze_reserve_use();
    return ended;
}

int fsfreeze_thaw_left(const struct cmd_env *env, struct state *state, int64_t *ret_count,
                       struct cmd_error *reterr)
{
    struct freeze_job job = job_of(env);
    char marker[STATE_MARKER_MAX];

    *ret_count = 0;
    return inherit(state, marker) ? freeze_thaw(&job, ret_count, reterr) : 0;
}
