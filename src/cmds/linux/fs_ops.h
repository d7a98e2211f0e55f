/*
 * What freeze, thaw and trim do to a filesystem or ask of a device, as calls that unit tests
 * replace: no test freezes anything real.
 *
 * Threads    any; the table itself is changed by tests only, before they start threads.
 * Errors     -errno.
 */
#pragma once

#include "cmds/linux/mounts.h"
#include "cmds/linux/storage/trim_part.h"

struct fstrim_range;

struct fs_ops {
    /* A descriptor (read only) of the filesystem mounted there, which nothing else was opened for.
     * -ESTALE: the path leads to another filesystem, since something is mounted over it (-EACCES: a
     * FUSE, perhaps). -ENXIO: what is mounted is neither a directory nor a regular file. */
    int (*open)(const struct sysroot *root, const struct mount *mount);
    /* The same of a filesystem that no path leads to, by a new mount of its device that nobody
     * sees; the kernel hands out the filesystem that is there. -ESTALE: that cannot be had. */
    int (*open_hidden)(const struct sysroot *root, const struct mount *mount);
    /* The same filesystem through a mount that nobody sees, so that the descriptor is no hindrance
     * to umount(8). */
    int (*detach)(int fd);
    int (*freeze)(int fd);
    int (*thaw)(int fd);
    int (*trim)(int fd, struct fstrim_range *range);
    bool (*trim_part_next)(int fd, const char *fstype, uint64_t minimum, uint64_t from,
                           struct trim_part *ret_part); /* cmds/linux/storage/trim_part.h */
    void (*close)(int fd);
    /* The device number that stat(2) shows of the file behind a loop device ("loop0"), however it
     * was reached and whether its path still leads there. */
    int (*backing_device)(const struct sysroot *root, const char *loop, unsigned *ret_major,
                          unsigned *ret_minor);
};
extern struct fs_ops fs_ops;

/* Opens the filesystem whose first mount is `first` through the first of its mounts that leads to
 * it, those that may have to be waited for last. Those that are known to be hidden or in a FUSE are
 * not tried (-ESTALE, if all are): mounts_find_reach() tells. The error is that of the first mount
 * that was tried. */
int fs_open(const struct sysroot *root, const struct mounts *mounts, size_t first);
