/*
 * Freeze plan: which filesystems there are and in which order they can be frozen.
 *
 * Order      reverse order of mounting (a filesystem counts where it was mounted first), but a
 *            filesystem on a loop device comes before the one that holds its backing file, whatever
 *            the mount order and however many device-mapper, md and partition layers lie between:
 *            to freeze it means to write to that file. The file is found by its device number, by
 *            its path only where that says nothing. Thawing goes the other way round.
 * Threads    none: a plan has one owner.
 * Ownership  freeze_plan_done() frees everything; a zeroed struct is empty.
 */
#pragma once

#include "cmds/linux/mounts.h"
#include "proto/bind.h"

struct freeze_plan {
    struct mounts mounts;
    size_t *order; /* indices of first mounts, in order of freezing */
    size_t count;
};

/* Every filesystem that has a device, and every btrfs. 0 or -errno. */
int freeze_plan_make(const struct sysroot *root, struct freeze_plan *ret_plan);
void freeze_plan_done(struct freeze_plan *plan);

/* Keeps the filesystems that are mounted at one of `names`, at whichever of their mounts. Names
 * that are no mountpoint do nothing. 0 or -ENOMEM. */
int freeze_plan_keep(struct freeze_plan *plan, const struct arg_str_list *names);

/* Takes out the filesystems that are mounted at one of `names` (NULL-terminated, or NULL). */
int freeze_plan_drop(struct freeze_plan *plan, const char *const *names);
