/*
 * cmds/linux/storage/blockdev.c - finding devices, going down through dm and md, and the QAPI object.
 */
#include "cmds/linux/storage/blockdev.h"

#include "proto/reply.h"

#include <errno.h>

/* dm on dm on md ...: deeper than any real stack, and an end to a sysfs that goes in circles. */
#define STACK_DEPTH_MAX 16

#define VIRTUAL_PREFIX "/sys/devices/virtual/block/"

int blockdev_find(const struct sysroot *root, unsigned major, unsigned minor,
                  char ret_path[SYSROOT_PATH_MAX])
{
    return sysroot_realpath(root, ret_path, "/sys/dev/block/%u:%u", major, minor);
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
        if (sysroot_realpath(root, slave, "%s/%s", dir_path, entry->d_name) == 0)
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

void blockdev_address(const struct sysroot *root, const char *path,
                      struct disk_address *ret_address)
{
    blockdev_locate(root, path, ret_address);
    blockdev_node(root, path, ret_address->dev, sizeof(ret_address->dev));
    blockdev_serial(root, path, ret_address->serial, sizeof(ret_address->serial));
}

static int add_pci(struct json_object *object, const struct disk_address *address)
{
    struct json_object *pci = json_object_new_object();
    int r = json_add(object, "pci-controller", pci);

    if (r == 0)
        r = json_add_int(pci, "domain", address->pci_domain);
    if (r == 0)
        r = json_add_int(pci, "bus", address->pci_bus);
    if (r == 0)
        r = json_add_int(pci, "slot", address->pci_slot);
    if (r == 0)
        r = json_add_int(pci, "function", address->pci_function);
    return r;
}

static int add_ccw(struct json_object *object, const struct disk_address *address)
{
    struct json_object *ccw = json_object_new_object();
    int r = json_add(object, "ccw-address", ccw);

    if (r == 0)
        r = json_add_int(ccw, "cssid", address->cssid);
    if (r == 0)
        r = json_add_int(ccw, "ssid", address->ssid);
    if (r == 0)
        r = json_add_int(ccw, "subchno", address->subchno);
    if (r == 0)
        r = json_add_int(ccw, "devno", address->devno);
    return r;
}

struct json_object *blockdev_address_json(const struct disk_address *address)
{
    CLEANUP(json_putp) struct json_object *object = json_object_new_object();
    int r = add_pci(object, address);

    if (r == 0)
        r = json_add_str(object, "bus-type", address->bus_type);
    if (r == 0)
        r = json_add_int(object, "bus", address->bus);
    if (r == 0)
        r = json_add_int(object, "target", address->target);
    if (r == 0)
        r = json_add_int(object, "unit", address->unit);
    if (r == 0 && address->serial[0])
        r = json_add_str(object, "serial", address->serial);
    if (r == 0 && address->dev[0])
        r = json_add_str(object, "dev", address->dev);
    if (r == 0 && address->has_ccw)
        r = add_ccw(object, address);
    return r == 0 ? TAKE_PTR(object) : NULL;
}
