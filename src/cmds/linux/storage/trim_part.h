/*
 * The parts in which a filesystem is trimmed: a FITRIM cannot be stopped, so each takes a bounded
 * share, between which guest-fstrim looks whether it is still wanted.
 *
 * Threads    any.
 */
#pragma once

#include "base/defs.h"

struct trim_part {
    uint64_t start, len; /* as in struct fstrim_range: bytes, in the filesystem's own addresses */
};

/* The first part of the filesystem behind `fd` at or after `from`; false: nothing is left. A part
 * may lie behind the filesystem's end, for which FITRIM returns EINVAL. `minimum` (bytes) is the
 * shortest free extent that shall be discarded: no part is so small that many of them would be cut
 * in two. A filesystem that does not show its layout is one part. */
bool trim_part_next(int fd, const char *fstype, uint64_t minimum, uint64_t from,
                    struct trim_part *ret_part);
