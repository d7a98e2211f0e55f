/*
 * Paths in a user's hands: links are followed where the user made them, or root did, and nowhere
 * else.
 *
 * Threads    any; the caller has the user's rights (account.h), so that no link leads to where the
 *            user could not go anyway.
 */
#pragma once

#include "base/sysroot.h"

#include <limits.h>
#include <sys/types.h>

/* Where a path ends: an entry that was no link when it was looked at, or that is not there. */
struct own_place {
    int dir_fd; /* O_PATH; of the directory the entry is in */
    char name[NAME_MAX + 1];
};

/* Follows `name` in the directory `dir_fd`. Absolute links start at the root prefix. 0 and the place,
 * to be closed; or -errno: -ELOOP for a link of somebody else, or too many. */
int own_links_follow(const struct sysroot *root, int dir_fd, const char *name, uid_t uid,
                     struct own_place *ret_place);
void own_place_close(struct own_place *place);
