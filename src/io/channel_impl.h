/*
 * What the kinds of channels share; for the files of this folder and their tests.
 *
 * Openers    return a non-blocking, close-on-exec descriptor or -errno. socket_listen_*() log
 *            what failed; port openers do not, since channel_reopen() calls them over and over.
 */
#pragma once

#include "base/sysroot.h"
#include "io/channel.h"

struct channel {
    enum channel_method method;
    struct sysroot root; /* where /dev and /sys are */
    char *path;          /* NULL: a passed socket */
    mode_t socket_mode;  /* of a unix socket's file */
    int fd;              /* listening socket or port; -1 while a port waits to be opened again */
};

/* channel_open() below a root prefix: ports only; a socket's path is taken as it is. */
int channel_open_at(const struct sysroot *root, enum channel_method method, const char *path,
                    mode_t socket_mode, struct channel **ret_channel);

int virtio_port_open(const struct sysroot *root, const char *path);
int serial_port_open(const struct sysroot *root, const char *path);

/* open(2) for a port of either kind; -ENODEV for a regular file, which no event can watch. */
int port_open_device(const struct sysroot *root, const char *path);

int socket_listen_unix(const char *path, mode_t mode);
int socket_listen_vsock(const char *address);

/* The method of a listening stream socket, made non-blocking and close-on-exec; -EINVAL if the
 * descriptor is anything else. */
int socket_adopt(int fd, enum channel_method *ret_method);

/* The next client, or -errno; errors of that one client only are passed over. */
int socket_accept(int fd);
