/*
 * `qemu-ga --thaw`: what a service manager runs when an agent has ended, however it ended.
 *
 * Threads    main, with no other thread.
 */
#pragma once

#include "cmds/linux/freeze/freeze_job.h"
#include "config/config.h"

/* Strings and lists are borrowed from `config`. */
struct freeze_config thaw_config(const struct config *config);

/* Thaws if an agent left the marker, with the thaw hook; opens no channel. The exit status: also
 * success without a marker. */
int thaw_run(const struct config *config);
