/*
 * Datagrams to a service that takes log lines, so that a service that is absent or stuck costs the
 * agent nothing.
 *
 * Threads    one at a time: the writer of the log's queue for audit lines.
 * Waiting    only if `may_wait`: then as long as the service stands still.
 * Loss       what cannot be sent is dropped and counted; the caller says how many with the next one.
 */
#pragma once

#include "base/defs.h"

#include <sys/socket.h>
#include <sys/un.h>

struct log_socket {
    int fd; /* -1: not connected */
    int64_t retry_at_ns;
    unsigned long dropped; /* since the last datagram that went */
    struct sockaddr_un address;
};

/* NOLINTBEGIN(bugprone-macro-parentheses): a string in parentheses initialises no array */
#define LOG_SOCKET_INIT(path)                                                                      \
    {                                                                                              \
        .fd = -1, .address = {.sun_family = AF_UNIX, .sun_path = path }                            \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

/* False, and not tried again for a second, when nobody listens. */
bool log_socket_reach(struct log_socket *socket);

/* Sends, once more if the service was restarted. `dropped` counts it or becomes 0. */
void log_socket_send(struct log_socket *socket, const char *data, size_t len, bool may_wait);

void log_socket_close(struct log_socket *socket);
