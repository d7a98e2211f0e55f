/*
 * User accounts: looking one up, and doing file work with a user's own rights.
 *
 * Threads    any. account_run() works on a thread of its own, which ends with the work: rights are
 *            never given back, since that can fail for want of memory. It has the user's filesystem
 *            ids (setfsuid(2)) and supplementary groups (by the bare system call: glibc's function
 *            would change every thread). The effective ids stay, so the user can neither signal nor
 *            trace it.
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

typedef void account_work_fn(void *arg);

/* Calls work(arg) with the user's rights and returns when it has ended: as the user it opens files,
 * makes them and removes them. For root, and if the agent itself is not root, on the calling thread
 * and with the agent's own rights. 0, or -errno: `work` was not called. */
int account_run(const struct sysroot *root, const struct account *account, account_work_fn *work,
                void *arg);
