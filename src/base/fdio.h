/*
 * Descriptors: whole reads and writes, cleanup.
 *
 * Threads    any. Errors are -errno; EINTR is retried.
 */
#pragma once

#include "base/buf.h"
#include "base/defs.h"

#include <sys/types.h>

/* Closes if >= 0 and returns -1, so that `fd = fd_close(fd)`. errno is kept. */
int fd_close(int fd);

/* For CLEANUP(): closes the descriptor the variable holds. */
void fd_closep(int *fd);

#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int taken_fd_ = fd;                                                                        \
        (fd) = -1;                                                                                 \
        taken_fd_;                                                                                 \
    })

/* 0, or -errno; a short write goes on. */
int fd_write_all(int fd, const void *data, size_t len);

/* Appends what is left to read, at most `max` bytes: 0, or -errno (-EFBIG: there was more). */
int fd_read_all(int fd, size_t max, struct buf *ret_buf);

int fd_set_nonblock(int fd, bool on);
