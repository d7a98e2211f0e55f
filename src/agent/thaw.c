/*
 * agent/thaw.c - state directory, marker, mount table, hook; nothing else.
 *
 * The log is not opened: it may be on a frozen filesystem. What is to be said goes to stderr.
 */
#include "agent/thaw.h"

#include "base/frozen.h"
#include "cmds/linux/freeze/fsfreeze.h"

#include <inttypes.h>

struct freeze_config thaw_config(const struct config *config)
{
    return (struct freeze_config){
        .hook = config->fsfreeze_hook,
        .hook_timeout_sec = config->hook_timeout_sec,
        .freeze_timeout_sec = config->freeze_timeout_sec,
        .exclude = (const char *const *)config->freeze_exclude,
    };
}

static int thaw_left(const struct freeze_config *freeze, struct state *state)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
    struct cmd_env env = { .freeze = freeze };
    int64_t count;

    sysroot_init(&env.root, NULL);
    ga_frozen_init(state);
    if (!ga_is_frozen())
        return EXIT_SUCCESS;
    if (fsfreeze_thaw_left(&env, state, &count, &error) < 0) {
        fprintf(stderr, "qemu-ga: %s\n", error.text ? error.text : "no memory");
        return EXIT_FAILURE;
    }
    fprintf(stderr, "qemu-ga: thawed %" PRId64 " filesystems that an agent left frozen\n", count);
    return EXIT_SUCCESS;
}

int thaw_run(const struct config *config)
{
    struct freeze_config freeze = thaw_config(config);
    struct state *state;
    int status;

    if (state_open(config->statedir, &state) < 0) {
        fprintf(stderr, "qemu-ga: no memory\n");
        return EXIT_FAILURE;
    }
    status = thaw_left(&freeze, state);
    state_close(state);
    return status;
}
