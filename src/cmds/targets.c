#include "cmds/targets.h"

#include "base/escape.h"
#include "cmds/exec/exec.h"
#include "cmds/files/file.h"
#include "cmds/linux/freeze/fsfreeze.h"
#include "cmds/linux/linux.h"

#include <inttypes.h>

#define NAME_MAX_BYTES 512
#define LIST_MAX_BYTES 1000

static void put_what(struct buf *target, const char *what)
{
    buf_puts(target, ", ");
    buf_puts(target, what);
    buf_puts(target, ": ");
}

static void put_number(struct buf *target, const char *what, int64_t number)
{
    put_what(target, what);
    buf_put_int(target, number);
}

static void put_name(struct buf *target, const char *what, const struct arg_str *name)
{
    put_what(target, what);
    escape_quoted_max(target, name->text, NAME_MAX_BYTES);
}

static void put_names(struct buf *target, const char *what, const struct arg_str_list *names)
{
    size_t start = target->len;
    size_t i;

    buf_printf(target, ", %s: [", what);
    for (i = 0; i < names->count && target->len - start < LIST_MAX_BYTES; i++) {
        if (i > 0)
            buf_puts(target, ", ");
        escape_quoted_max(target, names->items[i].text, NAME_MAX_BYTES);
    }
    if (i < names->count)
        buf_printf(target, ", and %zu more", names->count - i);
    buf_putc(target, ']');
}

void target_exec(const void *args, struct buf *target)
{
    const struct exec_args *exec = args;

    put_name(target, "path", &exec->path);
    put_names(target, "args", &exec->arg);
}

void target_pid(const void *args, struct buf *target)
{
    const struct exec_status_args *status = args;

    put_number(target, "pid", status->pid);
}

void target_file_open(const void *args, struct buf *target)
{
    const struct file_open_args *open = args;

    put_name(target, "filename", &open->path);
    if (open->has_mode)
        put_name(target, "mode", &open->mode);
    else
        buf_puts(target, ", mode: \"r\"");
}

/* All commands with a handle. */
_Static_assert(offsetof(struct file_read_args, handle) == 0, "the handle comes first");
_Static_assert(offsetof(struct file_write_args, handle) == 0, "the handle comes first");
_Static_assert(offsetof(struct file_seek_args, handle) == 0, "the handle comes first");

void target_file_handle(const void *args, struct buf *target)
{
    const struct file_handle_args *file = args;

    put_number(target, "handle", file->handle);
}

/* guest-set-user-password and the commands for keys. */
_Static_assert(offsetof(struct password_args, username) == 0, "the user comes first");
_Static_assert(offsetof(struct ssh_keys_args, username) == 0, "the user comes first");

void target_user(const void *args, struct buf *target)
{
    put_name(target, "user", args);
}

void target_freeze_list(const void *args, struct buf *target)
{
    const struct freeze_list_args *list = args;

    if (list->has_mountpoints)
        put_names(target, "mountpoints", &list->mountpoints);
}

void target_set_time(const void *args, struct buf *target)
{
    const struct set_time_args *set = args;

    if (set->has_time)
        put_number(target, "time", set->time);
}

void target_shutdown(const void *args, struct buf *target)
{
    const struct shutdown_args *shutdown = args;

    if (shutdown->has_mode)
        put_name(target, "mode", &shutdown->mode);
}

static void put_switch(struct buf *target, size_t i, int64_t id, bool online)
{
    if (target->len < LIST_MAX_BYTES)
        buf_printf(target, "%s%" PRId64 " %s", i == 0 ? "" : ", ", id, online ? "on" : "off");
}

void target_vcpus(const void *args, struct buf *target)
{
    const struct set_vcpus_args *set = args;
    const struct vcpu_arg *items = set->vcpus.items;

    buf_printf(target, ", %zu vcpus: [", set->vcpus.count);
    for (size_t i = 0; i < set->vcpus.count; i++)
        put_switch(target, i, items[i].logical_id, items[i].online);
    buf_putc(target, ']');
}

void target_memory_blocks(const void *args, struct buf *target)
{
    const struct set_memblocks_args *set = args;
    const struct memblk_arg *items = set->blocks.items;

    buf_printf(target, ", %zu blocks: [", set->blocks.count);
    for (size_t i = 0; i < set->blocks.count; i++)
        put_switch(target, i, items[i].phys_index, items[i].online);
    buf_putc(target, ']');
}
