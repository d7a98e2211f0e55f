/*
 * base/syslog_socket.c - RFC 3164 as syslog(3) writes it: "<PRI>Mmm dd hh:mm:ss name[pid]: text".
 */
#include "base/syslog_socket.h"

#include "base/local_time.h"
#include "base/uninitialized.h"

#include <syslog.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

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

    if (syslog->to.dropped > 0)
        snprintf(lost, sizeof(lost), " (%lu lines before this one were lost)", syslog->to.dropped);
    n = snprintf(line, LINE_MAX_BYTES, "<%d>%s qemu-ga[%d]: %.*s%s", priority, syslog->stamp,
                 (int)getpid(), (int)len, text, lost);
    return MIN_OF((size_t)n, LINE_MAX_BYTES - 1);
}

void syslog_socket_send(struct syslog_socket *syslog, int priority, const char *text, size_t len,
                        bool may_wait)
{
    UNINITIALIZED char line[LINE_MAX_BYTES];

    make_stamp(syslog);
    len = format(syslog, line, priority, text, len);
    log_socket_send(&syslog->to, line, len, may_wait);
}

void syslog_socket_lost(struct syslog_socket *syslog, unsigned long lost, bool may_wait)
{
    static const char text[] = "warning: lines of the agent are missing";

    syslog->to.dropped += lost;
    if (lost == 0)
        return;
    syslog_socket_send(syslog, LOG_DAEMON | LOG_WARNING, text, sizeof(text) - 1, may_wait);
    if (syslog->to.dropped > 0)
        syslog->to.dropped--; /* this line is not one of those that somebody made */
}
