/*
 * Opening a file for guest-file-open, with path rules or without.
 *
 * With rules, what is judged is the file that was opened, not the path: it is found first (O_PATH), its
 * names are asked of the kernel, and the very same file is opened then. What a user of the guest does to
 * the path meanwhile changes nothing.
 *
 * Threads    any worker. Blocking.
 */
#pragma once

#include "cmds/files/path_rules.h"

#include <sys/types.h>

/* What the rules refuse; no errno. */
#define FILE_REFUSED (-10000)

/* `flags` are open(2)'s; O_TRUNC is left out. A file that is made has the permissions `new_mode`, whatever
 * the umask. The descriptor, -errno, or FILE_REFUSED. */
int file_open_fd(const struct path_rules *rules, const char *path, int flags, mode_t new_mode);
