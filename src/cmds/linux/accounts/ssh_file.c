/*
 * cmds/linux/accounts/ssh_file.c - the file work for ssh keys, relative to descriptors from the home
 * directory on.
 */
#include "cmds/linux/accounts/ssh_file.h"

#include "base/fdio.h"
#include "cmds/linux/accounts/own_links.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES       40
#define LOCK_INTERVAL_NS (50 * NSEC_PER_MSEC)
#define TEMP_TRIES       16

static int open_home(const struct sysroot *root, const struct account *account)
{
    char path[SYSROOT_PATH_MAX];
    int fd, r = sysroot_path(root, account->home, path);

    if (r < 0)
        return r;
    if (account->home[0] != '/')
        return -ENOENT;
    fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int make_dir(const struct own_place *place, int flags)
{
    int fd;

    if (mkdirat(place->dir_fd, place->name, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = openat(place->dir_fd, place->name, flags);
    if (fd < 0)
        return -errno;
    fchmod(fd, 0700); /* whatever the umask took away */
    return fd;
}

static int open_dot_ssh(const struct ssh_file *file, int home_fd, bool create)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    CLEANUP(own_place_close) struct own_place place = { .dir_fd = -1 };
    int fd, r = own_links_follow(file->root, home_fd, ".ssh", file->uid, &place);

    if (r < 0)
        return r;
    fd = openat(place.dir_fd, place.name, flags);
    if (fd >= 0 || errno != ENOENT || !create)
        return fd < 0 ? -errno : fd;
    return make_dir(&place, flags);
}

/* sshd trusts no directory that is somebody else's, and neither do we. */
static int check_owner(int fd, const struct account *account, const char *name,
                       struct cmd_error *reterr)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return cmd_fail_errno(reterr, errno, "failed to look at '%s%s'", account->home, name);
    if (st.st_uid != account->uid && st.st_uid != 0)
        return cmd_fail(reterr, "'%s%s' does not belong to user '%s'", account->home, name,
                        account->name);
    return 0;
}

/* Filesystems without such locks are used without. */
static int lock_dir(int fd)
{
    const struct timespec interval = { .tv_nsec = LOCK_INTERVAL_NS };

    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            return 0;
        nanosleep(&interval, NULL);
    }
    return -EWOULDBLOCK;
}

static int open_checked(int home_fd, const struct account *account, enum ssh_open how,
                        struct ssh_file *file, struct cmd_error *reterr)
{
    CLEANUP(fd_closep) int fd = -1;
    int r;

    if (check_owner(home_fd, account, "", reterr) < 0)
        return -1;
    fd = open_dot_ssh(file, home_fd, how == SSH_OPEN_CREATE);
    if (fd == -ENOENT && how != SSH_OPEN_CREATE)
        return 0;
    if (fd < 0)
        return cmd_fail_errno(reterr, fd, "failed to open directory '%s/.ssh'", account->home);
    if (check_owner(fd, account, "/.ssh", reterr) < 0)
        return -1;
    r = how == SSH_OPEN_READ ? 0 : lock_dir(fd);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to lock directory '%s/.ssh'", account->home);
    file->dir_fd = TAKE_FD(fd);
    return 0;
}

int ssh_file_open(const struct sysroot *root, const struct account *account, enum ssh_open how,
                  struct ssh_file *ret_file, struct cmd_error *reterr)
{
    CLEANUP(fd_closep) int home_fd = open_home(root, account);
    struct ssh_file file = { .dir_fd = -1, .root = root, .uid = account->uid };

    snprintf(file.path, sizeof(file.path), "%s/.ssh/authorized_keys", account->home);
    if (home_fd == -ENOENT && how != SSH_OPEN_CREATE) {
        *ret_file = file;
        return 0;
    }
    if (home_fd < 0)
        return cmd_fail_errno(reterr, home_fd, "failed to open home directory '%s' of user '%s'",
                              account->home, account->name);
    if (open_checked(home_fd, account, how, &file, reterr) < 0)
        return -1;
    *ret_file = file;
    return 0;
}

void ssh_file_close(struct ssh_file *file)
{
    file->dir_fd = fd_close(file->dir_fd);
}

int ssh_file_read(const struct ssh_file *file, struct buf *ret_text)
{
    CLEANUP(own_place_close) struct own_place place = { .dir_fd = -1 };
    CLEANUP(fd_closep) int fd = -1;
    struct stat st;
    int r;

    if (file->dir_fd < 0)
        return -ENOENT;
    r = own_links_follow(file->root, file->dir_fd, "authorized_keys", file->uid, &place);
    if (r < 0)
        return r;
    /* Non-blocking: a FIFO in its place must not hold the worker. */
    fd = openat(place.dir_fd, place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    return fd_read_all(fd, SSH_FILE_MAX, ret_text);
}

/* What would be replaced: nobody else's, and under no other name, where the old keys would stay. */
static int check_replaced(const struct own_place *place, uid_t uid)
{
    struct stat st;

    if (fstatat(place->dir_fd, place->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    if (st.st_uid != uid && st.st_uid != 0)
        return -EPERM;
    return st.st_nlink > 1 ? -EMLINK : 0;
}

static int create_temp(int dir_fd, char name[64])
{
    for (int i = 0; i < TEMP_TRIES; i++) {
        uint64_t number;
        int fd;

        if (getrandom(&number, sizeof(number), 0) != sizeof(number))
            return -EIO;
        snprintf(name, 64, ".authorized_keys.%016" PRIx64, number);
        fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0 || errno != EEXIST)
            return fd < 0 ? -errno : fd;
    }
    return -EEXIST;
}

static int fill(int fd, const struct buf *text)
{
    int r = fchmod(fd, 0600) < 0 ? -errno : 0;

    if (r == 0)
        r = fd_write_all(fd, text->data, text->len);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    return r;
}

static int replace_at(const struct own_place *place, const struct buf *text)
{
    char name[64];
    CLEANUP(fd_closep) int fd = create_temp(place->dir_fd, name);
    int r;

    if (fd < 0)
        return fd;
    r = fill(fd, text);
    if (r == 0 && renameat(place->dir_fd, name, place->dir_fd, place->name) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(place->dir_fd, name, 0);
    return r;
}

/* The name; the keys are in place even if this fails. */
static void sync_place(const struct own_place *place)
{
    CLEANUP(fd_closep) int fd = openat(place->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        fsync(fd);
}

int ssh_file_replace(const struct ssh_file *file, const struct buf *text)
{
    CLEANUP(own_place_close) struct own_place place = { .dir_fd = -1 };
    int r = own_links_follow(file->root, file->dir_fd, "authorized_keys", file->uid, &place);

    if (r == 0)
        r = check_replaced(&place, file->uid);
    if (r == 0)
        r = replace_at(&place, text);
    if (r == 0)
        sync_place(&place);
    return r;
}
