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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Touched by the main thread only. */
static struct {
    const char *path; /* NULL: no pid file is ours */
    int fd;           /* holds the lock; -1 while the file is put off */
} pidfile = { .fd = -1 };

static const struct flock whole_file = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

/* 0, or -errno: -EAGAIN if another process holds the file. */
static int pidfile_probe(const char *path)
{
    CLEANUP(fd_closep) int fd = -1;
    struct flock lock = whole_file;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fcntl(fd, F_GETLK, &lock) < 0)
        return -errno;
    return lock.l_type == F_UNLCK ? 0 : -EAGAIN;
}

int daemon_prepare(const char *path)
{
    int r;

    r = pidfile_probe(path);
    if (r == -EAGAIN) {
        log_err("Cannot lock pid file: %s", err_text(r));
        return -1;
    }
    if (r < 0) {
        log_err("Cannot open pid file: %s", err_text(r));
        return -1;
    }
    umask(077);
    return 0;
}

/* True if `fd` is still the file at `path`: its owner may have removed it before we had the lock.
 */
static bool is_file_at(int fd, const char *path)
{
    struct stat ours, theirs;

    return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
           ours.st_ino == theirs.st_ino;
}

/* A locked descriptor of the file, or -1 with a log line. */
static int pidfile_lock(const char *path)
{
    for (;;) {
        CLEANUP(fd_closep) int fd = -1;

        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0) {
            log_err("Cannot open pid file: %s", err_text(errno));
            return -1;
        }
        if (fcntl(fd, F_SETLK, &whole_file) < 0) {
            log_err("Cannot lock pid file: %s", err_text(errno));
            return -1;
        }
        if (is_file_at(fd, path))
            return TAKE_FD(fd);
    }
}

static int pidfile_write(int fd)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    if (fchmod(fd, 0600) < 0 || ftruncate(fd, 0) < 0)
        return -errno;
    return fd_write_all(fd, text, (size_t)len);
}

/* 0, or -1 with a log line. */
static int pidfile_make(const char *path)
{
    CLEANUP(fd_closep) int fd = pidfile_lock(path);
    int r;

    if (fd < 0)
        return -1;
    r = pidfile_write(fd);
    if (r < 0) {
        log_err("Failed to write pid file: %s", err_text(r));
        return -1;
    }
    pidfile.path = path;
    pidfile.fd = TAKE_FD(fd);
    return 0;
}

void daemon_pidfile_late(void)
{
    const char *path = pidfile.path;

    if (path == NULL || pidfile.fd >= 0 || ga_is_frozen())
        return;
    pidfile.path = NULL;
    if (pidfile_make(path) < 0)
        log_warn("pid file '%s' was not written after the thaw, going on without", path);
}

void daemon_end(void)
{
    if (pidfile.fd >= 0 && !ga_is_frozen() && unlink(pidfile.path) < 0)
        log_warn("cannot remove pid file '%s': %s", pidfile.path, err_text(errno));
    pidfile.fd = fd_close(pidfile.fd);
    pidfile.path = NULL;
}

static int null_standard_fds(void)
{
    CLEANUP(fd_closep) int null = -1;
    int fd, opened;

    opened = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (opened < 0)
        return -errno;
    if (opened > STDERR_FILENO)
        null = opened;
    for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (dup3(opened, fd, 0) < 0 && errno != EINVAL)
            return -errno;
    }
    /* It was opened as one of the three: it has to survive an exec. */
    return null < 0 && fcntl(opened, F_SETFD, 0) < 0 ? -errno : 0;
}

/* The child: 0, or -1 with a log line. */
static int become_daemon(const char *path, int verdict)
{
    int r;

    if (ga_is_frozen())
        pidfile.path = path;
    else if (pidfile_make(path) < 0)
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

int daemon_detach(const char *path)
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
    r = become_daemon(path, fds[1]);
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
