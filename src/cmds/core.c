/*
 * cmds/core.c - the commands a host asks all the time. They write their reply text themselves:
 * it is short and ours, and a ping should not build a tree to say {}.
 */
#include "cmds/core.h"

#include "base/frozen.h"
#include "base/version.h"
#include "cmds/policy.h"

#include <time.h>

const struct arg_spec args_sync[] = {
    ARG_REQ(ARG_INT, sync_args, id, "id"),
    { 0 },
};

static int reply_int(struct cmd_reply *reply, int64_t value)
{
    buf_put_int(&reply->text, value);
    reply->is_text = true;
    return 0;
}

int cmd_sync(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct sync_args *sync = args;

    (void)env;
    return reply_int(reply, sync->id);
}

int cmd_ping(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    (void)env;
    (void)args;
    buf_puts(&reply->text, "{}");
    reply->is_text = true;
    return 0;
}

static const char *bool_text(bool value)
{
    return value ? "true" : "false";
}

/* Names of commands are plain ASCII words, so they need no escapes. */
int cmd_info(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct command_table *commands = policy_commands(env->policy);
    struct buf *text = &reply->text;
    bool frozen = ga_is_frozen();
    size_t i;

    (void)args;
    buf_puts(text, "{\"version\": \"" PQGA_QEMU_VERSION "\", \"supported_commands\": [");
    for (i = 0; i < commands->count; i++) {
        const struct command *row = &commands->rows[i];
        bool enabled =
            frozen ? (row->flags & CMD_WHEN_FROZEN) != 0 : policy_allows(env->policy, row);

        buf_printf(text, "%s{\"name\": \"%s\", \"enabled\": %s, \"success-response\": %s}",
                   i == 0 ? "" : ", ", row->name, bool_text(enabled),
                   bool_text((row->flags & CMD_NO_SUCCESS) == 0));
    }
    buf_puts(text, "]}");
    reply->is_text = true;
    return 0;
}

int cmd_get_time(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    struct timespec now;

    (void)env;
    (void)args;
    if (clock_gettime(CLOCK_REALTIME, &now) < 0)
        return cmd_fail(&reply->error, "failed to get the time");
    return reply_int(reply, now.tv_sec * NSEC_PER_SEC + now.tv_nsec);
}
