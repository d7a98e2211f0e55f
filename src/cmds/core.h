/*
 * guest-sync, -sync-delimited, -ping, -info, and the small queries every system answers.
 *
 * Threads    sync, ping, info, get-time: the I/O thread (they never block). The rest: workers.
 */
#pragma once

#include "cmds/command.h"

struct sync_args {
    int64_t id;
};
extern const struct arg_spec args_sync[];

command_fn cmd_sync, cmd_ping, cmd_info, cmd_get_time, cmd_get_timezone, cmd_get_host_name,
    cmd_get_osinfo, cmd_get_load;
