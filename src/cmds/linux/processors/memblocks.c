/*
 * cmds/linux/processors/memblocks.c - /sys/devices/system/memory (kernel: admin-guide/mm/memory-hotplug).
 *
 * A kernel that cannot plug memory has no such directory: there are no blocks then, and none can be
 * set. phys-index is unsigned in the schema: a negative one wraps around.
 */
#include "cmds/linux/linux.h"
#include "cmds/linux/sysfs_list.h"
#include "proto/reply.h"

#include <errno.h>
#include <inttypes.h>

#define MEMORY_DIR "/sys/devices/system/memory"
#define BLOCK_FMT  MEMORY_DIR "/memory%" PRId64

const struct arg_spec args_set_memory_blocks[] = {
    {
        .name = "mem-blks",
        .type = ARG_STRUCT_LIST,
        .required = true,
        .offset = offsetof(struct set_memblocks_args, blocks),
        .sub =
            (const struct arg_spec[]){
                ARG_REQ(ARG_INT, memblk_arg, phys_index, "phys-index"),
                ARG_REQ(ARG_BOOL, memblk_arg, online, "online"),
                ARG_OPT(ARG_BOOL, memblk_arg, can_offline, "can-offline"),
                { 0 },
            },
        .sub_size = sizeof(struct memblk_arg),
    },
    { 0 },
};

/* "going-offline" is not online any more, as qemu-ga has it. */
static int read_online(const struct sysroot *root, int64_t index, bool *ret_online)
{
    char state[32];
    int r = sysroot_read_line(root, state, sizeof(state), BLOCK_FMT "/state", index);

    if (r == 0)
        *ret_online = strncmp(state, "online", 6) == 0;
    return r;
}

static int append_block(const struct sysroot *root, struct json_object *list, int64_t index,
                        bool online, bool has_state)
{
    CLEANUP(json_putp) struct json_object *block = json_object_new_object();
    uint64_t removable = 0;
    int r;

    if (!block)
        return -ENOMEM;
    if (has_state && sysroot_read_u64(root, &removable, BLOCK_FMT "/removable", index) == -ENOENT)
        removable = 1; /* gone from kernels where every block may be tried */
    r = json_add_int(block, "phys-index", index);
    if (r == 0)
        r = json_add_bool(block, "online", online);
    if (r == 0)
        r = json_add_bool(block, "can-offline", has_state && removable != 0);
    if (r == 0)
        r = json_append(list, TAKE_PTR(block));
    return r;
}

static int list_blocks(const struct sysroot *root, const struct sysfs_list *ids,
                       struct json_object *list, struct cmd_error *reterr)
{
    for (size_t i = 0; i < ids->count; i++) {
        bool online = true;
        int r, found;

        found = read_online(root, ids->ids[i], &online);
        if (found < 0 && found != -ENOENT)
            return cmd_fail_errno(reterr, found, "pread sysfs file \"" BLOCK_FMT "/state\"",
                                  ids->ids[i]);
        r = append_block(root, list, ids->ids[i], online, found == 0);
        if (r < 0)
            return cmd_fail_errno(reterr, r, "failed to build the reply");
    }
    return 0;
}

int cmd_get_memory_blocks(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *list = json_object_new_array();
    CLEANUP(sysfs_list_done) struct sysfs_list ids = { 0 };
    int r;

    r = sysfs_list_read(&env->root, MEMORY_DIR, "memory", &ids);
    if (r < 0 && r != -ENOENT)
        return cmd_fail_errno(&reply->error, r, "Can't open directory \"%s/\"", MEMORY_DIR);
    if (r == 0 && ids.count == 0)
        return cmd_fail(&reply->error, "guest reported zero memory blocks!");
    if (!list)
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to build the reply");
    if (list_blocks(&env->root, &ids, list, &reply->error) < 0)
        return -1;
    reply->value = TAKE_PTR(list);
    return 0;
}

/* The QAPI name of the outcome; ret_error is the errno behind all but "success". */
static const char *set_block(const struct sysroot *root, const struct memblk_arg *block,
                             int *ret_error)
{
    bool online;
    int r;

    *ret_error = ENOENT;
    if (!sysroot_exists(root, MEMORY_DIR))
        return "operation-not-supported";
    *ret_error = 0;
    if (!sysroot_exists(root, BLOCK_FMT, block->phys_index)) {
        *ret_error = ENOENT;
        return "not-found";
    }
    r = read_online(root, block->phys_index, &online);
    if (r == -ENOENT && block->online)
        return "success"; /* without the file a block is always online */
    if (r == 0 && online != block->online)
        r = sysroot_write(root, block->online ? "online" : "offline", BLOCK_FMT "/state",
                          block->phys_index);
    if (r == 0)
        return "success";
    *ret_error = -r;
    return r == -ENOENT ? "operation-not-supported" : "operation-failed";
}

static int append_outcome(const struct sysroot *root, struct json_object *list,
                          const struct memblk_arg *block)
{
    CLEANUP(json_putp) struct json_object *outcome = json_object_new_object();
    const char *response;
    int r, error;

    if (!outcome)
        return -ENOMEM;
    response = set_block(root, block, &error);
    r = json_add(outcome, "phys-index", json_object_new_uint64((uint64_t)block->phys_index));
    if (r == 0)
        r = json_add_str(outcome, "response", response);
    if (r == 0 && error != 0)
        r = json_add_int(outcome, "error-code", error);
    if (r == 0)
        r = json_append(list, TAKE_PTR(outcome));
    return r;
}

int cmd_set_memory_blocks(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *list = json_object_new_array();
    const struct set_memblocks_args *set = args;
    const struct memblk_arg *blocks = set->blocks.items;
    int r = list ? 0 : -ENOMEM;

    for (size_t i = 0; i < set->blocks.count && r == 0; i++)
        r = append_outcome(&env->root, list, &blocks[i]);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to build the reply");
    reply->value = TAKE_PTR(list);
    return 0;
}

/* The file holds a hexadecimal number without 0x. */
static int read_block_size(const struct sysroot *root, uint64_t *ret_size)
{
    char line[32], *end;
    int r = sysroot_read_line(root, line, sizeof(line), MEMORY_DIR "/block_size_bytes");

    if (r < 0)
        return r;
    errno = 0;
    *ret_size = strtoull(line, &end, 16);
    return errno != 0 || end == line || *end != '\0' || *ret_size > INT64_MAX ? -EINVAL : 0;
}

int cmd_get_memory_block_info(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *info = json_object_new_object();
    uint64_t size;
    int r;

    r = read_block_size(&env->root, &size);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "open sysfs file \"%s/block_size_bytes\"",
                              MEMORY_DIR);
    r = info ? json_add_int(info, "size", (int64_t)size) : -ENOMEM;
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to build the reply");
    reply->value = TAKE_PTR(info);
    return 0;
}
