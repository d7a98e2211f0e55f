/*
 * Syslog without waiting: datagrams to /dev/log.
 *
 * The C library's syslog(3) blocks while the service behind the socket is stuck (a journal on a
 * dead disk), and tries to connect anew for every line when there is none. An agent must do
 * neither.
 *
 * Threads    one at a time: the writer of the log's queue for audit lines.
 * Waiting    only if `may_wait`: then as long as the service stands still.
 * Loss       a line that cannot be sent is dropped and counted, also when nobody listens; the next
 *            one that goes says how many.
 */
#pragma once

#include "base/log_socket.h"

#include <time.h>

struct syslog_socket {
    struct log_socket to;
    time_t stamped; /* the second of `stamp` */
    char stamp[32];
};

#define SYSLOG_SOCKET_INIT                                                                         \
    {                                                                                              \
        .to = LOG_SOCKET_INIT("/dev/log")                                                          \
    }

/* `priority` is facility | severity (syslog.h). */
void syslog_socket_send(struct syslog_socket *socket, int priority, const char *text, size_t len,
                        bool may_wait);
/* `lost` lines never got here: says so, if there are any. */
void syslog_socket_lost(struct syslog_socket *socket, unsigned long lost, bool may_wait);
