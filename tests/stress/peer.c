/*
 * peer.c - a connection whose failures are texts.
 */
#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REPLY_MAX (64 * KIB)

bool peer_failed(struct peer *peer, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (peer->failure[0] == '\0')
        vsnprintf(peer->failure, sizeof(peer->failure), format, args);
    va_end(args);
    return false;
}

bool peer_connect(struct peer *peer, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int64_t deadline = monotonic_ms() + PATIENCE_MS;

    peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    peer->start = peer->len = 0;
    memcpy(address.sun_path, path, strlen(path) + 1);
    while (connect(peer->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno != EAGAIN || monotonic_ms() >= deadline) /* EAGAIN: the backlog is full */
            return peer_failed(peer, "connect: errno %d", errno);
        nap_ms(2);
    }
    return true;
}

void peer_close(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
    free(peer->data);
    peer->data = NULL;
    peer->start = peer->len = peer->cap = 0;
}

static bool read_some(struct peer *peer, int timeout_ms)
{
    struct pollfd pollfd = { .fd = peer->fd, .events = POLLIN };
    ssize_t n;

    if (poll(&pollfd, 1, timeout_ms) != 1)
        return peer_failed(peer, "nothing comes for %d ms", timeout_ms);
    if (peer->cap - peer->len < REPLY_MAX && peer->start > 0) {
        memmove(peer->data, peer->data + peer->start, peer->len - peer->start);
        peer->len -= peer->start;
        peer->start = 0;
    }
    if (peer->cap - peer->len < REPLY_MAX) {
        peer->cap = peer->cap * 2 + 4 * REPLY_MAX;
        peer->data = realloc(peer->data, peer->cap);
    }
    n = read(peer->fd, peer->data + peer->len, peer->cap - peer->len);
    if (n <= 0 && !(n < 0 && errno == EAGAIN))
        return peer_failed(peer, "the agent closed the connection (%d)", n < 0 ? errno : 0);
    peer->len += n > 0 ? (size_t)n : 0;
    return true;
}

char *peer_line(struct peer *peer)
{
    char *newline, *line;

    for (;;) {
        line = peer->data + peer->start;
        newline = peer->len > peer->start ? memchr(line, '\n', peer->len - peer->start) : NULL;
        if (newline)
            break;
        if (!read_some(peer, PATIENCE_MS))
            return NULL;
    }
    *newline = '\0';
    peer->start = (size_t)(newline + 1 - peer->data);
    return line;
}

bool peer_send(struct peer *peer, const char *data, size_t len)
{
    while (len > 0) {
        struct pollfd pollfd = { .fd = peer->fd, .events = POLLIN | POLLOUT };
        ssize_t n = send(peer->fd, data, len, MSG_NOSIGNAL);

        if (n > 0) {
            data += n;
            len -= (size_t)n;
            continue;
        }
        if (errno != EAGAIN || poll(&pollfd, 1, PATIENCE_MS) != 1)
            return peer_failed(peer, "cannot send: errno %d", errno);
        if ((pollfd.revents & POLLIN) && !read_some(peer, 0))
            return false;
    }
    return true;
}
