/*
 * agent/daemon.c - fork, wait for the child's verdict, exit.
 *
 * The verdict is one byte on a pipe. A child that fails or dies closes its end without it, so the
 * parent needs no time limit.
 */
#include "agent/daemon.h"

#include "base/error.h"
#include "base/fdio.h"
#include "base/frozen.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MARKER_FILE "qga.state.isfrozen" /* base/state.h */

/* Touched by the main thread only. */
static struct {
    const char *path; /* NULL: no pid file is wanted */
    int fd;           /* holds the lock; -1 while the file is put off */
    int frozen_fd;    /* holds the marker's lock while the file is put off */
} pidfile = { .fd = -1, .frozen_fd = -1 };

/* Of an open file description: it goes to the child with the descriptor, and stays when somebody
 * else in this process (a host that reads the file) opens and closes the file. */
static const struct flock whole_file = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

void daemon_open_standard_fds(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR); /* NOLINT(android-cloexec-open): programs need them */
        if (fd < 0)
            fd = open("/", O_PATH); /* NOLINT(android-cloexec-open) */
    } while (fd >= STDIN_FILENO && fd <= STDERR_FILENO);
    fd_close(fd);
}

/* 0, or -errno: no file of our own that may be written over, or -ESTALE: it was removed or replaced
 * between open and lock. */
static int check_file_at(int fd, const char *path)
{
    struct stat ours, there;

    if (fstat(fd, &ours) < 0)
        return -errno;
    if (!S_ISREG(ours.st_mode))
        return -EINVAL;
    if (ours.st_nlink == 0 || lstat(path, &there) < 0 || ours.st_dev != there.st_dev ||
        ours.st_ino != there.st_ino)
        return -ESTALE;
    return ours.st_nlink > 1 ? -EMLINK : 0;
}

/* A locked descriptor of the file, or -errno: -EAGAIN if another process holds it. */
static int pidfile_lock_once(const char *path)
{
    CLEANUP(fd_closep) int fd = -1;
    int r;

    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return -errno;
    if (fcntl(fd, F_OFD_SETLK, &whole_file) < 0)
        return errno == EACCES ? -EAGAIN : -errno;
    r = check_file_at(fd, path);
    return r < 0 ? r : TAKE_FD(fd);
}

static int log_lock_failure(int r)
{
    if (r == -EAGAIN)
        log_err("Cannot lock pid file: %s", err_text(r));
    else
        log_err("Cannot open pid file: %s", err_text(r));
    return -1;
}

/* A locked descriptor, or -1 with a log line. */
static int pidfile_lock(const char *path)
{
    int fd;

    do
        fd = pidfile_lock_once(path);
    while (fd == -ESTALE);
    return fd < 0 ? log_lock_failure(fd) : fd;
}

/* The same in a guest found frozen, where nothing may be created or opened for writing: nobody may
 * hold the pid file, if there is one, and the marker is locked in its place. 0 or -errno. */
static int pidfile_check_frozen(const char *path)
{
    CLEANUP(fd_closep) int fd = -1;
    struct flock lock = whole_file;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
        return -errno;
    return lock.l_type == F_UNLCK ? 0 : -EAGAIN;
}

/* 1: locked; 0: there is no marker, the guest is thawed; -1 with a log line. */
static int marker_lock(const char *statedir)
{
    CLEANUP(free_ptr) char *path = NULL;

    if (asprintf(&path, "%s/" MARKER_FILE, statedir) < 0) {
        path = NULL;
        return log_lock_failure(-ENOMEM);
    }
    pidfile.frozen_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (pidfile.frozen_fd < 0)
        return 0; /* what is wrong with it the state directory's opener finds out */
    if (flock(pidfile.frozen_fd, LOCK_EX | LOCK_NB) < 0)
        return log_lock_failure(errno == EWOULDBLOCK ? -EAGAIN : -errno);
    return 1;
}

int daemon_prepare(const char *path, const char *statedir)
{
    int frozen = marker_lock(statedir);
    int r = 0;

    if (frozen < 0)
        return -1;
    if (frozen)
        r = pidfile_check_frozen(path);
    if (r < 0)
        return log_lock_failure(r);
    if (!frozen) {
        pidfile.fd = pidfile_lock(path);
        if (pidfile.fd < 0)
            return -1;
    }
    pidfile.path = path;
    umask(077);
    return 0;
}

/* 0, or -1 with a log line. */
static int pidfile_write(int fd)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    int r = 0;

    if (fchmod(fd, 0600) < 0 || ftruncate(fd, 0) < 0)
        r = -errno;
    if (r == 0)
        r = fd_write_all(fd, text, (size_t)len);
    if (r < 0)
        log_err("Failed to write pid file: %s", err_text(r));
    return r < 0 ? -1 : 0;
}

void daemon_pidfile_late(void)
{
    if (!pidfile.path || pidfile.fd >= 0 || ga_is_frozen())
        return;
    pidfile.fd = pidfile_lock(pidfile.path);
    pidfile.frozen_fd = fd_close(pidfile.frozen_fd);
    if (pidfile.fd < 0 || pidfile_write(pidfile.fd) < 0) {
        log_warn("pid file '%s' was not written after the thaw, going on without", pidfile.path);
        pidfile.path = NULL;
    }
}

void daemon_end(void)
{
    if (pidfile.path && pidfile.fd >= 0 && !ga_is_frozen() && unlink(pidfile.path) < 0)
        log_warn("cannot remove pid file '%s': %s", pidfile.path, err_text(errno));
    pidfile.fd = fd_close(pidfile.fd);
    pidfile.frozen_fd = fd_close(pidfile.frozen_fd);
    pidfile.path = NULL;
}

/* 0 to 2 are open since main() began. */
static int null_standard_fds(void)
{
    CLEANUP(fd_closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int fd;

    if (null < 0)
        return -errno;
    for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (dup2(null, fd) < 0)
            return -errno;
    }
    return 0;
}

/* The child: 0, or -1 with a log line. */
static int become_daemon(int verdict)
{
    int r;

    if (pidfile.fd >= 0 && pidfile_write(pidfile.fd) < 0)
        return -1;
    if (setsid() < 0 || chdir("/") < 0) {
        log_err("daemon: cannot leave the session: %s", err_text(errno));
        return -1;
    }
    r = null_standard_fds();
    if (r == 0)
        r = fd_write_all(verdict, "", 1);
    if (r < 0)
        log_err("daemon: cannot detach: %s", err_text(r));
    return r < 0 ? -1 : 0;
}

/* The parent: waits for the verdict and ends, leaving all that is shared to the child. */
static _Noreturn void await_verdict(int verdict)
{
    char byte;
    ssize_t n;

    do
        n = read(verdict, &byte, 1);
    while (n < 0 && errno == EINTR);
    _exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int daemon_detach(void)
{
    int fds[2];
    pid_t pid;
    int r;

    if (pipe2(fds, O_CLOEXEC) < 0) {
        log_err("daemon: cannot make a pipe: %s", err_text(errno));
        return -1;
    }
    fflush(NULL);
    pid = fork();
    if (pid < 0) {
        log_err("daemon: cannot fork: %s", err_text(errno));
        fd_close(fds[0]);
        fd_close(fds[1]);
        return -1;
    }
    if (pid > 0) {
        fd_close(fds[1]);
        await_verdict(fds[0]);
    }
    fd_close(fds[0]);
    r = become_daemon(fds[1]);
    fd_close(fds[1]);
    return r;
}

/* "/path", or "@name" in the abstract namespace. 0, or -EINVAL: neither, or too long. */
static int notify_address(const char *text, struct sockaddr_un *ret_address, socklen_t *ret_len)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t len = strlen(text);

    if ((text[0] != '/' && text[0] != '@') || len < 2 || len > sizeof(address.sun_path))
        return -EINVAL;
    memcpy(address.sun_path, text, len);
    if (text[0] == '@')
        address.sun_path[0] = '\0';
    *ret_address = address;
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return 0;
}

static int notify(const char *where, const char *text)
{
    CLEANUP(fd_closep) int fd = -1;
    struct sockaddr_un address;
    socklen_t address_len;
    int r;

    r = notify_address(where, &address, &address_len);
    if (r < 0)
        return r;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
               address_len) < 0)
        return -errno;
    return 0;
}

void daemon_notify_ready(void)
{
    const char *where = getenv("NOTIFY_SOCKET");
    int r;

    if (!where)
        return;
    r = notify(where, "READY=1");
    if (r < 0)
        log_warn("daemon: cannot tell '%s' that the agent is ready: %s, going on", where,
                 err_text(r));
    /* What the host starts is no business of the manager's. No thread runs yet. */
    unsetenv("NOTIFY_SOCKET"); /* NOLINT(concurrency-mt-unsafe) */
}
