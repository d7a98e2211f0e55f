/*
 * base/state_dir.c - files by name below one descriptor.
 *
 *   field   written by                     read by      order, and what it buys
 *   fd      init, and whoever opens it     any thread   seq_cst exchange: of two that open it at
 *           later: once from -1                         once one closes its own again
 */
#include "base/state_dir.h"

#include "base/error.h"
#include "base/fdio.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASIDE_MAX 10

static int open_later(struct state_dir *dir)
{
    int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int none = -1;

    if (fd < 0)
        return -errno;
    if (!atomic_compare_exchange_strong(&dir->fd, &none, fd)) {
        fd_close(fd);
        return none;
    }
    return fd;
}

static int dir_fd(struct state_dir *dir)
{
    int fd = atomic_load(&dir->fd);

    return fd >= 0 ? fd : open_later(dir);
}

static bool is_trusted(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

static void warn_of_others(const char *path, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return;
    if (!is_trusted(st.st_uid) || (st.st_mode & (S_IWGRP | S_IWOTH)))
        log_warn("state: others may write to the state directory '%s' (owner %u, mode %04o)", path,
                 (unsigned)st.st_uid, (unsigned)(st.st_mode & 07777));
}

int state_dir_init(struct state_dir *dir, const char *path)
{
    int r;

    dir->fd = -1;
    dir->path = strdup(path);
    if (!dir->path)
        return -ENOMEM;
    r = dir_fd(dir);
    if (r < 0)
        log_warn("state: cannot open the state directory '%s': %s, going on without", path,
                 err_text(r));
    else
        warn_of_others(path, r);
    return 0;
}

void state_dir_done(struct state_dir *dir)
{
    dir->fd = fd_close(dir->fd);
    free(dir->path);
    dir->path = NULL;
}

int state_dir_look(struct state_dir *dir, const char *name)
{
    int fd = dir_fd(dir);
    struct stat st;

    if (fd < 0)
        return fd;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return S_ISREG(st.st_mode) && is_trusted(st.st_uid) ? 0 : -EINVAL;
}

int state_dir_open(struct state_dir *dir, const char *name, int flags)
{
    CLEANUP(fd_closep) int fd = -1;
    struct stat st;
    int r = state_dir_look(dir, name);

    if (r < 0)
        return r;
    fd =
        openat(atomic_load(&dir->fd), name, flags | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0)
        return -errno;
    /* The name may have changed hands since the look. */
    if (fstat(fd, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) && is_trusted(st.st_uid) ? TAKE_FD(fd) : -EINVAL;
}

static int sync_dir(int fd)
{
    return fsync(fd) < 0 ? -errno : 0;
}

int state_dir_write(struct state_dir *dir, const char *name, const char *text, size_t len)
{
    CLEANUP(fd_closep) int fd = -1;
    int r = state_dir_remove(dir, name);

    if (r < 0)
        return r;
    fd = openat(atomic_load(&dir->fd), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                0600);
    if (fd < 0)
        return -errno;
    r = fd_write_all(fd, text, len);
    if (r == 0)
        r = sync_dir(fd);
    if (r < 0)
        unlinkat(atomic_load(&dir->fd), name, 0);
    return r;
}

int state_dir_rename(struct state_dir *dir, const char *from, const char *to)
{
    int fd = dir_fd(dir);

    if (fd < 0)
        return fd;
    if (state_dir_look(dir, to) == -EINVAL)
        state_dir_set_aside(dir, to);
    if (renameat(fd, from, fd, to) < 0)
        return -errno;
    return sync_dir(fd);
}

int state_dir_remove(struct state_dir *dir, const char *name)
{
    int fd = dir_fd(dir);

    if (fd < 0)
        return fd;
    if (unlinkat(fd, name, 0) == 0)
        return sync_dir(fd);
    if (errno == ENOENT)
        return 0;
    return errno == EISDIR ? state_dir_set_aside(dir, name) : -errno;
}

int state_dir_set_aside(struct state_dir *dir, const char *name)
{
    int fd = dir_fd(dir), i;
    char aside[64];

    if (fd < 0)
        return fd;
    for (i = 0; i < ASIDE_MAX; i++) {
        if (i == 0)
            snprintf(aside, sizeof(aside), "%s.bad", name);
        else
            snprintf(aside, sizeof(aside), "%s.bad%d", name, i);
        if (renameat2(fd, name, fd, aside, RENAME_NOREPLACE) == 0)
            break;
        if (errno != EEXIST)
            return -errno;
    }
    if (i == ASIDE_MAX)
        return -EEXIST;
    log_warn("state: '%s/%s' was set aside as '%s'", dir->path, name, aside);
    return sync_dir(fd);
}
