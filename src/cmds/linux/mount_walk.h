/*
 * What the path of a mount point leads to, by the mount table alone: nothing is opened.
 *
 * A mount may be hidden under a later one, or lie below a filesystem whose server is dead or
 * is a user's: walking there would end elsewhere, or never. The table's parents say which mounts
 * the kernel would come through, as it looks up one name after the other.
 *
 * Threads    any; a struct has one owner.
 * Ownership  borrows the mounts, which stay as they are until mount_walk_done().
 * Cost       linear in the table, and for each question in the length of the mount point's name.
 */
#pragma once

#include "cmds/linux/keymap.h"
#include "cmds/linux/mounts.h"

struct mount_walk {
    const struct mounts *mounts;
    struct keymap by_place; /* parent and mount point -> index */
    char *keys;             /* what by_place points to */
    uint32_t *top;          /* index -> the last of the mounts stacked upon its root */
    uint32_t *parent;       /* index -> its parent's index, or that of no mount */
};

/* 0 or -ENOMEM. */
int mount_walk_init(struct mount_walk *ret_walk, const struct mounts *mounts);
void mount_walk_done(struct mount_walk *walk);

enum mount_reach mount_walk_reach(struct mount_walk *walk, size_t index);

/* All of it at once: sets `reach` of every mount. 0 or -ENOMEM (all count as reachable then). */
int mounts_find_reach(struct mounts *mounts);

/* FUSE belongs to whoever runs its server, who may be any user: to look into it may mean to wait
 * for ever. */
bool mount_is_fuse(const struct mount *mount);
