/*
 * The state directory, where a user of the guest may have been first: what is used there is a
 * regular file of our own (or root's), and opening anything else neither waits nor follows a link.
 *
 * Threads    any; the caller orders calls that change the same name.
 * Errors     -errno. -EINVAL: there is something of that name that is not ours to use.
 * Missing    a directory that is not there is looked for again with each call.
 */
#pragma once

#include "base/buf.h"

struct state_dir {
    char *path;
    _Atomic int fd; /* -1: could not be opened yet */
};

/* Opens it and warns of what is wrong with it; -ENOMEM is the only failure. */
int state_dir_init(struct state_dir *dir, const char *path);
void state_dir_done(struct state_dir *dir);

/* 0: a file of ours is there; -ENOENT: nothing is; -EINVAL, or why it cannot be seen. */
int state_dir_look(struct state_dir *dir, const char *name);

/* A descriptor of our file `name`, or the error of state_dir_look(). */
int state_dir_open(struct state_dir *dir, const char *name, int flags);

/* Makes the file anew, its bytes on the disk; what had the name before is removed or set aside. */
int state_dir_write(struct state_dir *dir, const char *name, const char *text, size_t len);

/* Renames; what stands in the way and is no file is set aside. The directory is synced. */
int state_dir_rename(struct state_dir *dir, const char *from, const char *to);

/* Nothing there is fine. A directory is set aside. The directory is synced. */
int state_dir_remove(struct state_dir *dir, const char *name);

/* Renames to NAME.bad (NAME.bad1 and so on, if there is one already). */
int state_dir_set_aside(struct state_dir *dir, const char *name);
