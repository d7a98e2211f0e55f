/*
 * Where a disk is attached, by its sysfs path and what hangs on it.
 *
 * Threads    any; nothing is kept.
 * Source     kernel Documentation/ABI (sysfs-bus-pci, sysfs-block, sysfs-class-nvme), and qemu-ga
 *            for how targets and units are counted, since hosts look disks up by these numbers.
 */
#pragma once

#include "base/sysroot.h"

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

/* `path` is the directory of a disk or partition (cmds/linux/storage/blockdev.h). What is not known
 * is -1, or "unknown". Serial and dev are left empty. */
void blockdev_locate(const struct sysroot *root, const char *path,
                     struct disk_address *ret_address);
