/*
 * cmds/linux/storage/disks.c - guest-get-disks: /sys/block with partitions and what devices stand on.
 *
 * A disk comes before its partitions, disks in the order of their names. Sizes of 0 are drives
 * without a medium and loop devices without a file; hidden ones are single paths to a multipath
 * NVMe namespace, which has no node of its own.
 */
#include "cmds/linux/linux.h"
#include "cmds/linux/reply_guess.h"
#include "cmds/linux/storage/blockdev.h"
#include "cmds/linux/storage/blockdev_props.h"
#include "cmds/linux/storage/disk_address.h"
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

struct listing {
    const struct sysroot *root;
    struct buf *text;
    size_t count; /* entries so far */
};

/* Begins an entry with what every entry has. */
static void begin_entry(struct listing *listing, const char *path, bool partition)
{
    char node[256];

    blockdev_node(listing->root, path, node, sizeof(node));
    text_str_member(listing->text, listing->count++ > 0 ? ", {\"name\": " : "{\"name\": ", node);
    buf_puts(listing->text, partition ? ", \"partition\": true" : ", \"partition\": false");
}

static void dependencies_text(const struct listing *listing, const struct blockdev_paths *paths)
{
    buf_puts(listing->text, ", \"dependencies\": [");
    for (size_t i = 0; i < paths->count; i++) {
        char node[256];

        blockdev_node(listing->root, paths->items[i], node, sizeof(node));
        text_str_member(listing->text, i > 0 ? ", " : "", node);
    }
    buf_putc(listing->text, ']');
}

static void add_partition(struct listing *listing, const char *disk, const char *name)
{
    const struct blockdev_paths parent = { .items = (char *[]){ (char *)(uintptr_t)disk },
                                           .count = 1 };
    char path[SYSROOT_PATH_MAX];
    uint64_t sectors;

    if (snprintf(path, sizeof(path), "%s/%s", disk, name) >= SYSROOT_PATH_MAX ||
        !blockdev_is_partition(listing->root, path) ||
        sysroot_read_u64(listing->root, &sectors, "%s/size", path) < 0 || sectors == 0)
        return;
    begin_entry(listing, path, true);
    dependencies_text(listing, &parent);
    buf_putc(listing->text, '}');
}

static int add_partitions(struct listing *listing, const char *disk)
{
    struct blockdev_paths names = { 0 };
    int r = list_names(listing->root, disk, blockdev_name(disk), &names);

    if (r < 0)
        return r == -ENOMEM ? r : 0;
    for (size_t i = 0; i < names.count; i++)
        add_partition(listing, disk, names.items[i]);
    blockdev_paths_done(&names);
    return 0;
}

static void address_text(const struct listing *listing, const char *path)
{
    uint8_t page[NVME_SMART_PAGE_BYTES];
    struct disk_address address;

    disk_address_read(listing->root, path, &address);
    buf_puts(listing->text, ", \"address\": ");
    disk_address_text(listing->text, &address);
    if (strcmp(address.bus_type, "nvme") != 0 ||
        nvme_smart_read(listing->root, address.dev, page) < 0)
        return;
    buf_puts(listing->text, ", \"smart\": ");
    nvme_smart_text(listing->text, page);
}

static int add_disk(struct listing *listing, const char *path)
{
    struct blockdev_paths slaves = { 0 };
    char alias[256];

    if (blockdev_slaves(listing->root, path, &slaves) == -ENOMEM)
        return -ENOMEM;
    begin_entry(listing, path, false);
    dependencies_text(listing, &slaves);
    blockdev_paths_done(&slaves);
    if (sysroot_read_line(listing->root, alias, sizeof(alias), "%s/dm/name", path) == 0 && alias[0])
        text_str_member(listing->text, ", \"alias\": ", alias);
    if (!blockdev_is_virtual(path))
        address_text(listing, path);
    buf_putc(listing->text, '}');
    return add_partitions(listing, path);
}

/* An entry of /sys/block, whose directory it links to. */
static int add_entry(struct listing *listing, const char *name)
{
    char path[SYSROOT_PATH_MAX];
    uint64_t sectors, hidden;

    if (sysroot_follow(listing->root, path, "/sys/block", name) < 0 ||
        sysroot_read_u64(listing->root, &sectors, "%s/size", path) < 0 || sectors == 0)
        return 0; /* gone meanwhile, or no medium */
    if (sysroot_read_u64(listing->root, &hidden, "%s/hidden", path) == 0 && hidden)
        return 0;
    return add_disk(listing, path);
}

/* Written by whichever worker made the last reply, read by the I/O thread: relaxed, a guess only. */
static struct reply_guess reply_size;

size_t get_disks_max(const struct cmd_env *env, const void *args)
{
    return reply_guess_get(&reply_size);
}

int cmd_get_disks(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    struct listing listing = { .root = &env->root, .text = &reply->text };
    struct blockdev_paths names = { 0 };
    int r = list_names(&env->root, "/sys/block", "", &names);

    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "Can't open directory \"/sys/block\"");
    buf_putc(listing.text, '[');
    for (size_t i = 0; r == 0 && i < names.count; i++)
        r = add_entry(&listing, names.items[i]);
    buf_putc(listing.text, ']');
    blockdev_paths_done(&names);
    if (r < 0 || !buf_ok(listing.text))
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to build the reply");
    reply_guess_note(&reply_size, reply->text.len);
    reply->is_text = true;
    return 0;
}
