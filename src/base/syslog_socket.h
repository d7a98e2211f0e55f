/*
 * Syslog without waiting: datagrams to /dev/log.
 *
 * The C library's syslog(3) blocks while the service behind the socket is stuck (a journal on a
 * dead disk), and tries to connect anew for every line when there is none. An agent must do
 * neither.
 *
 * Threads    one at a time: the writer of the log's queue for syslog.
 * Waiting    only if `may_wait`: then as long as the service stands still.
 * Loss       a line that cannot be sent is dropped and counted, also when nobody listens; the next
 *            one that goes says how many.
 */
#pragma once

#include "base/defs.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

struct syslog_socket {
    int fd; /* -1: not connected */
    int64_t retry_at_ns;
    unsigned long dropped;
    time_t stamped; /* the second of `stamp` */
    char stamp[32];
    struct sockaddr_un address;
};

#define SYSLOG_SOCKET_INIT                                                                         \
    {                                                                                              \
        .fd = -1, .address = {.sun_family = AF_UNIX, .sun_path = "/dev/log" }                      \
    }

/* False, and not tried again for a second, when nobody listens. */
bool syslog_socket_reach(struct syslog_socket *socket);

/* `priority` is facility | severity (syslog.h). */
void syslog_socket_send(struct syslog_socket *socket, int priority, const char *text, size_t len,
                        bool may_wait);
/* `lost` lines never got here: says so, if there are any. */
void syslog_socket_lost(struct syslog_socket *socket, unsigned long lost, bool may_wait);
void syslog_socket_close(struct syslog_socket *socket);
