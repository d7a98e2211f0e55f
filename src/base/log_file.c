/*
 * base/log_file.c - whole batches to a descriptor.
 */
#include "base/log_file.h"

#include "base/error.h"
#include "base/fdio.h"
#include "base/log_format.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

/* Belongs to whoever is in log_file_write(), handed on by the queue's lock. */
static struct {
    int fd;
    char *path; /* NULL: stderr */
    bool cut;   /* the last write ended in the middle of a line */
} file = { .fd = STDERR_FILENO };

static int open_file(const char *path)
{
    int flags = O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, O_WRONLY | flags, 0640);

    if (fd < 0 && errno == ENXIO) /* a FIFO without reader: the agent is one itself */
        fd = open(path, O_RDWR | flags, 0640);
    return fd < 0 ? -errno : fd;
}

static void use(int fd)
{
    if (file.fd != STDERR_FILENO)
        fd_close(file.fd);
    file.fd = fd;
    file.cut = false;
}

int log_file_open(const char *path, bool now)
{
    int fd;

    log_file_close();
    if (!path)
        return 0;
    file.path = strdup(path);
    if (!file.path)
        return -ENOMEM;
    if (!now)
        return 0;
    fd = open_file(path);
    if (fd < 0)
        return fd;
    use(fd);
    return 0;
}

void log_file_close(void)
{
    use(STDERR_FILENO);
    free(file.path);
    file.path = NULL;
}

/* True when bytes can be written; waits for that only if it `may_wait`. */
static bool is_ready(bool may_wait)
{
    struct pollfd fd = { .fd = file.fd, .events = POLLOUT };
    int r;

    do
        r = poll(&fd, 1, may_wait ? -1 : 0);
    while (r < 0 && errno == EINTR);
    return r > 0;
}

/* Bytes that were written. In parts that a pipe that is ready takes whole, unless waiting is fine:
 * stderr is shared with others, so that it cannot be made non-blocking. */
static size_t write_bytes(const char *data, size_t len, bool may_wait)
{
    size_t done = 0;

    while (done < len) {
        size_t part = may_wait ? len - done : MIN_OF(len - done, (size_t)PIPE_BUF);
        ssize_t n;

        if (!may_wait && !is_ready(false))
            break;
        n = write(file.fd, data + done, part);
        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno == EAGAIN && may_wait && is_ready(true))
            continue;
        else if (n == 0 || errno != EINTR)
            break;
    }
    return done;
}

static unsigned long count_lines(const char *data, size_t len)
{
    unsigned long lines = 0;
    size_t i;

    for (i = 0; i < len; i++)
        lines += data[i] == '\n';
    return lines;
}

/* How many lines did not get out whole. */
static unsigned long write_lines(const struct buf *lines, bool may_wait)
{
    size_t done;

    if (lines->len == 0)
        return 0;
    if (file.cut && write_bytes("\n", 1, may_wait) == 1)
        file.cut = false;
    done = file.cut ? 0 : write_bytes(lines->data, lines->len, may_wait);
    file.cut = file.cut || (done > 0 && lines->data[done - 1] != '\n');
    return count_lines(lines->data + done, lines->len - done);
}

/* True if all of it got out. */
static bool write_text(const char *text, bool may_wait)
{
    CLEANUP(buf_done) struct buf line = { 0 };

    log_format(&line, LOG_LEVEL_WARNING, text);
    return buf_ok(&line) && write_lines(&line, may_wait) == 0;
}

static void reopen(bool may_wait)
{
    int fd = file.path ? open_file(file.path) : -ENOENT;

    if (fd >= 0) {
        use(fd);
    } else if (file.path) {
        char text[PATH_MAX + 128];

        snprintf(text, sizeof(text), "log: cannot open '%s': %s, the old file stays in use",
                 file.path, err_text(fd));
        write_text(text, may_wait);
    }
}

unsigned long log_file_write(const struct log_batch *batch)
{
    unsigned long lost;
    char text[96];

    if (batch->reopen)
        reopen(batch->may_wait);
    lost = batch->dropped + write_lines(batch->lines, batch->may_wait);
    if (lost == 0)
        return 0;
    snprintf(text, sizeof(text), "log: %lu lines dropped, they could not be written in time", lost);
    return write_text(text, batch->may_wait) ? 0 : lost;
}
