/*
 * cmds/files/file_open.c
 */
#include "cmds/files/file_open.h"

#include "base/fdio.h"
#include "cmds/files/path_names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ALWAYS (O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static int open_fd(int dir, const char *path, int flags, mode_t new_mode)
{
    int fd = openat(dir, path, flags, new_mode);

    return fd < 0 ? -errno : fd;
}

/* `flags` have neither O_CREAT nor O_TRUNC. What is made is known to be ours to chmod. */
static int create_fd(int dir, const char *path, int flags, mode_t new_mode)
{
    int fd = open_fd(dir, path, flags | ALWAYS | O_CREAT | O_EXCL, new_mode);

    if (fd >= 0) /* whatever the umask; a filesystem without modes may refuse: no harm */
        (void)fchmod(fd, new_mode);
    return fd;
}

/* --- without rules -------------------------------------------------------------------- */

/* A file that is not there is made by an exclusive attempt; a link that points nowhere is not followed
 * into a new file. */
static int open_or_create(const char *path, int flags, mode_t new_mode)
{
    int existing = flags & ~(O_CREAT | O_TRUNC);
    int fd = open_fd(AT_FDCWD, path, existing | ALWAYS, 0);

    if (fd != -ENOENT || !(flags & O_CREAT))
        return fd;
    fd = create_fd(AT_FDCWD, path, existing, new_mode);
    if (fd == -EEXIST) /* made by somebody else meanwhile, or such a link */
        return open_fd(AT_FDCWD, path, existing | ALWAYS, 0);
    return fd;
}

/* --- with rules ----------------------------------------------------------------------- */

static unsigned access_of(int flags)
{
    switch (flags & O_ACCMODE) {
    case O_RDONLY:
        return PATH_READ;
    case O_WRONLY:
        return PATH_WRITE;
    default:
        return PATH_READ | PATH_WRITE;
    }
}

/* The memory of processes and of the kernel holds what every file does. */
static bool is_memory(const struct statfs *fs, const char *name)
{
    const char *last = strrchr(name, '/');

    return fs->f_type == PROC_SUPER_MAGIC &&
           (strcmp(last, "/mem") == 0 || strcmp(last, "/kcore") == 0);
}

/* What has other names, or shows what other files hold. `st` was read before the names were. */
static bool is_special(const struct stat *st, int fd, const char *name)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return true;
    return S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode) ||
           (!S_ISDIR(st->st_mode) && st->st_nlink != 1) || path_names_are_folded(fs.f_type) ||
           is_memory(&fs, name);
}

/* `fd` is the file; with `leaf`, the directory where it will be.
 *
 * Links are counted before the names are read: a name that is still there then was the only one. In the
 * other order a user removes the name in between, and the link that is left looks like the only one. */
static bool is_allowed(const struct path_rules *rules, unsigned access, int fd, const char *leaf)
{
    CLEANUP(buf_done) struct buf names = { 0 };
    struct stat st;

    if (fstat(fd, &st) < 0 || path_names_read(fd, leaf, &names) < 0 ||
        !path_rules_allow(rules, access, &names))
        return false;
    return !is_special(&st, fd, names.data) ||
           path_rules_allow_literally(rules, access, names.data);
}

static int open_parent(const char *path, const char *leaf)
{
    CLEANUP(free_ptr)
    char *parent = leaf == path ? strdup(".") : strndup(path, (size_t)(leaf - path));

    return parent ? open_fd(AT_FDCWD, parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0) : -ENOMEM;
}

/* The directory may be renamed meanwhile: the new file is judged once more. An empty one is left then. */
static int create_judged(const struct path_rules *rules, const char *path, int flags,
                         mode_t new_mode)
{
    const char *slash = strrchr(path, '/');
    const char *leaf = slash ? slash + 1 : path;
    CLEANUP(fd_closep) int dir = -1;
    CLEANUP(fd_closep) int fd = -1;

    if (!*leaf)
        return -EISDIR;
    dir = open_parent(path, leaf);
    if (dir < 0)
        return dir;
    if (!is_allowed(rules, access_of(flags), dir, leaf))
        return FILE_REFUSED;
    fd = create_fd(dir, leaf, flags & ~(O_CREAT | O_TRUNC), new_mode);
    if (fd < 0)
        return fd;
    return is_allowed(rules, access_of(flags), fd, NULL) ? TAKE_FD(fd) : FILE_REFUSED;
}

/* The file that `found` is, whatever its name is by now. */
static int open_found(int found, int flags)
{
    char link[64];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
    return open_fd(AT_FDCWD, link, (flags & ~(O_CREAT | O_TRUNC)) | ALWAYS, 0);
}

static int open_judged(const struct path_rules *rules, const char *path, int flags, mode_t new_mode)
{
    CLEANUP(fd_closep) int found = open_fd(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);

    if (found == -ENOENT && (flags & O_CREAT)) {
        int made = create_judged(rules, path, flags, new_mode);

        if (made != -EEXIST)
            return made;
        found = open_fd(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
    }
    if (found < 0)
        return found;
    return is_allowed(rules, access_of(flags), found, NULL) ? open_found(found, flags)
                                                            : FILE_REFUSED;
}

int file_open_fd(const struct path_rules *rules, const char *path, int flags, mode_t new_mode)
{
    if (path_rules_apply(rules, access_of(flags)))
        return open_judged(rules, path, flags, new_mode);
    return open_or_create(path, flags, new_mode);
}
