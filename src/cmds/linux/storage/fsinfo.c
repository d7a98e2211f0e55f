/*
 * cmds/linux/storage/fsinfo.c - guest-get-fsinfo: the filesystems on block devices, newest mount first.
 *
 * Bind mounts and further subvolumes are left out: one entry for each filesystem. Sizes are asked
 * of the mount point, unless something was mounted over it since: that would answer for another
 * filesystem, or hang if it is a network one.
 */
#include "cmds/linux/linux.h"
#include "cmds/linux/mounts.h"
#include "cmds/linux/storage/blockdev.h"
#include "proto/reply.h"

#include <errno.h>
#include <sys/statvfs.h>

/* True if `dir` is `path` or a directory above it. */
static bool is_above(const char *dir, const char *path)
{
    size_t len = strlen(dir);

    while (len > 0 && dir[len - 1] == '/')
        len--;
    return strncmp(dir, path, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* A root directory that comes late was moved into place by an initramfs: it hides nothing but
 * what was at / before. */
static bool is_covered(const struct mounts *mounts, size_t index)
{
    const char *target = mounts->items[index].target;

    for (size_t i = index + 1; i < mounts->count; i++) {
        const char *later = mounts->items[i].target;

        if (strcmp(later, target) == 0 || (strcmp(later, "/") != 0 && is_above(later, target)))
            return true;
    }
    return false;
}

/* Members are left out when the sizes cannot be told. */
static int add_sizes(const struct sysroot *root, const struct mounts *mounts, size_t index,
                     struct json_object *object)
{
    char path[SYSROOT_PATH_MAX];
    struct statvfs st;
    uint64_t used;
    int r;

    if (is_covered(mounts, index) || sysroot_path(root, mounts->items[index].target, path) < 0 ||
        statvfs(path, &st) < 0)
        return 0;
    used = (uint64_t)(st.f_blocks - st.f_bfree) * st.f_frsize;
    r = json_add_int(object, "used-bytes", (int64_t)used);
    if (r == 0)
        r = json_add_int(object, "total-bytes",
                         (int64_t)(used + (uint64_t)st.f_bavail * st.f_frsize));
    if (r == 0)
        r = json_add_int(object, "total-bytes-privileged",
                         (int64_t)((uint64_t)st.f_blocks * st.f_frsize));
    return r;
}

static int add_disks(const struct sysroot *root, const char *path, struct json_object *array)
{
    struct blockdev_paths paths = { 0 };
    int r = blockdev_hardware(root, path, &paths);

    for (size_t i = 0; r == 0 && i < paths.count; i++) {
        struct disk_address address;

        blockdev_address(root, paths.items[i], &address);
        r = json_append(array, blockdev_address_json(&address));
    }
    blockdev_paths_done(&paths);
    return r;
}

static int add_filesystem(const struct sysroot *root, const struct mounts *mounts, size_t index,
                          struct json_object *array)
{
    const struct mount *mount = &mounts->items[index];
    struct json_object *object = json_object_new_object(), *disks = json_object_new_array();
    char path[SYSROOT_PATH_MAX];
    bool found = blockdev_find(root, mount->major, mount->minor, path) == 0;
    int r = json_append(array, object);

    if (r < 0) {
        json_object_put(disks);
        return r;
    }
    r = json_add(object, "disk", disks);
    if (r == 0)
        r = json_add_str(object, "name", blockdev_name(found ? path : mount->source));
    if (r == 0)
        r = json_add_str(object, "mountpoint", mount->target);
    if (r == 0)
        r = json_add_str(object, "type", mount->fstype);
    if (r == 0)
        r = add_sizes(root, mounts, index, object);
    if (r == 0 && found)
        r = add_disks(root, path, disks);
    return r;
}

int cmd_get_fsinfo(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *array = NULL;
    CLEANUP(mounts_done) struct mounts mounts = { 0 };
    int r = mounts_read(&env->root, &mounts);

    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to read /proc/self/mountinfo");
    array = json_object_new_array();
    r = array ? 0 : -ENOMEM;
    for (size_t i = mounts.count; r == 0 && i-- > 0;) {
        if (mount_is_first(&mounts, i))
            r = add_filesystem(&env->root, &mounts, i, array);
    }
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to build the reply");
    reply->value = TAKE_PTR(array);
    return 0;
}
