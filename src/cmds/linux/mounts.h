/*
 * The mount table: /proc/self/mountinfo below the root prefix, in mount order.
 *
 * Threads    any; a table has one owner.
 * Ownership  mounts_done() frees the table and every string in it; a zeroed struct is empty. The
 *            strings are parts of one text.
 * Names      octal escapes (\040) are decoded; bytes that are no UTF-8 stay as they are.
 * Devices    are those of mountinfo. btrfs has an anonymous one there (major 0), so it gets the
 *            number of its source device: all its subvolumes are then one device, as they are one
 *            filesystem.
 * Cost       linear but for one sort: 4,000 mounts are a matter of milliseconds.
 */
#pragma once

#include "base/sysroot.h"

/* From the best to the worst. */
enum mount_reach {
    MOUNT_REACHABLE, /* its path leads there, through local filesystems only */
    MOUNT_REMOTE,    /* ... into one whose server is away or is root's: that may take for ever */
    MOUNT_IN_FUSE,   /* is a FUSE that any user may have mounted, or its path goes through one: not
                      * to be entered */
    MOUNT_HIDDEN,    /* by another mount: its path leads elsewhere, or nowhere */
};

struct mount {
    int id, parent;         /* of mounts; the parent of a root is not in the table, or is itself */
    enum mount_reach reach; /* cmds/linux/mount_walk.h sets it; reachable before */
    const char *target;     /* where it is mounted */
    const char *source;     /* "/dev/sda1", "tmpfs", ...; may be empty */
    const char *fstype;
    unsigned major, minor; /* of the filesystem's device */
    size_t first; /* index of the first mount of the same device: its own, if that is this one */
};

struct mounts {
    struct mount *items;
    size_t count;
    struct buf text; /* what the strings point into */
};

/* 0 or -errno. Lines that cannot be read as a mount are skipped. */
int mounts_read(const struct sysroot *root, struct mounts *ret_mounts);
void mounts_done(struct mounts *mounts);

/* False for what has no block device (major 0: nfs, tmpfs, overlay, fuse, zfs, ...): qemu-ga leaves
 * these out of freeze, trim and fsinfo. */
bool mount_has_device(const struct mount *mount);

/* True if mount `index` has a device and is the first mount of it: one for each filesystem. */
bool mount_is_first(const struct mounts *mounts, size_t index);

/* The first mount of a device: an index, or SIZE_MAX. */
size_t mounts_find_device(const struct mounts *mounts, unsigned major_number,
                          unsigned minor_number);

/* The mount that the absolute `path` is on, by the longest mountpoint and there the newest mount:
 * an index, or SIZE_MAX. */
size_t mounts_find_path(const struct mounts *mounts, const char *path);
