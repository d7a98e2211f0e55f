/*
 * Commands that read or change a Linux guest: sysfs, procfs, mounts, users.
 *
 * Threads    any worker; each handler stands alone in its file and keeps no state.
 */
#pragma once

#include "cmds/command.h"

/* power/: power.c, suspend.c, set_time.c */
extern const struct arg_spec args_shutdown[], args_set_time[];
struct shutdown_args {
    struct arg_str mode;
    bool has_mode;
};
struct set_time_args {
    int64_t time;
    bool has_time;
};
command_fn cmd_shutdown, cmd_suspend_disk, cmd_suspend_ram, cmd_suspend_hybrid, cmd_set_time;

/* processors/: vcpus.c, memblocks.c, cpustats.c */
struct vcpu_arg {
    int64_t logical_id;
    bool online, can_offline, has_can_offline;
};
struct set_vcpus_args {
    struct arg_struct_list vcpus; /* of struct vcpu_arg */
};
struct memblk_arg {
    int64_t phys_index;
    bool online, can_offline, has_can_offline;
};
struct set_memblocks_args {
    struct arg_struct_list blocks; /* of struct memblk_arg */
};
extern const struct arg_spec args_set_vcpus[], args_set_memory_blocks[];
command_fn cmd_get_vcpus, cmd_set_vcpus, cmd_get_memory_blocks, cmd_set_memory_blocks,
    cmd_get_memory_block_info, cmd_get_cpustats;

/* storage/: fstrim.c, fsinfo.c, disks.c, diskstats.c */
struct fstrim_args {
    int64_t minimum;
    bool has_minimum;
};
extern const struct arg_spec args_fstrim[];
command_fn cmd_fstrim, cmd_get_fsinfo, cmd_get_disks, cmd_get_diskstats;

/* network/: interfaces.c, route.c */
command_fn cmd_network_get_interfaces, cmd_network_get_route;

/* What replies that grow with the guest's tables will come to (command.h, reply_max). */
typedef size_t reply_max_fn(const struct cmd_env *env, const void *args);
reply_max_fn get_fsinfo_max, get_disks_max, network_get_interfaces_max, network_get_route_max;

/* accounts/: users.c, password.c, ssh_keys.c */
struct password_args {
    struct arg_str username, password;
    bool crypted;
};
struct ssh_keys_args {
    struct arg_str username;
    struct arg_str_list keys;
    bool reset, has_reset;
};
extern const struct arg_spec args_set_user_password[], args_ssh_get[], args_ssh_add[],
    args_ssh_remove[];
command_fn cmd_get_users, cmd_set_user_password, cmd_ssh_get_authorized_keys,
    cmd_ssh_add_authorized_keys, cmd_ssh_remove_authorized_keys;
