/*
 * Files below a root prefix: /proc, /sys, /etc and /dev are read through here, so that tests
 * feed captured trees of other machines.
 *
 * Threads    any; a sysroot does not change after sysroot_init().
 * Paths      are absolute, below the prefix; links in the tree that are absolute leave it (a
 *            captured tree uses relative ones, as sysfs does).
 * Errors     -errno.
 */
#pragma once

#include "base/buf.h"
#include "base/defs.h"

#include <dirent.h>

#define SYSROOT_PATH_MAX 4096

struct sysroot {
    char prefix[256]; /* "" on a real system */
};

/* NULL or "" is the real root. -ENAMETOOLONG. */
int sysroot_init(struct sysroot *root, const char *prefix);

/* prefix + path into ret_path: 0 or -ENAMETOOLONG. For library calls that want a path. */
int sysroot_path(const struct sysroot *root, const char *path, char ret_path[SYSROOT_PATH_MAX]);

/* open(2) with O_CLOEXEC added; the descriptor or -errno. */
int sysroot_open(const struct sysroot *root, const char *path, int flags);

/* The whole file, at most 16 MiB, NUL-terminated (not counted). */
int sysroot_read(const struct sysroot *root, const char *path, struct buf *ret_text);

/* The text of a sysfs attribute, which comes in one read(2): NUL-terminated, cut at size - 1.
 * Format as printf. */
int sysroot_read_text(const struct sysroot *root, char *ret_text, size_t size, const char *format,
                      ...) PRINTF_LIKE(4, 5);

/* The first line without its newline and trailing blanks, cut at size - 1. Format as printf. */
int sysroot_read_line(const struct sysroot *root, char *ret_line, size_t size, const char *format,
                      ...) PRINTF_LIKE(4, 5);

/* A file that holds one number (decimal, or hex with 0x): -EINVAL if it does not. */
int sysroot_read_u64(const struct sysroot *root, uint64_t *ret_value, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Writes `text` to an existing file in one write(2), as sysfs attributes want it. */
int sysroot_write(const struct sysroot *root, const char *text, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* The link's target as stored. */
int sysroot_readlink(const struct sysroot *root, char *ret_target, size_t size, const char *format,
                     ...) PRINTF_LIKE(4, 5);

/* The path with every link resolved, with the prefix taken off again. */
int sysroot_realpath(const struct sysroot *root, char ret_path[SYSROOT_PATH_MAX],
                     const char *format, ...) PRINTF_LIKE(3, 4);

/* Where the link `name` in the directory `dir` leads, by its text alone: for links whose way holds no
 * other link, as all of sysfs are. A link that is no relative one is resolved. 0 or -errno; the
 * target may be gone. */
int sysroot_follow(const struct sysroot *root, char ret_path[SYSROOT_PATH_MAX], const char *dir,
                   const char *name);

bool sysroot_exists(const struct sysroot *root, const char *format, ...) PRINTF_LIKE(2, 3);

/* NULL and errno on failure, as opendir(3). */
DIR *sysroot_opendir(const struct sysroot *root, const char *format, ...) PRINTF_LIKE(2, 3);
