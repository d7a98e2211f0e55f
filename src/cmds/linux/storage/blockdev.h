/*
 * Block devices as sysfs shows them: where a disk is attached, what it is called, what it is made
 * of. Shared by guest-get-fsinfo and guest-get-disks.
 *
 * Threads    any; nothing is kept.
 * Paths      are resolved sysfs directories without the root prefix, such as
 *            "/sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda/vda1".
 * Missing    sysfs files are no error: what is not known is left at its default (-1, "", unknown).
 * Source     kernel Documentation/ABI (sysfs-bus-pci, sysfs-block, sysfs-class-nvme), and qemu-ga
 *            for how targets and units are counted, since hosts look disks up by these numbers.
 */
#pragma once

#include "base/sysroot.h"

#include <json-c/json.h>

/* GuestDiskAddress. */
struct disk_address {
    const char *bus_type;                                /* GuestDiskBusType, a constant */
    int64_t pci_domain, pci_bus, pci_slot, pci_function; /* -1 each: not known */
    int64_t bus, target, unit;
    bool has_ccw;
    uint32_t cssid, ssid, subchno, devno;
    char serial[256]; /* "": none */
    char dev[256];    /* device node; "": none */
};

/* Where the hardware is, from the path and what hangs on it (blockdev_addr.c). Fills everything
 * but serial and dev. */
void blockdev_locate(const struct sysroot *root, const char *path,
                     struct disk_address *ret_address);

/* The device node's name (blockdev_props.c), "" if it cannot be told. */
void blockdev_node(const struct sysroot *root, const char *path, char *ret_node, size_t size);

/* Serial number: udev's ID_SERIAL where udev has a database, else what the kernel shows. */
void blockdev_serial(const struct sysroot *root, const char *path, char *ret_serial, size_t size);

/* All of the above. */
void blockdev_address(const struct sysroot *root, const char *path,
                      struct disk_address *ret_address);

/* The QAPI object, or NULL (no memory). */
struct json_object *blockdev_address_json(const struct disk_address *address);

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
