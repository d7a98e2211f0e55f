/*
 * cmds/linux/mount_walk.c - walks a mount point's name as the kernel does: whenever a mount stands
 * at the place reached so far, on the mount come from, the walk goes on in that one, and in what is
 * stacked upon it. So a mount under another one is never looked into, only the topmost ones are.
 */
#include "cmds/linux/mount_walk.h"

#include <errno.h>

/* The parent of roots: the one mount that a chroot's own table leaves out, or none. */
#define NO_MOUNT UINT32_MAX

/* A key is the parent's index and the mount point. */
#define PARENT_BYTES sizeof(uint32_t)

static int find_parents(struct mount_walk *walk)
{
    const struct mounts *mounts = walk->mounts;
    struct keymap by_id = { 0 };
    int r = 0;

    for (size_t i = 0; r == 0 && i < mounts->count; i++) {
        const struct mount *mount = &mounts->items[i];

        if (keymap_get(&by_id, &mount->id, sizeof(mount->id)) == KEYMAP_NONE)
            r = keymap_add(&by_id, &mount->id, sizeof(mount->id), (uint32_t)i);
    }
    for (size_t i = 0; r == 0 && i < mounts->count; i++) {
        const struct mount *mount = &mounts->items[i];

        walk->parent[i] = mount->parent == mount->id
                              ? NO_MOUNT
                              : keymap_get(&by_id, &mount->parent, sizeof(mount->parent));
    }
    keymap_done(&by_id);
    return r;
}

/* Backwards: where two mounts claim one place, the newer one has it. */
static int add_places(struct mount_walk *walk)
{
    char *key = walk->keys;
    int r = 0;

    for (size_t i = walk->mounts->count; r == 0 && i-- > 0;) {
        const char *target = walk->mounts->items[i].target;
        size_t len = strlen(target);

        memcpy(key, &walk->parent[i], PARENT_BYTES);
        memcpy(key + PARENT_BYTES, target, len); /* NOLINT(bugprone-not-null-terminated-result) */
        len += PARENT_BYTES;
        if (keymap_get(&walk->by_place, key, len) == KEYMAP_NONE)
            r = keymap_add(&walk->by_place, key, len, (uint32_t)i);
        key += len;
    }
    return r;
}

/* The mount at the place `key` on the mount `from`, or NO_MOUNT. */
static uint32_t mount_at(struct mount_walk *walk, uint32_t from, char *key, size_t len)
{
    memcpy(key, &from, PARENT_BYTES);
    return keymap_get(&walk->by_place, key, PARENT_BYTES + len);
}

/* Follows the mounts on a mount's root to the top, and notes it for each on the way; a table that
 * goes in circles ends somewhere. */
static uint32_t find_top(struct mount_walk *walk, uint32_t index, char *key, size_t len)
{
    uint32_t top = index, next;

    for (size_t i = 0; i < walk->mounts->count && walk->top[top] == NO_MOUNT; i++) {
        next = mount_at(walk, top, key, len);
        if (next == NO_MOUNT)
            break;
        top = next;
    }
    if (walk->top[top] != NO_MOUNT)
        top = walk->top[top];
    while (index != NO_MOUNT && walk->top[index] == NO_MOUNT) {
        next = index == top ? NO_MOUNT : mount_at(walk, index, key, len);
        walk->top[index] = top;
        index = next;
    }
    return top;
}

int mount_walk_init(struct mount_walk *ret_walk, const struct mounts *mounts)
{
    struct mount_walk walk = { .mounts = mounts };
    size_t bytes = 1;
    int r;

    for (size_t i = 0; i < mounts->count; i++)
        bytes += PARENT_BYTES + strlen(mounts->items[i].target);
    walk.keys = malloc(bytes);
    walk.top = malloc((mounts->count + 1) * sizeof(*walk.top));
    walk.parent = malloc((mounts->count + 1) * sizeof(*walk.parent));
    r = walk.keys && walk.top && walk.parent ? find_parents(&walk) : -ENOMEM;
    if (r == 0)
        r = add_places(&walk);
    if (r < 0) {
        mount_walk_done(&walk);
        return r;
    }
    for (size_t i = 0; i < mounts->count; i++)
        walk.top[i] = NO_MOUNT;
    *ret_walk = walk;
    return 0;
}

void mount_walk_done(struct mount_walk *walk)
{
    keymap_done(&walk->by_place);
    free(walk->keys);
    free(walk->top);
    free(walk->parent);
    *walk = (struct mount_walk){ 0 };
}

static bool is_one_of(const char *fstype, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fstype, names[i]) == 0)
            return true;
    }
    return false;
}

bool mount_is_fuse(const struct mount *mount)
{
    const char *type = mount->fstype;

    if (strncmp(type, "fuse", 4) != 0)
        return false;
    type += strncmp(type + 4, "blk", 3) == 0 ? 7 : 4;
    return *type == '\0' || *type == '.';
}

/* What a look into the filesystem waits for. Only root can mount a fuseblk, so that its server is
 * trusted as a network's is. */
static enum mount_reach look_into(const struct mount *mount)
{
    static const char *const remote[] = {
        "nfs",    "nfs4",     "cifs",     "smb3",  "smbfs",  "9p",     "ceph",   "afs",  "coda",
        "lustre", "virtiofs", "orangefs", "ncpfs", "beegfs", "vboxsf", "autofs", "gpfs",
    };

    if (mount_is_fuse(mount))
        return strncmp(mount->fstype, "fuseblk", 7) == 0 ? MOUNT_REMOTE : MOUNT_IN_FUSE;
    return is_one_of(mount->fstype, remote, ARRAY_LEN(remote)) ? MOUNT_REMOTE : MOUNT_REACHABLE;
}

/* Goes on with the mount at the first `len` bytes of the path in `key`, if there is one; true when
 * there was one. */
static bool step_into(struct mount_walk *walk, uint32_t *at, char *key, size_t len)
{
    uint32_t next = mount_at(walk, *at, key, len);

    if (next == NO_MOUNT)
        return false;
    *at = find_top(walk, next, key, len);
    return true;
}

enum mount_reach mount_walk_reach(struct mount_walk *walk, size_t index)
{
    char key[PARENT_BYTES + SYSROOT_PATH_MAX];
    const char *target = walk->mounts->items[index].target;
    size_t len = strlen(target);
    enum mount_reach worst = MOUNT_REACHABLE;
    uint32_t at = NO_MOUNT;

    if (len >= SYSROOT_PATH_MAX || target[0] != '/')
        return MOUNT_HIDDEN;
    memcpy(key + PARENT_BYTES, target, len); /* NOLINT(bugprone-not-null-terminated-result) */
    step_into(walk, &at, key, 1);
    for (size_t i = 1; i < len; i++) {
        if (i > 1 && target[i] == '/')
            step_into(walk, &at, key, i);
        /* A name is looked up in this mount now. */
        if (at != NO_MOUNT && (i == 1 || target[i] == '/'))
            worst = MAX_OF(worst, look_into(&walk->mounts->items[at]));
    }
    if (len > 1)
        step_into(walk, &at, key, len);
    return at == index ? MAX_OF(worst, look_into(&walk->mounts->items[at])) : MOUNT_HIDDEN;
}

int mounts_find_reach(struct mounts *mounts)
{
    struct mount_walk walk;
    int r = mount_walk_init(&walk, mounts);

    if (r < 0)
        return r;
    for (size_t i = 0; i < mounts->count; i++)
        mounts->items[i].reach = mount_walk_reach(&walk, i);
    mount_walk_done(&walk);
    return 0;
}
