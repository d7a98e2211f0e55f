/*
 * Which mounts their path still leads to, as the mount table tells: nothing is opened for it.
 *
 * Threads    any. Cost: one sort, then a few look-ups for each directory of each path.
 */
#pragma once

#include "cmds/linux/mounts.h"

/* Sets `reach` of every mount. 0 or -ENOMEM (all count as reachable then). */
int mounts_find_reach(struct mounts *mounts);

/* FUSE belongs to whoever runs its server, who may be any user: to look into it may mean to wait
 * for ever. */
bool mount_is_fuse(const struct mount *mount);
