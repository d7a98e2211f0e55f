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
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Opens for reading what an O_PATH descriptor stands for, without a path that could lead elsewhere
 * by now. Devices, FIFOs and sockets are never opened. */
static int reopen(int path_fd, mode_t mode)
{
    char path[64];
    int fd;

    if (S_ISDIR(mode)) {
        fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
    }
    if (!S_ISREG(mode))
        return -ENXIO;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Each btrfs subvolume has a device number of its own, which says nothing here: the number of the
 * mount does, where the kernel tells it (5.8). */
static bool is_of_mount(const struct statx *found, const struct mount *mount)
{
    if (strcmp(mount->fstype, "btrfs") != 0)
        return found->stx_dev_major == mount->major && found->stx_dev_minor == mount->minor;
    return !(found->stx_mask & STATX_MNT_ID) || found->stx_mnt_id == (uint64_t)mount->id;
}

/* What the path leads to is looked at before it is opened, and as the kernel knows it already: were
 * it a FUSE, its server could let us wait. */
static int real_open(const struct sysroot *root, const struct mount *mount)
{
    CLEANUP(fd_closep) int fd = sysroot_open(root, mount->target, O_PATH);
    struct statx found;

    if (fd < 0)
        return fd;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MNT_ID, &found) < 0)
        return -errno;
    if (!is_of_mount(&found, mount))
        return -ESTALE;
    return reopen(fd, found.stx_mode);
}

static bool is_device_of(const char *path, const struct mount *mount)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISBLK(st.st_mode) &&
           st.st_rdev == makedev(mount->major, mount->minor);
}

static bool fs_config(int context, unsigned command, const char *key, const char *value)
{
    return syscall(SYS_fsconfig, context, command, key, value, 0) == 0;
}

/* A mount of the device, read-only or not as the filesystem is: the other way round is EBUSY. */
static int mount_device(const char *device, const char *fstype, bool read_only)
{
    CLEANUP(fd_closep) int context = (int)syscall(SYS_fsopen, fstype, FSOPEN_CLOEXEC);

    if (context < 0 || !fs_config(context, FSCONFIG_SET_STRING, "source", device) ||
        (read_only && !fs_config(context, FSCONFIG_SET_FLAG, "ro", NULL)) ||
        !fs_config(context, FSCONFIG_CMD_CREATE, NULL, NULL))
        return -errno;
    return (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
}

static int real_open_hidden(const struct sysroot *root, const struct mount *mount)
{
    CLEANUP(fd_closep) int tree = -1;
    char device[SYSROOT_PATH_MAX];
    int fd;

    if (strncmp(mount->source, "/dev/", 5) != 0 || sysroot_path(root, mount->source, device) < 0 ||
        !is_device_of(device, mount))
        return -ESTALE;
    tree = mount_device(device, mount->fstype, false);
    if (tree == -EBUSY)
        tree = mount_device(device, mount->fstype, true);
    fd = tree < 0 ? -1 : reopen(tree, S_IFDIR);
    return fd < 0 ? -ESTALE : fd;
}

static int real_detach(int fd)
{
    CLEANUP(fd_closep) int tree = -1;
    struct mount_attr alone = { .propagation = MS_PRIVATE };
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    tree = (int)syscall(SYS_open_tree, fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return -errno;
    /* Else what is mounted below the original meanwhile would be mounted here too, and stay. */
    syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &alone, sizeof(alone));
    return reopen(tree, st.st_mode);
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
    .open_hidden = real_open_hidden,
    .detach = real_detach,
    .freeze = real_freeze,
    .thaw = real_thaw,
    .trim = real_trim,
    .trim_part_next = trim_part_next,
    .close = real_close,
    .backing_device = real_backing_device,
};

/* Through the first mount with that reach that can be opened. Errors are kept if none was before. */
static int open_by_reach(const struct sysroot *root, const struct mounts *mounts, size_t first,
                         enum mount_reach reach, int *error)
{
    for (size_t i = first; i < mounts->count; i++) {
        int fd;

        if (mounts->items[i].first != first || mounts->items[i].reach != reach)
            continue;
        fd = fs_ops.open(root, &mounts->items[i]);
        if (fd >= 0)
            return fd;
        *error = *error ? *error : fd;
    }
    return -1;
}

int fs_open(const struct sysroot *root, const struct mounts *mounts, size_t first)
{
    int error = 0;
    int fd = open_by_reach(root, mounts, first, MOUNT_REACHABLE, &error);

    if (fd < 0)
        fd = open_by_reach(root, mounts, first, MOUNT_REMOTE, &error);
    if (fd >= 0)
        return fd;
    return error ? error : -ESTALE;
}
