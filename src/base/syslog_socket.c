/*
 * base/syslog_socket.c - RFC 3164 as syslog(3) writes it: "<PRI>Mmm dd hh:mm:ss name[pid]: text".
 */
#include "base/syslog_socket.h"

#include "base/fdio.h"
#include "base/local_time.h"
#include "base/now.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define RETRY_NS       NSEC_PER_SEC
#define LINE_MAX_BYTES 4096

bool syslog_socket_reach(struct syslog_socket *syslog)
{
    if (syslog->fd >= 0)
        return true;
    if (now_ns() < syslog->retry_at_ns)
        return false;
    syslog->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (syslog->fd >= 0 && connect(syslog->fd, (const struct sockaddr *)&syslog->address,
                                   sizeof(syslog->address)) == 0)
        return true;
    syslog->fd = fd_close(syslog->fd);
    syslog->retry_at_ns = now_ns() + RETRY_NS;
    return false;
}

/* Made once a second: finding out about the time zone costs more than the rest of a line. */
static void make_stamp(struct syslog_socket *syslog)
{
    time_t now = time(NULL);
    struct tm local;

    if (now == syslog->stamped)
        return;
    syslog->stamped = now;
    if (local_time(now, &local, NULL) == 0)
        strftime(syslog->stamp, sizeof(syslog->stamp), "%h %e %T", &local);
}

static size_t format(const struct syslog_socket *syslog, char line[LINE_MAX_BYTES], int priority,
                     const char *text, size_t len)
{
    char lost[64] = "";
    int n;

    if (syslog->dropped > 0)
        snprintf(lost, sizeof(lost), " (%lu lines before this one were lost)", syslog->dropped);
    n = snprintf(line, LINE_MAX_BYTES, "<%d>%s qemu-ga[%d]: %.*s%s", priority, syslog->stamp,
                 (int)getpid(), (int)len, text, lost);
    return MIN_OF((size_t)n, LINE_MAX_BYTES - 1);
}

/* Waits until the service has taken something, or has gone. */
static bool wait_for_room(const struct syslog_socket *syslog)
{
    struct pollfd fd = { .fd = syslog->fd, .events = POLLOUT };
    int r;

    do
        r = poll(&fd, 1, -1);
    while (r < 0 && errno == EINTR);
    return r > 0;
}

/* 0 or -errno; -ENOTCONN: nobody listens. */
static int send_line(struct syslog_socket *syslog, const char *line, size_t len, bool may_wait)
{
    while (syslog_socket_reach(syslog)) {
        if (send(syslog->fd, line, len, MSG_NOSIGNAL) >= 0)
            return 0;
        if (errno != EAGAIN || !may_wait || !wait_for_room(syslog))
            return -errno;
    }
    return -ENOTCONN;
}

static bool is_stuck(int r)
{
    return r == -EAGAIN || r == -ENOBUFS || r == -ENOMEM;
}

void syslog_socket_send(struct syslog_socket *syslog, int priority, const char *text, size_t len,
                        bool may_wait)
{
    char line[LINE_MAX_BYTES];
    int r;

    make_stamp(syslog);
    len = format(syslog, line, priority, text, len);
    r = send_line(syslog, line, len, may_wait);
    if (r < 0 && r != -ENOTCONN && !is_stuck(r)) { /* it was restarted: once more */
        syslog_socket_close(syslog);
        r = send_line(syslog, line, len, may_wait);
    }
    if (r < 0)
        syslog->dropped++;
    else
        syslog->dropped = 0;
}

void syslog_socket_lost(struct syslog_socket *syslog, unsigned long lost, bool may_wait)
{
    static const char text[] = "warning: lines of the agent are missing";

    syslog->dropped += lost;
    if (lost == 0)
        return;
    syslog_socket_send(syslog, LOG_DAEMON | LOG_WARNING, text, sizeof(text) - 1, may_wait);
    if (syslog->dropped > 0)
        syslog->dropped--; /* this line is not one of those that somebody made */
}

void syslog_socket_close(struct syslog_socket *syslog)
{
    syslog->fd = fd_close(syslog->fd);
}
