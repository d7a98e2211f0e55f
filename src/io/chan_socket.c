/*
 * io/chan_socket.c - listening sockets: unix, vsock, and one passed by the service manager.
 */
#include "base/error.h"
#include "base/fdio.h"
#include "base/log.h"
#include "io/channel_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h> /* needs <sys/socket.h> before it */

#define SOCKET_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

/* A unix socket's file gets the mode that the socket has when it is bound, less the umask. */
static int listen_at(int domain, mode_t mode, const struct sockaddr *address, socklen_t len)
{
    CLEANUP(fd_closep) int fd = socket(domain, SOCK_STREAM | SOCKET_FLAGS, 0);

    if (fd < 0 || fchmod(fd, mode) < 0 || bind(fd, address, len) < 0 || listen(fd, SOMAXCONN) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* A socket file that an earlier agent left goes; anything else there is not ours to remove. */
static int remove_old_socket(const char *path)
{
    struct stat stat;

    if (lstat(path, &stat) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(stat.st_mode))
        return -EADDRINUSE;
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* What the umask took away. Nothing but a socket is touched, wherever the path leads by now. */
static void widen_mode(const char *path, mode_t mode)
{
    CLEANUP(fd_closep) int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char by_fd[32];
    struct stat stat;

    if (fd < 0 || fstat(fd, &stat) < 0 || !S_ISSOCK(stat.st_mode))
        return;
    snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", fd);
    if (chmod(by_fd, mode) < 0)
        log_warn("cannot open socket '%s' to its peers: %s", path, err_text(errno));
}

static int listen_unix(const char *path, mode_t mode)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int r;

    if (*path == '\0')
        return -EINVAL;
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    r = remove_old_socket(path);
    if (r == 0)
        r = listen_at(AF_UNIX, mode, (const struct sockaddr *)&address, sizeof(address));
    if (r >= 0 && mode != CHANNEL_SOCKET_MODE)
        widen_mode(path, mode);
    return r;
}

int socket_listen_unix(const char *path, mode_t mode)
{
    int fd = listen_unix(path, mode);

    if (fd < 0)
        log_err("Failed to bind socket to %s: %s", path, err_text(fd));
    return fd;
}

/* A decimal uint32 that ends at `stop`; the byte behind it is ret_end. */
static int parse_u32(const char *text, char stop, unsigned int *ret_value, const char **ret_end)
{
    unsigned long long value;
    char *end;

    if (*text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (*end != stop || errno != 0 || value > UINT32_MAX)
        return -EINVAL;
    *ret_value = (unsigned int)value;
    *ret_end = end;
    return 0;
}

/* "CID:PORT"; CID -1 is any, which is 4294967295 as well (vsock(7)). */
static int parse_vsock(const char *text, struct sockaddr_vm *ret_address)
{
    struct sockaddr_vm address = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };
    const char *end = text + 2;

    if (strncmp(text, "-1:", 3) != 0 && parse_u32(text, ':', &address.svm_cid, &end) < 0)
        return -EINVAL;
    if (parse_u32(end + 1, '\0', &address.svm_port, &end) < 0)
        return -EINVAL;
    *ret_address = address;
    return 0;
}

int socket_listen_vsock(const char *address)
{
    struct sockaddr_vm parsed;
    int fd;

    if (parse_vsock(address, &parsed) < 0) {
        log_err("error parsing address '%s': CID:PORT expected", address);
        return -EINVAL;
    }
    fd = listen_at(AF_VSOCK, CHANNEL_SOCKET_MODE, (const struct sockaddr *)&parsed, sizeof(parsed));
    if (fd < 0)
        log_err("Failed to bind socket to %s: %s", address, err_text(fd));
    return fd;
}

static int socket_option(int fd, int option)
{
    socklen_t len = sizeof(int);
    int value;

    return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

int socket_adopt(int fd, enum channel_method *ret_method)
{
    int domain = socket_option(fd, SO_DOMAIN);

    if (domain != AF_UNIX && domain != AF_VSOCK)
        return -EINVAL;
    if (socket_option(fd, SO_TYPE) != SOCK_STREAM || socket_option(fd, SO_ACCEPTCONN) != 1)
        return -EINVAL;
    if (fd_set_nonblock(fd, true) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -EINVAL;
    *ret_method = domain == AF_UNIX ? CHANNEL_UNIX_LISTEN : CHANNEL_VSOCK_LISTEN;
    return 0;
}

int socket_accept(int fd)
{
    int client;

    do
        client = accept4(fd, NULL, NULL, SOCKET_FLAGS);
    while (client < 0 && (errno == EINTR || errno == ECONNABORTED || errno == EPROTO));
    return client < 0 ? -errno : client;
}
