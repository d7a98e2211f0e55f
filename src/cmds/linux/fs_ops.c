/*
 * cmds/linux/fs_ops.c - the ioctls of <linux/fs.h> and <linux/loop.h>.
 */
#include "cmds/linux/fs_ops.h"

#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int real_open(const struct sysroot *root, const struct mount *mount)
{
    CLEANUP(fd_closep) int fd = -1;
    struct stat st;

    fd = sysroot_open(root, mount->target, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    /* Each btrfs subvolume has a device number of its own, which says nothing here. */
    if (strcmp(mount->fstype, "btrfs") != 0 && st.st_dev != makedev(mount->major, mount->minor))
        return -ESTALE;
    return TAKE_FD(fd);
}

static int real_freeze(int fd)
{
    return ioctl(fd, FIFREEZE) < 0 ? -errno : 0;
}

static int real_thaw(int fd)
{
    return ioctl(fd, FITHAW) < 0 ? -errno : 0;
}

static int real_trim(int fd, struct fstrim_range *range)
{
    return ioctl(fd, FITRIM, range) < 0 ? -errno : 0;
}

static void real_close(int fd)
{
    fd_close(fd);
}

static int real_backing_device(const struct sysroot *root, const char *loop, unsigned *ret_major,
                               unsigned *ret_minor)
{
    CLEANUP(fd_closep) int fd = -1;
    struct loop_info64 info = { 0 };
    char path[64];

    if (snprintf(path, sizeof(path), "/dev/%s", loop) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    fd = sysroot_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fd;
    if (ioctl(fd, LOOP_GET_STATUS64, &info) < 0)
        return -errno;
    /* Encoded as the kernel does for stat(2): 12 bits major, 20 bits minor, whatever dev_t is. */
    *ret_major = (unsigned)(info.lo_device >> 8 & 0xfff);
    *ret_minor = (unsigned)((info.lo_device & 0xff) | (info.lo_device >> 12 & 0xfff00));
    return 0;
}

struct fs_ops fs_ops = {
    .open = real_open,
    .freeze = real_freeze,
    .thaw = real_thaw,
    .trim = real_trim,
    .trim_part_next = trim_part_next,
    .close = real_close,
    .backing_device = real_backing_device,
};

int fs_open(const struct sysroot *root, const struct mounts *mounts, size_t first)
{
    int first_error = fs_ops.open(root, &mounts->items[first]);

    if (first_error >= 0)
        return first_error;
    for (size_t i = first + 1; i < mounts->count; i++) {
        int fd;

        if (mounts->items[i].first != first)
            continue;
        fd = fs_ops.open(root, &mounts->items[i]);
        if (fd >= 0)
            return fd;
    }
    return first_error;
}
