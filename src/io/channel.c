#include "io/channel.h"

#include "base/error.h"
#include "base/fdio.h"
#include "base/log.h"
#include "io/channel_impl.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_PASSED_FD 3 /* SD_LISTEN_FDS_START */

static const struct {
    const char *name;
    const char *default_path;
} methods[] = {
    [CHANNEL_VIRTIO_SERIAL] = { "virtio-serial", "/dev/virtio-ports/org.qemu.guest_agent.0" },
    [CHANNEL_ISA_SERIAL] = { "isa-serial", "/dev/ttyS0" },
    [CHANNEL_UNIX_LISTEN] = { "unix-listen", NULL },
    [CHANNEL_VSOCK_LISTEN] = { "vsock-listen", NULL },
};

int channel_method_parse(const char *name, enum channel_method *ret_method)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (strcmp(name, methods[i].name) == 0) {
            *ret_method = (enum channel_method)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *channel_method_name(enum channel_method method)
{
    return methods[method].name;
}

enum channel_method channel_method_of(const struct channel *channel)
{
    return channel->method;
}

const char *channel_default_path(enum channel_method method)
{
    return methods[method].default_path;
}

/* --- opening -------------------------------------------------------------------------- */

static struct channel *channel_new(const struct sysroot *root, enum channel_method method,
                                   const char *path)
{
    struct channel *channel = calloc(1, sizeof(*channel));

    if (!channel)
        return NULL;
    channel->method = method;
    channel->root = *root;
    channel->fd = -1;
    channel->path = path ? strdup(path) : NULL;
    if (path && !channel->path) {
        channel_close(channel);
        return NULL;
    }
    return channel;
}

static int open_endpoint(const struct channel *channel)
{
    switch (channel->method) {
    case CHANNEL_VIRTIO_SERIAL:
        return virtio_port_open(&channel->root, channel->path);
    case CHANNEL_ISA_SERIAL:
        return serial_port_open(&channel->root, channel->path);
    case CHANNEL_UNIX_LISTEN:
        return socket_listen_unix(channel->path, channel->socket_mode);
    case CHANNEL_VSOCK_LISTEN:
        return socket_listen_vsock(channel->path);
    }
    return -EINVAL;
}

int channel_open_at(const struct sysroot *root, enum channel_method method, const char *path,
                    mode_t socket_mode, struct channel **ret_channel)
{
    struct channel *channel;

    if (!path)
        path = channel_default_path(method);
    if (!path) {
        log_err("must specify a path for this channel");
        return -EINVAL;
    }
    channel = channel_new(root, method, path);
    if (!channel)
        return -ENOMEM;
    channel->socket_mode = socket_mode;
    channel->fd = open_endpoint(channel);
    if (channel->fd < 0) {
        int r = channel->fd;

        if (!channel_is_listener(channel))
            log_err("error opening channel '%s': %s", path, err_text(r));
        channel_close(channel);
        return r;
    }
    *ret_channel = channel;
    return 0;
}

int channel_open(enum channel_method method, const char *path, mode_t socket_mode,
                 struct channel **ret_channel)
{
    const struct sysroot real = { "" };

    return channel_open_at(&real, method, path, socket_mode, ret_channel);
}

/* The number in environment variable `name`; -1 if there is none. */
static long env_number(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long value;

    if (!text || *text < '0' || *text > '9')
        return -1;
    errno = 0;
    value = strtol(text, &end, 10);
    return *end || errno ? -1 : value;
}

/* How many descriptors the service manager passed to this process; 0: none. */
static long passed_count(void)
{
    long pid = env_number("LISTEN_PID"), count = env_number("LISTEN_FDS");

    /* NOLINTBEGIN(concurrency-mt-unsafe): no thread runs yet */
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    /* NOLINTEND(concurrency-mt-unsafe) */
    return pid == getpid() && count > 0 ? count : 0;
}

int channel_open_passed(struct channel **ret_channel)
{
    const struct sysroot real = { "" };
    long count = passed_count();
    enum channel_method method;
    struct channel *channel;
    int r;

    if (count == 0)
        return 0;
    if (count > 1) {
        log_err("qemu-ga only supports listening on one socket");
        return -EINVAL;
    }
    r = socket_adopt(FIRST_PASSED_FD, &method);
    if (r < 0) {
        log_err("the passed descriptor is no listening unix or vsock stream socket");
        return r;
    }
    channel = channel_new(&real, method, NULL);
    if (!channel)
        return -ENOMEM;
    channel->fd = FIRST_PASSED_FD;
    *ret_channel = channel;
    return 1;
}

void channel_close(struct channel *channel)
{
    if (!channel)
        return;
    fd_close(channel->fd);
    free(channel->path);
    free(channel);
}

bool channel_is_listener(const struct channel *channel)
{
    return channel->method == CHANNEL_UNIX_LISTEN || channel->method == CHANNEL_VSOCK_LISTEN;
}

int channel_listen_fd(const struct channel *channel)
{
    return channel_is_listener(channel) ? channel->fd : -1;
}

int channel_accept(struct channel *channel)
{
    return socket_accept(channel->fd);
}

int channel_port_fd(const struct channel *channel)
{
    return channel_is_listener(channel) ? -1 : channel->fd;
}

int channel_reopen(struct channel *channel)
{
    assert(!channel_is_listener(channel));
    /* A virtio port can be open once only: the old descriptor goes first. */
    channel->fd = fd_close(channel->fd);
    channel->fd = open_endpoint(channel);
    if (channel->fd < 0) {
        int r = channel->fd;

        channel->fd = -1;
        return r;
    }
    return 0;
}

/* --- endpoints ------------------------------------------------------------------------ */

uint32_t endpoint_events(const struct channel *channel)
{
    return channel_is_listener(channel) ? EPOLLIN | EPOLLRDHUP
                                        : EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLET;
}

/* What an errno of read or write says about the host. A tty whose other side has gone gives
 * EIO; a virtio port that was unplugged gives ENODEV and is of no more use. */
static enum endpoint_status status_of_errno(const struct channel *channel, int error)
{
    if (error == EAGAIN)
        return ENDPOINT_AGAIN;
    if (!channel_is_listener(channel))
        return error == EIO ? ENDPOINT_HANGUP : ENDPOINT_FAILED;
    switch (error) {
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case ETIMEDOUT:
        return ENDPOINT_HANGUP;
    default:
        return ENDPOINT_FAILED;
    }
}

/* As read(2), which does not tell. The kernel closes descriptors for which there is no room. */
static ssize_t receive(int fd, void *data, size_t len, bool *ret_cut)
{
    struct iovec iov = { .iov_base = data, .iov_len = len };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t n = recvmsg(fd, &message, 0);

    *ret_cut = n >= 0 && (message.msg_flags & MSG_CTRUNC);
    return n;
}

enum endpoint_status endpoint_read(const struct channel *channel, int fd, void *data, size_t len,
                                   size_t *ret_len, bool *ret_cut)
{
    ssize_t n;

    assert(len > 0);
    *ret_cut = false;
    do
        n = channel_is_listener(channel) ? receive(fd, data, len, ret_cut) : read(fd, data, len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return status_of_errno(channel, errno);
    if (n == 0)
        return ENDPOINT_HANGUP;
    *ret_len = (size_t)n;
    return ENDPOINT_OK;
}

/* MSG_NOSIGNAL says for sockets what a port needs not be told: no SIGPIPE. */
static ssize_t send_iov(const struct channel *channel, int fd, const struct iovec *iov, int count)
{
    struct msghdr message = { .msg_iovlen = (size_t)count };

    if (!channel_is_listener(channel))
        return writev(fd, iov, count);
    memcpy(&message.msg_iov, &iov, sizeof(iov)); /* its type is from before const */
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

enum endpoint_status endpoint_write(const struct channel *channel, int fd, const struct iovec *iov,
                                    int iov_count, size_t *ret_len)
{
    ssize_t n;

    do
        n = send_iov(channel, fd, iov, MIN_OF(iov_count, IOV_MAX));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return status_of_errno(channel, errno);
    if (n == 0)
        return ENDPOINT_AGAIN;
    *ret_len = (size_t)n;
    return ENDPOINT_OK;
}

size_t endpoint_set_room(const struct channel *channel, int fd, size_t bytes)
{
    int before, wanted = (int)bytes;
    socklen_t size = sizeof(before);

    if (!channel_is_listener(channel) ||
        getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &before, &size) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted)) < 0)
        return 0;
    return (size_t)before / 2; /* the kernel doubles it when it is set */
}
