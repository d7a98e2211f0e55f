/*
 * User accounts: looking one up, and doing file work with a user's own rights.
 *
 * Threads    any. account_assume() changes the calling thread only, by the filesystem ids
 *            (setfsuid(2)) and the supplementary groups (the bare system call: glibc's function
 *            would change every thread). The effective ids stay, so the user can neither signal
 *            nor trace the thread, and giving the rights back cannot be refused.
 * Files      with the filesystem uid the kernel takes away the capabilities that override file
 *            permissions: links planted in a user's directory lead only to where the user could
 *            go anyway. A side effect: the kernel dumps no core of the process from then on,
 *            unless fs.suid_dumpable allows it.
 * Why not    a helper process (a fork or exec for each request), or openat2(RESOLVE_BENEATH) as
 *            root (follows no link, but still reads and writes what a hard link or a bind mount
 *            puts there, and fails on homes on NFS with root squashed).
 */
#pragma once

#include "base/sysroot.h"

#include <sys/types.h>

struct account {
    char name[256];
    uid_t uid;
    gid_t gid;
    char home[1024]; /* as the account has it: without the root prefix */
};

/* By getpwnam_r(3) on a real system, in the tree's /etc/passwd below a prefix.
 * 0, -ENOENT (no such user) or -errno (the user database cannot be asked). */
int account_find(const struct sysroot *root, const char *name, struct account *ret_account);

struct account_rights {
    bool assumed;
    gid_t *groups; /* the thread's own */
    int group_count;
    uid_t uid;
    gid_t gid;
};

/* From now on this thread opens files as the user would. Does nothing for root, and if the agent
 * itself is not root. 0 or -errno; then nothing has changed. */
int account_assume(const struct sysroot *root, const struct account *account,
                   struct account_rights *ret_rights);

/* Back to the agent's rights, before the thread does anything else. */
void account_drop(struct account_rights *rights);
