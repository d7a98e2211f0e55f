/*
 * ~/.ssh/authorized_keys: found through the user's own links, replaced as a whole.
 *
 * Threads    any; the caller has the user's rights (account.h).
 * Files      the home directory and .ssh belong to the user or to root; authorized_keys is a
 *            regular file. Links at .ssh or authorized_keys, and on the way to where they lead, are
 *            followed if they are the user's or root's (own_links.h).
 * Replacing  a file that has more than one name, or belongs to somebody other than the user and
 *            root, is refused. Where the links lead to a new file (mode 0600) is written, synced and renamed over the old one, so that sshd
 *            and a crash see the old keys or the new ones.
 * Locking    .ssh is locked (flock(2)) while it is open for a change; a lock that somebody keeps
 *            for 2 s is an error.
 * Limits     SSH_FILE_MAX bytes.
 */
#pragma once

#include "base/error.h"
#include "base/sysroot.h"
#include "cmds/linux/accounts/account.h"

#define SSH_FILE_MAX MIB

struct ssh_file {
    int dir_fd;                  /* .ssh; -1: there is none */
    char path[SYSROOT_PATH_MAX]; /* of authorized_keys, for messages: without the root prefix */
    const struct sysroot *root;
    uid_t uid; /* the user's */
};

enum ssh_open {
    SSH_OPEN_READ,   /* home and .ssh need not exist: dir_fd is -1 then */
    SSH_OPEN_CHANGE, /* the same, and locks */
    SSH_OPEN_CREATE, /* makes .ssh (mode 0700) if it is missing, and locks */
};

/* 0, or -1 with the error set. */
int ssh_file_open(const struct sysroot *root, const struct account *account, enum ssh_open how,
                  struct ssh_file *ret_file, struct cmd_error *reterr);
void ssh_file_close(struct ssh_file *file);

/* The text of the file: 0, -ENOENT (there is none), or another -errno. */
int ssh_file_read(const struct ssh_file *file, struct buf *ret_text);

/* 0 or -errno; the old file stays then. */
int ssh_file_replace(const struct ssh_file *file, const struct buf *text);
