#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define READ_CHUNK_BYTES ((size_t)4096)

int fd_close(int fd)
{
    int saved = errno;

    /* EINTR is no reason to try again: Linux has freed the number by then (close(2)). */
    if (fd >= 0)
        close(fd);
    errno = saved;
    return -1;
}

void fd_closep(int *fd)
{
    *fd = fd_close(*fd);
}

int fd_write_all(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int fd_read_all(int fd, size_t max, struct buf *ret_buf)
{
    size_t total = 0;

    for (;;) {
        /* One byte past the limit tells a file of exactly `max` bytes from a longer one. */
        size_t want = MIN_OF(max - total, MAX_OF(ret_buf->len, READ_CHUNK_BYTES)) + 1;
        char *room = buf_reserve(ret_buf, want);
        ssize_t n;

        if (!room)
            return -ENOMEM;
        n = read(fd, room, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        if ((size_t)n > max - total) {
            ret_buf->len += max - total;
            return -EFBIG;
        }
        ret_buf->len += (size_t)n;
        total += (size_t)n;
    }
}

int fd_set_nonblock(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -errno;
    flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}
