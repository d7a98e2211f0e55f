/*
 * guest-sync, -sync-delimited, -ping, -info and -get-time: what never blocks.
 *
 * Threads    the I/O thread.
 */
#pragma once

#include "cmds/command.h"

struct sync_args {
    int64_t id;
};
extern const struct arg_spec args_sync[];

command_fn cmd_sync, cmd_ping, cmd_info, cmd_get_time;
