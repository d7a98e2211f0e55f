/*
 * What freeze, thaw and trim do to a filesystem or ask of a device, as calls that unit tests
 * replace: no test freezes anything real.
 *
 * Threads    any; the table itself is changed by tests only, before they start threads.
 * Errors     -errno.
 */
#pragma once

#include "cmds/linux/mounts.h"

struct fstrim_range;

struct fs_ops {
    /* A descriptor (read only) of the filesystem mounted there. -ESTALE: the path leads to another
     * filesystem, since something is mounted over it. */
    int (*open)(const struct sysroot *root, const struct mount *mount);
    int (*freeze)(int fd);
    int (*thaw)(int fd);
    int (*trim)(int fd, struct fstrim_range *range);
    int (*size)(int fd, uint64_t *ret_size); /* bytes; may leave the overhead out */
    int (*trim_chunk)(int fd, const char *fstype, uint64_t *ret_chunk); /* bytes; 0: all at once */
    void (*close)(int fd);
    /* The device number that stat(2) shows of the file behind a loop device ("loop0"), however it
     * was reached and whether its path still leads there. */
    int (*backing_device)(const struct sysroot *root, const char *loop, unsigned *ret_major,
                          unsigned *ret_minor);
};
extern struct fs_ops fs_ops;

/* Opens the filesystem whose first mount is `first` through the first of its mounts that leads to
 * it. The error is that of the first mount. */
int fs_open(const struct sysroot *root, const struct mounts *mounts, size_t first);
