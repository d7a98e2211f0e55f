/*
 * What the guest says about itself. Portable: C, POSIX and files below the root.
 *
 * Threads    workers.
 */
#pragma once

#include "cmds/command.h"

command_fn cmd_get_host_name, cmd_get_load, cmd_get_osinfo, cmd_get_timezone;
