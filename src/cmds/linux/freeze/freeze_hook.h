/*
 * The owner's program that is told of freeze and thaw.
 *
 * Threads    any.
 */
#pragma once

#include "base/error.h"
#include "cmds/linux/freeze/freeze_job.h"

/* Runs the hook with `action` ("freeze", "thaw") and waits for its end. 0, also without a hook, or
 * -1 with the last KiB that it said; ret_ran says whether it was started. */
int freeze_hook(const struct freeze_job *job, const char *action, bool *ret_ran,
                struct cmd_error *reterr);
