/*
 * The names of an open file, as the kernel has them: without links and "..", and once for each mount of
 * its filesystem below which it can be seen (bind mounts, subvolumes).
 *
 * A file that had one link when it was counted, before the call, has no other name than these: they are
 * read after a removal that was going on is over.
 *
 * Threads    any. Blocking: looks at the path, reads its directory and the mount table.
 */
#pragma once

#include "base/buf.h"

/* Each name with a NUL behind it, and the name of its own mount first. With `leaf`, `fd` is a directory
 * and the names are those of that entry. 0 or -errno: there is none that leads there (removed, or called
 * as if it were, hidden by a mount, of another mount namespace, a pipe), or it cannot be told (no /proc, a
 * directory that cannot be read). */
int path_names_read(int fd, const char *leaf, struct buf *ret_names);

/* True for statfs(2)'s type of a filesystem where other spellings lead to the same file (upper and lower
 * case, short names), and the kernel's name of an open file is the one that was asked for. */
bool path_names_are_folded(long fs_type);
