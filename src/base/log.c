/*
 * base/log.c - log lines to a descriptor, and audit lines to syslog.
 *
 *   field     written by            read by      order, and what it buys
 *   verbose   log_init(), main      any thread   relaxed: guards no other data
 *   the rest  under `lock`
 *
 * The lock is held across the write. So when log_hold() returns no thread writes any more, and
 * none can be caught by the freeze in the middle of a line.
 */
#include "base/log.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/syslog_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define HELD_MAX_BYTES (64 * KIB)
#define TEXT_MAX_BYTES 2048

/* Where a line goes; a held line keeps it in its first byte. */
enum {
    TO_LOG = 1 << 0,
    TO_SYSLOG = 1 << 1,
};

static struct {
    _Atomic bool verbose;
    pthread_mutex_t lock;
    int fd;
    char *path; /* NULL: stderr */
    bool held;
    bool reopen_wanted; /* at release */
    struct buf waiting; /* held lines: target byte, line, newline */
    unsigned long dropped;
    struct syslog_socket syslog;
} logger = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO, .syslog = SYSLOG_SOCKET_INIT };

static const char *const level_names[] = {
    [LOG_LEVEL_CRITICAL] = "critical",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Control characters are written as \xNN: a name that a host or a guest user chose shall not
 * make lines of its own. */
static void append_escaped(struct buf *line, const char *text)
{
    while (*text) {
        const char *start = text;

        while (*text && !is_control(*text))
            text++;
        buf_append(line, start, (size_t)(text - start));
        if (*text)
            buf_printf(line, "\\x%02x", (unsigned char)*text++);
    }
}

/* "SECONDS.MICROS: level: text" and a newline. */
static void format_line(struct buf *ret_line, enum log_level level, const char *text)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    buf_printf(ret_line, "%lld.%06ld: %s: ", (long long)now.tv_sec, now.tv_nsec / 1000,
               level_names[level]);
    append_escaped(ret_line, text);
    buf_putc(ret_line, '\n');
}

/* `line` ends with its newline. A log that cannot be written has nowhere to say so. */
static void write_line_locked(int targets, const char *line, size_t len)
{
    if (targets & TO_LOG)
        fd_write_all(logger.fd, line, len);
    if (targets & TO_SYSLOG) {
        const char *text = memchr(line, ' ', len); /* syslog has its own time */

        if (text)
            syslog_socket_send(&logger.syslog, LOG_DAEMON | LOG_INFO, text + 1,
                               len - 1 - (size_t)(text + 1 - line));
    }
}

static void put_line_locked(int targets, const struct buf *line)
{
    if (!logger.held) {
        write_line_locked(targets, line->data, line->len);
        return;
    }
    /* Once one was dropped the rest are too, so that what is kept has no holes. */
    if (logger.dropped > 0 || logger.waiting.len + line->len + 1 > HELD_MAX_BYTES) {
        logger.dropped++;
        return;
    }
    buf_putc(&logger.waiting, (char)targets);
    buf_append(&logger.waiting, line->data, line->len);
}

static void put_text(enum log_level level, int targets, const char *text)
{
    CLEANUP(buf_done) struct buf line = { 0 };

    format_line(&line, level, text);
    if (!buf_ok(&line))
        return;
    PTOK(pthread_mutex_lock(&logger.lock));
    put_line_locked(targets, &line);
    PTOK(pthread_mutex_unlock(&logger.lock));
}

static int open_log_locked(void)
{
    int fd = open(logger.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);

    if (fd < 0)
        return -errno;
    if (logger.fd != STDERR_FILENO)
        fd_close(logger.fd);
    logger.fd = fd;
    return 0;
}

static void reopen_locked(void)
{
    CLEANUP(buf_done) struct buf line = { 0 };
    char text[TEXT_MAX_BYTES];
    int r = logger.path ? open_log_locked() : 0;

    if (r == 0)
        return;
    snprintf(text, sizeof(text), "log: cannot open '%s': %s, the old file stays in use",
             logger.path, err_text(r));
    format_line(&line, LOG_LEVEL_WARNING, text);
    if (buf_ok(&line))
        write_line_locked(TO_LOG, line.data, line.len);
}

static void close_locked(void)
{
    if (logger.fd != STDERR_FILENO)
        fd_close(logger.fd);
    logger.fd = STDERR_FILENO;
    free(logger.path);
    logger.path = NULL;
}

int log_init(const char *path, bool verbose)
{
    int r = 0;

    atomic_store_explicit(&logger.verbose, verbose, memory_order_relaxed);
    PTOK(pthread_mutex_lock(&logger.lock));
    close_locked();
    logger.path = path ? strdup(path) : NULL;
    if (path && !logger.path)
        r = -ENOMEM;
    else if (path && logger.held)
        logger.reopen_wanted = true;
    else if (path)
        r = open_log_locked();
    PTOK(pthread_mutex_unlock(&logger.lock));
    return r;
}

void log_reopen(void)
{
    PTOK(pthread_mutex_lock(&logger.lock));
    if (logger.held)
        logger.reopen_wanted = true;
    else
        reopen_locked();
    PTOK(pthread_mutex_unlock(&logger.lock));
}

void log_done(void)
{
    PTOK(pthread_mutex_lock(&logger.lock));
    close_locked();
    syslog_socket_close(&logger.syslog);
    PTOK(pthread_mutex_unlock(&logger.lock));
}

void log_hold(void)
{
    PTOK(pthread_mutex_lock(&logger.lock));
    assert(!logger.held);
    logger.held = true;
    PTOK(pthread_mutex_unlock(&logger.lock));
}

static void write_waiting_locked(void)
{
    const char *at = logger.waiting.data;
    const char *end = at + logger.waiting.len;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        if (!newline) /* the buffer could not grow in the middle of a line */
            break;
        write_line_locked(*at, at + 1, (size_t)(newline - at));
        at = newline + 1;
    }
    buf_done(&logger.waiting);
}

static void write_dropped_locked(void)
{
    CLEANUP(buf_done) struct buf line = { 0 };
    char text[128];

    if (logger.dropped == 0)
        return;
    snprintf(text, sizeof(text), "log: %lu lines dropped while filesystems were frozen",
             logger.dropped);
    logger.dropped = 0;
    format_line(&line, LOG_LEVEL_WARNING, text);
    if (buf_ok(&line))
        write_line_locked(TO_LOG, line.data, line.len);
}

void log_release(void)
{
    PTOK(pthread_mutex_lock(&logger.lock));
    assert(logger.held);
    logger.held = false;
    if (logger.reopen_wanted)
        reopen_locked();
    logger.reopen_wanted = false;
    write_waiting_locked();
    write_dropped_locked();
    PTOK(pthread_mutex_unlock(&logger.lock));
}

bool log_verbose(void)
{
    return atomic_load_explicit(&logger.verbose, memory_order_relaxed);
}

void log_line(enum log_level level, const char *format, ...)
{
    char text[TEXT_MAX_BYTES];
    va_list args;

    if (level > LOG_LEVEL_WARNING && !log_verbose())
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put_text(level, TO_LOG, text);
}

/* Nobody would get the line, as in a guest without a log service. */
static bool is_lost(int targets)
{
    bool lost;

    if (targets & TO_LOG)
        return false;
    PTOK(pthread_mutex_lock(&logger.lock));
    lost = !logger.held && !syslog_socket_reach(&logger.syslog);
    PTOK(pthread_mutex_unlock(&logger.lock));
    return lost;
}

void log_audit(const char *format, ...)
{
    int targets = TO_SYSLOG | (log_verbose() ? TO_LOG : 0);
    char text[TEXT_MAX_BYTES];
    va_list args;

    if (is_lost(targets))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put_text(LOG_LEVEL_INFO, targets, text);
}
