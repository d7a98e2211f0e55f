/*
 * Channels: where the host is. Bytes and descriptors, no JSON.
 *
 * A channel is opened by method and path and yields endpoints: connections on which a host
 * talks. A listening channel (unix-listen, vsock-listen, a passed socket) yields one endpoint
 * per client, many at once; a port (virtio-serial, isa-serial) yields one, the port itself,
 * that survives hang-ups of the host.
 *
 * Threads    open, accept, reopen, close: the I/O thread (open: before threads run). read: the
 *            I/O thread. write: whoever holds the write token of the client. A descriptor is
 *            never closed while the other side may use it (the caller counts references).
 * Blocking   nothing here blocks: descriptors are non-blocking and close-on-exec.
 * Events     how an endpoint is watched is said by endpoint_events(): sockets level-triggered
 *            for input; ports edge-triggered for input, output and hang-up, since a hung-up
 *            virtio port reports its hang-up for ever (drivers/char/virtio_console.c) and the
 *            host's return shows only as a new edge.
 */
#pragma once

#include "base/defs.h"

#include <sys/types.h>
#include <sys/uio.h>

enum channel_method {
    CHANNEL_VIRTIO_SERIAL,
    CHANNEL_ISA_SERIAL,
    CHANNEL_UNIX_LISTEN,
    CHANNEL_VSOCK_LISTEN,
};

struct channel;

/* Of a unix socket's file: for root and the agent's user alone. */
#define CHANNEL_SOCKET_MODE ((mode_t)0600)

/* -EINVAL if the name is no method. */
int channel_method_parse(const char *name, enum channel_method *ret_method);
const char *channel_method_name(enum channel_method method);
enum channel_method channel_method_of(const struct channel *channel);
/* The path used when none is given; NULL if the method needs one. */
const char *channel_default_path(enum channel_method method);

/* Opens a port or starts to listen. On failure -errno and a log line in qemu-ga's words
 * ("error opening channel 'P': No such file or directory", "Failed to bind socket to P: ...").
 * virtio-serial: when the default link is missing the port is looked up by name in
 * /sys/class/virtio-ports. A unix socket replaces an existing socket file; its own has `socket_mode`
 * from the start. */
int channel_open(enum channel_method method, const char *path, mode_t socket_mode,
                 struct channel **ret_channel);

/* A listening socket passed by the service manager (LISTEN_PID, LISTEN_FDS; sd_listen_fds(3)).
 * 1 and a channel; 0: none was passed; -EINVAL: more than one, or no listening stream socket of
 * AF_UNIX or AF_VSOCK. The variables are removed from the environment. */
int channel_open_passed(struct channel **ret_channel);

/* Closes the listening descriptor or the port. Never removes a socket file. NULL is fine. */
void channel_close(struct channel *channel);

bool channel_is_listener(const struct channel *channel);
/* The listening descriptor, level-triggered for input; -1 for a port. */
int channel_listen_fd(const struct channel *channel);

/* Takes the next client: its descriptor, -EAGAIN, or -errno (-EMFILE, -ENFILE, -ENOMEM: the
 * caller pauses accepting for a while). */
int channel_accept(struct channel *channel);

/* A port's descriptor, owned by the channel; -1 for a listener. */
int channel_port_fd(const struct channel *channel);

/* Opens a port again after it failed: 0 or -errno. The descriptor changes. */
int channel_reopen(struct channel *channel);

/* The epoll events of an endpoint of this channel: EPOLLIN | EPOLLRDHUP for a socket,
 * EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLET for a port. */
uint32_t endpoint_events(const struct channel *channel);

enum endpoint_status {
    ENDPOINT_OK,     /* bytes were moved */
    ENDPOINT_AGAIN,  /* nothing now; an event will tell */
    ENDPOINT_HANGUP, /* the host has gone: end of file on a socket; a port may come back */
    ENDPOINT_FAILED, /* the descriptor is of no more use */
};

/* Reads up to len bytes. A port without host answers HANGUP (read gives 0 or EIO). *ret_cut: what a
 * client passed beside its bytes (descriptors) was dropped, which ends a read early: there may be more.
 */
enum endpoint_status endpoint_read(const struct channel *channel, int fd, void *data, size_t len,
                                   size_t *ret_len, bool *ret_cut);

/* Writes what fits, in one system call. EPIPE and ECONNRESET are HANGUP, never a signal. */
enum endpoint_status endpoint_write(const struct channel *channel, int fd, const struct iovec *iov,
                                    int iov_count, size_t *ret_len);

/* How much a socket takes before it says AGAIN (SO_SNDBUF, socket(7)): `bytes` from now on, or what
 * net.core.wmem_max allows. Returns what it was; 0: a port, or refused, and nothing has changed. */
size_t endpoint_set_room(const struct channel *channel, int fd, size_t bytes);
