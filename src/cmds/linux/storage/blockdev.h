/*
 * Block devices as sysfs shows them: where their directories are, and what they stand on.
 *
 * Threads    any; nothing is kept.
 * Paths      are resolved sysfs directories without the root prefix, such as
 *            "/sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda/vda1".
 */
#pragma once

#include "base/sysroot.h"

/* The directory of a device number: 0 or -errno (-ENOENT: no sysfs or no such device). */
int blockdev_find(const struct sysroot *root, unsigned major, unsigned minor,
                  char ret_path[SYSROOT_PATH_MAX]);

/* True for loop, dm, md, zram, ...: nothing of its own that is attached anywhere. */
bool blockdev_is_virtual(const char *path);

/* True if the directory is a partition's; its parent directory is the disk's then. */
bool blockdev_is_partition(const struct sysroot *root, const char *path);

/* The last component. */
const char *blockdev_name(const char *path);

/* Paths, owned; blockdev_paths_done() frees. A zeroed struct is an empty list. */
struct blockdev_paths {
    char **items;
    size_t count;
};
void blockdev_paths_done(struct blockdev_paths *paths);

#define BLOCKDEV_PATHS_MAX 1024

/* What the device directly stands on (slaves of dm and md), sorted by name: 0 or -errno. */
int blockdev_slaves(const struct sysroot *root, const char *path, struct blockdev_paths *ret_paths);

/* The devices with hardware that a filesystem on `path` is kept on, each once: the device itself,
 * or what is found below it through dm and md. None for loop and the like. 0 or -ENOMEM. */
int blockdev_hardware(const struct sysroot *root, const char *path,
                      struct blockdev_paths *ret_paths);
