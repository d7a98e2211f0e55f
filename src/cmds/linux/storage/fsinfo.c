/*
 * cmds/linux/storage/fsinfo.c - guest-get-fsinfo: the filesystems on block devices, newest mount first.
 *
 * Bind mounts and further subvolumes are left out: one entry for each filesystem, named after its
 * first mount. Sizes are asked of whichever of its mounts can be reached best
 * (cmds/linux/mount_walk.h), and of none when all are hidden or behind a user's FUSE mount. The
 * text is written at once, since there may be thousands of entries.
 */
#include "base/fdio.h"
#include "cmds/linux/linux.h"
#include "cmds/linux/mount_walk.h"
#include "cmds/linux/reply_guess.h"
#include "cmds/linux/storage/blockdev.h"
#include "cmds/linux/storage/disk_address.h"
#include "proto/reply.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NO_MOUNT SIZE_MAX

struct listing {
    const struct sysroot *root;
    struct mounts mounts;
    size_t *best; /* index of a first mount -> the mount to ask for sizes, or NO_MOUNT */
    struct buf *text;
};

/* One mount for each filesystem: the first that can be reached without waiting, or else the first
 * that can be reached. */
static int choose_mounts(struct listing *listing)
{
    struct mounts *mounts = &listing->mounts;
    int r = mounts_find_reach(mounts);

    if (r < 0)
        return r;
    listing->best = malloc((mounts->count + 1) * sizeof(*listing->best));
    if (!listing->best)
        return -ENOMEM;
    for (size_t i = 0; i < mounts->count; i++)
        listing->best[i] = NO_MOUNT;
    for (int worst = MOUNT_REACHABLE; worst <= MOUNT_REMOTE; worst++) {
        for (size_t i = 0; i < mounts->count; i++) {
            size_t *best = &listing->best[mounts->items[i].first];

            if (*best == NO_MOUNT && mount_has_device(&mounts->items[i]) &&
                mounts->items[i].reach == (enum mount_reach)worst)
                *best = i;
        }
    }
    return 0;
}

/* Mount points are listed without links: one on the way was put there since. Kernels before 5.6 and
 * some sandboxes have no openat2(2). */
static int open_mount(const struct sysroot *root, const char *target)
{
    struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                            .resolve = RESOLVE_NO_SYMLINKS };
    char path[SYSROOT_PATH_MAX];
    long fd = -1;
    int r = sysroot_path(root, target, path);

    if (r < 0)
        return r;
    errno = ENOSYS;
    if (!root->prefix[0])
        fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}

/* A captured tree is on one filesystem; each btrfs subvolume has a device number of its own. */
static bool is_mounted_on(const struct sysroot *root, const struct mount *mount, int fd,
                          const struct statfs *fs)
{
    struct stat st;

    if (root->prefix[0])
        return true;
    if (strcmp(mount->fstype, "btrfs") == 0)
        return (unsigned long)fs->f_type == BTRFS_SUPER_MAGIC;
    return fstat(fd, &st) == 0 && st.st_dev == makedev(mount->major, mount->minor);
}

/* Members are left out when the sizes are not known. */
static void sizes_text(const struct listing *listing, const struct mount *mount)
{
    CLEANUP(fd_closep) int fd = open_mount(listing->root, mount->target);
    struct statfs fs;
    uint64_t used, unit;

    if (fd < 0 || fstatfs(fd, &fs) < 0 || !is_mounted_on(listing->root, mount, fd, &fs))
        return;
    unit = (uint64_t)(fs.f_frsize > 0 ? fs.f_frsize : fs.f_bsize);
    used = (fs.f_blocks - fs.f_bfree) * unit;
    text_int_member(listing->text, ", \"used-bytes\": ", (int64_t)used);
    text_int_member(listing->text, ", \"total-bytes\": ", (int64_t)(used + fs.f_bavail * unit));
    text_int_member(listing->text, ", \"total-bytes-privileged\": ", (int64_t)(fs.f_blocks * unit));
}

static int disks_text(const struct listing *listing, const char *path)
{
    struct blockdev_paths paths = { 0 };
    int r = blockdev_hardware(listing->root, path, &paths);

    for (size_t i = 0; r == 0 && i < paths.count; i++) {
        struct disk_address address;

        if (i > 0)
            buf_puts(listing->text, ", ");
        disk_address_read(listing->root, paths.items[i], &address);
        disk_address_text(listing->text, &address);
    }
    blockdev_paths_done(&paths);
    return r;
}

static int filesystem_text(const struct listing *listing, size_t index)
{
    const struct mount *mount = &listing->mounts.items[index];
    char path[SYSROOT_PATH_MAX];
    bool found = blockdev_find(listing->root, mount->major, mount->minor, path) == 0;
    int r;

    buf_puts(listing->text, "{\"disk\": [");
    r = found ? disks_text(listing, path) : 0;
    text_str_member(listing->text, "], \"name\": ", blockdev_name(found ? path : mount->source));
    text_str_member(listing->text, ", \"mountpoint\": ", mount->target);
    text_str_member(listing->text, ", \"type\": ", mount->fstype);
    if (listing->best[index] != NO_MOUNT)
        sizes_text(listing, &listing->mounts.items[listing->best[index]]);
    buf_putc(listing->text, '}');
    return r;
}

static int list_filesystems(struct listing *listing)
{
    int r = choose_mounts(listing);
    const char *separator = "[";

    for (size_t i = listing->mounts.count; r == 0 && i-- > 0;) {
        if (!mount_is_first(&listing->mounts, i))
            continue;
        buf_puts(listing->text, separator);
        separator = ", ";
        r = filesystem_text(listing, i);
    }
    buf_puts(listing->text, separator[0] == '[' ? "[]" : "]");
    return r == 0 && !buf_ok(listing->text) ? -ENOMEM : r;
}

/* Written by whichever worker made the last reply, read by the I/O thread: relaxed, a guess only. */
static struct reply_guess reply_size;

size_t get_fsinfo_max(const struct cmd_env *env, const void *args)
{
    return reply_guess_get(&reply_size);
}

int cmd_get_fsinfo(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    struct listing listing = { .root = &env->root, .text = &reply->text };
    int r = mounts_read(&env->root, &listing.mounts);

    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to read /proc/self/mountinfo");
    r = list_filesystems(&listing);
    free(listing.best);
    mounts_done(&listing.mounts);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to build the reply");
    reply_guess_note(&reply_size, reply->text.len);
    reply->is_text = true;
    return 0;
}
