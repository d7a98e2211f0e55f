/*
 * Kept descriptors: what this agent has frozen and not thawed yet, each with the descriptor it was
 * frozen through. A thaw through it needs no path, no memory and no descriptor, whatever was
 * mounted over the place or unmounted lazily since.
 *
 * Threads    whoever has the turn (freeze_turn.h).
 * Reserve    descriptors and memory put by while frozen, for what a thaw needs beside: the mount
 *            table, the hook.
 */
#pragma once

#include "cmds/linux/mounts.h"

struct freeze_kept {
    int fd;
    unsigned major, minor;
    char *name; /* where it was mounted */
};

/* Room for `count` more: 0 or -ENOMEM. */
int freeze_kept_reserve(size_t count);
/* Takes descriptor and name; there must be room. */
void freeze_kept_add(struct freeze_kept kept);

/* FITHAW of one descriptor until it is not frozen: 1: this did it; 0: it was not frozen; -errno: it
 * is still frozen. */
int freeze_kept_thaw_fd(int fd);

/* Thaws all against the order in which they were added. What resists is kept; ret_failed is the
 * first of it (0: nothing is left). How many this call thawed. */
int64_t freeze_kept_thaw(int *ret_failed, char *ret_name, size_t size);

bool freeze_kept_has(const struct mount *mount);

/* Puts the reserve by as far as it can be had; gives it back. */
void freeze_reserve_fill(void);
void freeze_reserve_use(void);
