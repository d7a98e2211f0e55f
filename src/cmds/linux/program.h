/*
 * Helper programs of the guest: found below the root prefix, run to their end.
 *
 * Threads    any. Errors are -errno.
 */
#pragma once

#include "base/spawn.h"
#include "base/sysroot.h"

/* The path, prefix included, of program `name`: itself if it is absolute and there; else what its last
 * component is in /usr/sbin, /usr/bin, /sbin, /bin or the absolute directories of the agent's PATH.
 * -ENOENT, or -EACCES if what is there cannot be executed. */
int program_find(const struct sysroot *root, const char *name, char ret_path[SYSROOT_PATH_MAX]);

/* Finds argv[0] and runs it, at most `timeout_ms` (< 0: for ever). */
int program_run(const struct sysroot *root, const char *const argv[], int timeout_ms,
                struct spawn_result *ret_result);
