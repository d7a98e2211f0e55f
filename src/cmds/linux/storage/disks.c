/*
 * cmds/linux/storage/disks.c - guest-get-disks: /sys/block with partitions and what devices stand on.
 *
 * A disk comes before its partitions, disks in the order of their names. Sizes of 0 are drives
 * without a medium and loop devices without a file; hidden ones are single paths to a multipath
 * NVMe namespace, which has no node of its own.
 */
#include "cmds/linux/linux.h"
#include "cmds/linux/storage/blockdev.h"
#include "cmds/linux/storage/nvme_smart.h"
#include "proto/reply.h"

#include <errno.h>

static int compare_names(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(struct blockdev_paths *names, const char *name)
{
    char **items = realloc(names->items, (names->count + 1) * sizeof(*items));

    if (!items)
        return -ENOMEM;
    names->items = items;
    items[names->count] = strdup(name);
    if (!items[names->count])
        return -ENOMEM;
    names->count++;
    return 0;
}

/* Names of a directory's entries that begin with `start`, sorted: 0 or -errno. */
static int list_names(const struct sysroot *root, const char *path, const char *start,
                      struct blockdev_paths *ret_names)
{
    struct blockdev_paths names = { 0 };
    DIR *dir = sysroot_opendir(root, "%s", path);
    const struct dirent *entry;
    int r = 0;

    if (!dir)
        return -errno;
    while (r == 0 && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, start, strlen(start)) == 0)
            r = add_name(&names, entry->d_name);
    }
    closedir(dir);
    if (r < 0) {
        blockdev_paths_done(&names);
        return r;
    }
    if (names.count > 1)
        qsort(names.items, names.count, sizeof(*names.items), compare_names);
    *ret_names = names;
    return 0;
}

/* A new entry at the end of the array with what every entry has; NULL: no memory. */
static struct json_object *new_entry(const struct sysroot *root, const char *path, bool partition,
                                     struct json_object *array)
{
    struct json_object *object = json_object_new_object();
    char node[256];

    if (json_append(array, object) < 0)
        return NULL;
    blockdev_node(root, path, node, sizeof(node));
    if (json_add_str(object, "name", node) < 0 || json_add_bool(object, "partition", partition) < 0)
        return NULL;
    return object;
}

static int add_dependencies(const struct sysroot *root, struct json_object *object,
                            const struct blockdev_paths *paths)
{
    struct json_object *array = json_object_new_array();
    int r = json_add(object, "dependencies", array);

    for (size_t i = 0; r == 0 && i < paths->count; i++) {
        char node[256];

        blockdev_node(root, paths->items[i], node, sizeof(node));
        r = json_append(array, json_object_new_string(node));
    }
    return r;
}

static int add_partition(const struct sysroot *root, const char *disk, const char *name,
                         struct json_object *array)
{
    const struct blockdev_paths parent = { .items = (char *[]){ (char *)(uintptr_t)disk },
                                           .count = 1 };
    struct json_object *object;
    char path[SYSROOT_PATH_MAX];
    uint64_t sectors;

    if (snprintf(path, sizeof(path), "%s/%s", disk, name) >= SYSROOT_PATH_MAX ||
        !blockdev_is_partition(root, path) ||
        sysroot_read_u64(root, &sectors, "%s/size", path) < 0 || sectors == 0)
        return 0;
    object = new_entry(root, path, true, array);
    return object ? add_dependencies(root, object, &parent) : -ENOMEM;
}

static int add_partitions(const struct sysroot *root, const char *disk, struct json_object *array)
{
    struct blockdev_paths names = { 0 };
    int r = list_names(root, disk, blockdev_name(disk), &names);

    if (r < 0)
        return r == -ENOMEM ? r : 0;
    for (size_t i = 0; r == 0 && i < names.count; i++)
        r = add_partition(root, disk, names.items[i], array);
    blockdev_paths_done(&names);
    return r;
}

static int add_address(const struct sysroot *root, const char *path, struct json_object *object)
{
    uint8_t page[NVME_SMART_PAGE_BYTES];
    struct disk_address address;
    int r;

    blockdev_address(root, path, &address);
    r = json_add(object, "address", blockdev_address_json(&address));
    if (r == 0 && strcmp(address.bus_type, "nvme") == 0 &&
        nvme_smart_read(root, address.dev, page) == 0)
        r = json_add(object, "smart", nvme_smart_json(page));
    return r;
}

static int add_disk(const struct sysroot *root, const char *path, struct json_object *array)
{
    struct json_object *object = new_entry(root, path, false, array);
    struct blockdev_paths slaves = { 0 };
    char alias[256];
    int r;

    if (!object)
        return -ENOMEM;
    r = blockdev_slaves(root, path, &slaves);
    if (r != -ENOMEM)
        r = add_dependencies(root, object, &slaves);
    blockdev_paths_done(&slaves);
    if (r == 0 && sysroot_read_line(root, alias, sizeof(alias), "%s/dm/name", path) == 0 &&
        alias[0])
        r = json_add_str(object, "alias", alias);
    if (r == 0 && !blockdev_is_virtual(path))
        r = add_address(root, path, object);
    return r == 0 ? add_partitions(root, path, array) : r;
}

/* An entry of /sys/block, whose directory it links to. */
static int add_entry(const struct sysroot *root, const char *name, struct json_object *array)
{
    char path[SYSROOT_PATH_MAX];
    uint64_t sectors, hidden;

    if (sysroot_realpath(root, path, "/sys/block/%s", name) < 0 ||
        sysroot_read_u64(root, &sectors, "%s/size", path) < 0 || sectors == 0)
        return 0; /* gone meanwhile, or no medium */
    if (sysroot_read_u64(root, &hidden, "%s/hidden", path) == 0 && hidden)
        return 0;
    return add_disk(root, path, array);
}

int cmd_get_disks(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *array = json_object_new_array();
    struct blockdev_paths names = { 0 };
    int r = list_names(&env->root, "/sys/block", "", &names);

    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "Can't open directory \"/sys/block\"");
    r = array ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < names.count; i++)
        r = add_entry(&env->root, names.items[i], array);
    blockdev_paths_done(&names);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to build the reply");
    reply->value = TAKE_PTR(array);
    return 0;
}
