/*
 * What commands are about to change, for their audit lines (cmds/audit.h): the `audit` functions of
 * the rows. Names of others in quotes and escaped; no passwords, keys, data, environments.
 *
 * Threads    any.
 */
#pragma once

#include "cmds/command.h"

command_audit_fn target_exec, target_file_open, target_file_handle, target_pid, target_user,
    target_freeze_list, target_set_time, target_shutdown, target_vcpus, target_memory_blocks;
