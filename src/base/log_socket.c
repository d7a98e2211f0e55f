#include "base/log_socket.h"

#include "base/fdio.h"
#include "base/now.h"

#include <errno.h>
#include <poll.h>

#define RETRY_NS NSEC_PER_SEC

bool log_socket_reach(struct log_socket *to)
{
    if (to->fd >= 0)
        return true;
    if (now_ns() < to->retry_at_ns)
        return false;
    to->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (to->fd >= 0 &&
        connect(to->fd, (const struct sockaddr *)&to->address, sizeof(to->address)) == 0)
        return true;
    to->fd = fd_close(to->fd);
    to->retry_at_ns = now_ns() + RETRY_NS;
    return false;
}

/* Waits until the service has taken something, or has gone. */
static bool wait_for_room(const struct log_socket *to)
{
    struct pollfd fd = { .fd = to->fd, .events = POLLOUT };
    int r;

    do
        r = poll(&fd, 1, -1);
    while (r < 0 && errno == EINTR);
    return r > 0;
}

/* 0 or -errno; -ENOTCONN: nobody listens. */
static int send_once(struct log_socket *to, const char *data, size_t len, bool may_wait)
{
    while (log_socket_reach(to)) {
        if (send(to->fd, data, len, MSG_NOSIGNAL) >= 0)
            return 0;
        if (errno != EAGAIN || !may_wait || !wait_for_room(to))
            return -errno;
    }
    return -ENOTCONN;
}

static bool is_stuck(int r)
{
    return r == -EAGAIN || r == -ENOBUFS || r == -ENOMEM;
}

void log_socket_send(struct log_socket *to, const char *data, size_t len, bool may_wait)
{
    int r = send_once(to, data, len, may_wait);

    if (r < 0 && r != -ENOTCONN && !is_stuck(r)) { /* it was restarted: once more */
        log_socket_close(to);
        r = send_once(to, data, len, may_wait);
    }
    to->dropped = r < 0 ? to->dropped + 1 : 0;
}

void log_socket_close(struct log_socket *to)
{
    to->fd = fd_close(to->fd);
}
