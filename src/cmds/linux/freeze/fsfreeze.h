/*
 * guest-fsfreeze-*: see docs/ARCHITECTURE.md "Frozen".
 *
 * Threads    freeze, freeze-list: a worker (barrier). thaw, status: the urgent worker; status is
 *            held back by the scheduler until a freeze or thaw in progress has ended. One thread
 *            of our own waits for the automatic thaw while something is frozen.
 *            No lock is held across a hook or a FIFREEZE.
 */
#pragma once

#include "base/state.h"
#include "cmds/command.h"
#include "cmds/linux/freeze/freeze_job.h"

struct freeze_list_args {
    struct arg_str_list mountpoints;
    bool has_mountpoints;
};
extern const struct arg_spec args_freeze_list[];

command_fn cmd_fsfreeze_status, cmd_fsfreeze_freeze, cmd_fsfreeze_freeze_list, cmd_fsfreeze_thaw;

/* Arms what the marker found at start says: thaws by itself at the deadline of the freeze that an
 * earlier agent began, and at once if the guest was booted since. To be called once, after
 * ga_frozen_init(). env->freeze lives as long as the process. */
void fsfreeze_resume(const struct cmd_env *env, struct state *state);

/* A clean end of the agent, or loss of its channel: no freeze begins any more, one that is in its
 * hook is waited for (it fails behind it, and its thaw hook runs), and what is frozen is thawed.
 * Blocks for the time limits of the hooks at most. False: the thread of the automatic thaw is stuck,
 * and may touch `env->freeze` and the state yet. */
bool fsfreeze_finish(const struct cmd_env *env);

/* `qemu-ga --thaw`, for whoever ends an agent by force: thaws if the marker is there, with the thaw
 * hook. 0 and how many filesystems, or -1. After ga_frozen_init(), without any other thread. */
int fsfreeze_thaw_left(const struct cmd_env *env, struct state *state, int64_t *ret_count,
                       struct cmd_error *reterr);
