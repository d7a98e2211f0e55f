/*
 * Numbered entries of a sysfs directory: cpu0, cpu1, ...; memory0, memory1, ...
 *
 * Threads    any. Ownership: sysfs_list_done() frees; a zeroed struct is empty.
 */
#pragma once

#include "base/sysroot.h"

struct sysfs_list {
    int64_t *ids; /* ascending */
    size_t count;
};

/* Entries of `dir` whose names are `stem` and a decimal number. 0 or -errno. */
int sysfs_list_read(const struct sysroot *root, const char *dir, const char *stem,
                    struct sysfs_list *ret_list);
void sysfs_list_done(struct sysfs_list *list);
