/*
 * May others change what is about to be trusted? A program that runs as root, or a file that says
 * what is refused, is as safe as the directories that lead to it.
 *
 * Trusted    each directory on the way, each link, and the file itself belongs to root or to the
 *            user of this process, and neither group nor others may write to it; a directory on the
 *            way may be one like /tmp (sticky), where nobody can replace what belongs to others.
 *            What is trusted stays so until root or that user changes it: no race is left between
 *            the check and the use.
 *
 * Threads    any. Blocking: looks at the path, so not for the I/O thread while it serves.
 */
#pragma once

#include "base/defs.h"

#define TRUST_REASON_MAX 512

/* 0: trusted. -EPERM: it is not, and `reason` says which part of the path and why. Else -errno: it
 * cannot be looked at (-ENOENT: not there), `reason` is empty. A relative path starts at ".", whose
 * parents are looked at, too. */
int path_is_trusted(const char *path, char reason[TRUST_REASON_MAX]);
