/*
 * cmds/linux/storage/blockdev.c - finding devices, and going down through dm and md.
 */
#include "cmds/linux/storage/blockdev.h"

#include <errno.h>

/* dm on dm on md ...: deeper than any real stack, and an end to a sysfs that goes in circles. */
#define STACK_DEPTH_MAX 16

#define VIRTUAL_PREFIX "/sys/devices/virtual/block/"

int blockdev_find(const struct sysroot *root, unsigned major, unsigned minor,
                  char ret_path[SYSROOT_PATH_MAX])
{
    char number[32];

    snprintf(number, sizeof(number), "%u:%u", major, minor);
    return sysroot_follow(root, ret_path, "/sys/dev/block", number);
}

bool blockdev_is_virtual(const char *path)
{
    return strncmp(path, VIRTUAL_PREFIX, strlen(VIRTUAL_PREFIX)) == 0;
}

bool blockdev_is_partition(const struct sysroot *root, const char *path)
{
    return sysroot_exists(root, "%s/partition", path);
}

const char *blockdev_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

void blockdev_paths_done(struct blockdev_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free(paths->items[i]);
    free(paths->items);
    *paths = (struct blockdev_paths){ 0 };
}

/* A path that is in the list already is not added again. */
static int paths_add(struct blockdev_paths *paths, const char *path)
{
    char **items;

    for (size_t i = 0; i < paths->count; i++) {
        if (strcmp(paths->items[i], path) == 0)
            return 0;
    }
    if (paths->count == BLOCKDEV_PATHS_MAX)
        return 0;
    items = realloc(paths->items, (paths->count + 1) * sizeof(*items));
    if (!items)
        return -ENOMEM;
    paths->items = items;
    items[paths->count] = strdup(path);
    if (!items[paths->count])
        return -ENOMEM;
    paths->count++;
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strverscmp(blockdev_name(*(char *const *)a), blockdev_name(*(char *const *)b));
}

static int add_slaves(const struct sysroot *root, const char *dir_path, DIR *dir,
                      struct blockdev_paths *paths)
{
    const struct dirent *entry;
    int r = 0;

    while (r == 0 && (entry = readdir(dir)) != NULL) {
        char slave[SYSROOT_PATH_MAX];

        if (entry->d_name[0] == '.')
            continue;
        /* A link that leads nowhere: the device is going away. */
        if (sysroot_follow(root, slave, dir_path, entry->d_name) == 0 &&
            sysroot_exists(root, "%s", slave))
            r = paths_add(paths, slave);
    }
    return r;
}

int blockdev_slaves(const struct sysroot *root, const char *path, struct blockdev_paths *ret_paths)
{
    struct blockdev_paths paths = { 0 };
    char dir_path[SYSROOT_PATH_MAX];
    const char *name = blockdev_name(path);
    /* A partition has no slaves of its own: those of its disk (md0p1: md0) count. */
    int disk_len = blockdev_is_partition(root, path) ? (int)(name - path) - 1 : (int)strlen(path);
    DIR *dir;
    int r;

    if (snprintf(dir_path, sizeof(dir_path), "%.*s/slaves", disk_len, path) >= SYSROOT_PATH_MAX)
        return -ENAMETOOLONG;
    dir = sysroot_opendir(root, "%s", dir_path);
    if (!dir)
        return errno == ENOENT ? 0 : -errno;
    r = add_slaves(root, dir_path, dir, &paths);
    closedir(dir);
    if (r < 0) {
        blockdev_paths_done(&paths);
        return r;
    }
    if (paths.count > 1)
        qsort(paths.items, paths.count, sizeof(*paths.items), compare_paths);
    *ret_paths = paths;
    return 0;
}

static int add_hardware(const struct sysroot *root, const char *path, int depth,
                        struct blockdev_paths *paths)
{
    struct blockdev_paths slaves = { 0 };
    int r;

    if (!blockdev_is_virtual(path))
        return paths_add(paths, path);
    if (depth == STACK_DEPTH_MAX || paths->count == BLOCKDEV_PATHS_MAX)
        return 0;
    r = blockdev_slaves(root, path, &slaves);
    if (r < 0)
        return r == -ENOMEM ? r : 0; /* unreadable: as if there were none */
    for (size_t i = 0; r == 0 && i < slaves.count; i++)
        r = add_hardware(root, slaves.items[i], depth + 1, paths);
    blockdev_paths_done(&slaves);
    return r;
}

int blockdev_hardware(const struct sysroot *root, const char *path,
                      struct blockdev_paths *ret_paths)
{
    struct blockdev_paths paths = { 0 };
    int r = add_hardware(root, path, 0, &paths);

    if (r < 0)
        blockdev_paths_done(&paths);
    else
        *ret_paths = paths;
    return r;
}
