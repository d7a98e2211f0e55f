/*
 * base/syslog_socket.c - RFC 3164 as syslog(3) writes it: "<PRI>Mmm dd hh:mm:ss name[pid]: text".
 */
#include "base/syslog_socket.h"

#include "base/fdio.h"
#include "base/local_time.h"
#include "base/now.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RETRY_NS       NSEC_PER_SEC
#define LINE_MAX_BYTES 3072

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

static bool send_line(struct syslog_socket *syslog, const char *line, size_t len)
{
    return syslog_socket_reach(syslog) && send(syslog->fd, line, len, MSG_NOSIGNAL) == (ssize_t)len;
}

void syslog_socket_send(struct syslog_socket *syslog, int priority, const char *text, size_t len)
{
    char line[LINE_MAX_BYTES];

    if (!syslog_socket_reach(syslog))
        return;
    make_stamp(syslog);
    len = format(syslog, line, priority, text, len);
    if (!send_line(syslog, line, len)) {
        if (errno == EAGAIN || errno == ENOBUFS) { /* it is stuck */
            syslog->dropped++;
            return;
        }
        syslog_socket_close(syslog); /* it was restarted: once more */
        if (!send_line(syslog, line, len))
            return;
    }
    syslog->dropped = 0;
}

void syslog_socket_close(struct syslog_socket *syslog)
{
    syslog->fd = fd_close(syslog->fd);
}
