/*
 * cmds/table.c - one row is the whole policy of a command.
 */
#include "cmds/table.h"

#include "cmds/core.h"
#include "cmds/exec/exec.h"
#include "cmds/files/file.h"
#include "cmds/host/host.h"
#include "cmds/linux/freeze/fsfreeze.h"
#include "cmds/linux/linux.h"
#include "cmds/targets.h"

/* What binds into `struct_`, and how large it is. */
#define ARGS(specs_, struct_) .args = (specs_), .args_size = sizeof(struct struct_)

#define FROZEN CMD_WHEN_FROZEN

static size_t file_read_max(const struct cmd_env *env, const void *args)
{
    return file_read_reply_max(args);
}

static size_t exec_status_max(const struct cmd_env *env, const void *args)
{
    return exec_status_reply_max(env->execs, args);
}

/* clang-format off */
static const struct command rows[] = { /* sorted by name: command_find() bisects */
    { "guest-exec", cmd_exec, ARGS(args_exec, exec_args), CMD_AUDIT | CMD_SPAWNS, ORDER_BARRIER, CLASS_EXEC, "2.5",
      "Start a program.", NULL, NULL, target_exec },
    { "guest-exec-status", cmd_exec_status, ARGS(args_exec_status, exec_status_args), CMD_NONBLOCKING, ORDER_PID, CLASS_EXEC, "2.5",
      "Exit status and output of a started program; once its end is reported it is forgotten.",
      exec_status_max, cmd_exec_status_inline, target_pid },
    { "guest-file-close", cmd_file_close, ARGS(args_file_handle, file_handle_args), CMD_AUDIT, ORDER_FILE, CLASS_FILE_READ | CLASS_FILE_WRITE, "0.15",
      "Close a file.", NULL, NULL, target_file_handle },
    { "guest-file-flush", cmd_file_flush, ARGS(args_file_handle, file_handle_args), 0, ORDER_FILE, CLASS_FILE_WRITE, "0.15",
      "Flush what was written to a file.", NULL, NULL, target_file_handle },
    { "guest-file-open", cmd_file_open, ARGS(args_file_open, file_open_args), CMD_AUDIT, ORDER_OPEN, CLASS_FILE_READ | CLASS_FILE_WRITE, "0.15",
      "Open a file and return a handle for it.", NULL, NULL, target_file_open },
    { "guest-file-read", cmd_file_read, ARGS(args_file_read, file_read_args), 0, ORDER_FILE, CLASS_FILE_READ, "0.15",
      "Read from a file at its position.", file_read_max, cmd_file_read_inline, target_file_handle },
    { "guest-file-seek", cmd_file_seek, ARGS(args_file_seek, file_seek_args), 0, ORDER_FILE, CLASS_FILE_READ | CLASS_FILE_WRITE, "0.15",
      "Set the position in a file.", NULL, cmd_file_seek_inline, target_file_handle },
    { "guest-file-write", cmd_file_write, ARGS(args_file_write, file_write_args), 0, ORDER_FILE, CLASS_FILE_WRITE, "0.15",
      "Write to a file at its position.", NULL, NULL, target_file_handle },
    { "guest-fsfreeze-freeze", cmd_fsfreeze_freeze, NULL, 0, CMD_FREEZE_OP | CMD_AUDIT | CMD_AUDIT_FIRST, ORDER_BARRIER, CLASS_FS_MGMT, "0.15",
      "Freeze all filesystems that can be frozen.", NULL, NULL, NULL },
    { "guest-fsfreeze-freeze-list", cmd_fsfreeze_freeze_list, ARGS(args_freeze_list, freeze_list_args), CMD_FREEZE_OP | CMD_AUDIT | CMD_AUDIT_FIRST, ORDER_BARRIER, CLASS_FS_MGMT, "2.2",
      "Freeze the filesystems of the given mount points.", NULL, NULL, target_freeze_list },
    { "guest-fsfreeze-status", cmd_fsfreeze_status, NULL, 0, FROZEN, ORDER_URGENT, CLASS_AUDIT | CLASS_FS_MGMT, "0.15",
      "Report whether filesystems are frozen.", NULL, NULL, NULL },
    { "guest-fsfreeze-thaw", cmd_fsfreeze_thaw, NULL, 0, FROZEN | CMD_FREEZE_OP | CMD_AUDIT, ORDER_URGENT, CLASS_FS_MGMT, "0.15",
      "Thaw all frozen filesystems.", NULL, NULL, NULL },
    { "guest-fstrim", cmd_fstrim, ARGS(args_fstrim, fstrim_args), CMD_AUDIT, ORDER_SHARED, CLASS_FS_MGMT, "1.2",
      "Discard the unused blocks of all filesystems.", NULL, NULL, NULL },
    { "guest-get-cpustats", cmd_get_cpustats, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT | CLASS_CPU_MEM, "7.1",
      "Times each processor has spent, in milliseconds.", NULL, NULL, NULL },
    { "guest-get-disks", cmd_get_disks, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT, "5.2",
      "Disks and partitions of the guest.", get_disks_max, NULL, NULL },
    { "guest-get-diskstats", cmd_get_diskstats, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT, "7.1",
      "Input and output counters of each block device.", NULL, NULL, NULL },
    { "guest-get-fsinfo", cmd_get_fsinfo, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT, "2.2",
      "Mounted filesystems, their sizes and the disks they are on.", get_fsinfo_max, NULL, NULL },
    { "guest-get-host-name", cmd_get_host_name, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT, "2.10",
      "Host name of the guest.", NULL, cmd_get_host_name, NULL },
    { "guest-get-load", cmd_get_load, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT, "10.0",
      "Load averages.", NULL, cmd_get_load, NULL },
    { "guest-get-memory-block-info", cmd_get_memory_block_info, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT | CLASS_CPU_MEM, "2.3",
      "Size of a memory block.", NULL, NULL, NULL },
    { "guest-get-memory-blocks", cmd_get_memory_blocks, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT | CLASS_CPU_MEM, "2.3",
      "Memory blocks and whether they are online.", NULL, NULL, NULL },
    { "guest-get-osinfo", cmd_get_osinfo, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT, "2.10",
      "Operating system and kernel of the guest.", NULL, NULL, NULL },
    { "guest-get-time", cmd_get_time, NULL, 0, 0, ORDER_INLINE, CLASS_AUDIT | CLASS_TIME, "1.5",
      "Time of the guest, in nanoseconds since the epoch.", NULL, NULL, NULL },
    { "guest-get-timezone", cmd_get_timezone, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT, "2.10",
      "Time zone of the guest.", NULL, NULL, NULL },
    { "guest-get-users", cmd_get_users, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT, "2.10",
      "Users that are logged in.", NULL, NULL, NULL },
    { "guest-get-vcpus", cmd_get_vcpus, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT | CLASS_CPU_MEM, "1.5",
      "Processors and whether they are online.", NULL, NULL, NULL },
    { "guest-info", cmd_info, NULL, 0, FROZEN, ORDER_INLINE, CLASS_SELF, "0.15",
      "Version of the agent and its commands.", NULL, NULL, NULL },
    { "guest-network-get-interfaces", cmd_network_get_interfaces, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT, "1.1",
      "Network interfaces and their addresses.", network_get_interfaces_max, NULL, NULL },
    { "guest-network-get-route", cmd_network_get_route, NULL, 0, 0, ORDER_SHARED, CLASS_AUDIT, "9.1",
      "Routing tables.", network_get_route_max, NULL, NULL },
    { "guest-ping", cmd_ping, NULL, 0, FROZEN | CMD_ALWAYS_INLINE, ORDER_INLINE, CLASS_SELF, "0.15",
      "Do nothing: the answer shows that the agent runs.", NULL, NULL, NULL },
    { "guest-set-memory-blocks", cmd_set_memory_blocks, ARGS(args_set_memory_blocks, set_memblocks_args), CMD_AUDIT, ORDER_BARRIER, CLASS_CPU_MEM, "2.3",
      "Set memory blocks online or offline.", NULL, NULL, target_memory_blocks },
    { "guest-set-time", cmd_set_time, ARGS(args_set_time, set_time_args), CMD_AUDIT, ORDER_BARRIER, CLASS_TIME, "1.5",
      "Set the time and the hardware clock, or the time from the hardware clock.", NULL, NULL, target_set_time },
    { "guest-set-user-password", cmd_set_user_password, ARGS(args_set_user_password, password_args), CMD_AUDIT | CMD_SECRET, ORDER_BARRIER, CLASS_USER_AUTH, "2.3",
      "Set a user's password.", NULL, NULL, target_user },
    { "guest-set-vcpus", cmd_set_vcpus, ARGS(args_set_vcpus, set_vcpus_args), CMD_AUDIT, ORDER_BARRIER, CLASS_CPU_MEM, "1.5",
      "Set processors online or offline.", NULL, NULL, target_vcpus },
    { "guest-shutdown", cmd_shutdown, ARGS(args_shutdown, shutdown_args), CMD_NO_SUCCESS | CMD_AUDIT | CMD_AUDIT_FIRST, ORDER_BARRIER, CLASS_POWER, "0.15",
      "Power down, halt or reboot the guest.", NULL, NULL, target_shutdown },
    { "guest-ssh-add-authorized-keys", cmd_ssh_add_authorized_keys, ARGS(args_ssh_add, ssh_keys_args), CMD_AUDIT | CMD_SECRET, ORDER_BARRIER, CLASS_USER_AUTH, "5.2",
      "Add keys to a user's authorized_keys.", NULL, NULL, target_user },
    { "guest-ssh-get-authorized-keys", cmd_ssh_get_authorized_keys, ARGS(args_ssh_get, ssh_keys_args), 0, ORDER_SHARED, CLASS_USER_AUTH, "5.2",
      "Read a user's authorized_keys.", NULL, NULL, target_user },
    { "guest-ssh-remove-authorized-keys", cmd_ssh_remove_authorized_keys, ARGS(args_ssh_remove, ssh_keys_args), CMD_AUDIT | CMD_SECRET, ORDER_BARRIER, CLASS_USER_AUTH, "5.2",
      "Remove keys from a user's authorized_keys.", NULL, NULL, target_user },
    { "guest-suspend-disk", cmd_suspend_disk, NULL, 0, CMD_NO_SUCCESS | CMD_AUDIT | CMD_AUDIT_FIRST, ORDER_BARRIER, CLASS_POWER, "1.1",
      "Suspend the guest to disk.", NULL, NULL, NULL },
    { "guest-suspend-hybrid", cmd_suspend_hybrid, NULL, 0, CMD_NO_SUCCESS | CMD_AUDIT | CMD_AUDIT_FIRST, ORDER_BARRIER, CLASS_POWER, "1.1",
      "Suspend the guest to disk and to memory.", NULL, NULL, NULL },
    { "guest-suspend-ram", cmd_suspend_ram, NULL, 0, CMD_NO_SUCCESS | CMD_AUDIT | CMD_AUDIT_FIRST, ORDER_BARRIER, CLASS_POWER, "1.1",
      "Suspend the guest to memory.", NULL, NULL, NULL },
    { "guest-sync", cmd_sync, ARGS(args_sync, sync_args), FROZEN | CMD_SYNC | CMD_ALWAYS_INLINE, ORDER_INLINE, CLASS_SELF, "0.15",
      "Return the id: what comes before the answer belongs to earlier requests.", NULL, NULL, NULL },
    { "guest-sync-delimited", cmd_sync, ARGS(args_sync, sync_args), FROZEN | CMD_SYNC | CMD_DELIMITED | CMD_ALWAYS_INLINE, ORDER_INLINE, CLASS_SELF, "1.1",
      "As guest-sync, with a byte 0xFF in front of the answer.", NULL, NULL, NULL },
};
/* clang-format on */

const struct command_table all_commands = { .rows = rows, .count = ARRAY_LEN(rows) };

const struct command *command_find(const char *name, size_t len)
{
    size_t low = 0, high = ARRAY_LEN(rows);

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int r = strcmp(name, rows[mid].name);

        if (r == 0) /* unless there is more behind a NUL */
            return strlen(name) == len ? &rows[mid] : NULL;
        if (r < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}
