/*
 * base/log.c - which line goes where.
 *
 *   field         written by                      read by      order, and what it buys
 *   verbose       log_init(), main                any thread   relaxed: guards no other data
 *   absent_until  writer of the syslog queue      any thread   relaxed: a moment of its own
 *   unheard       any thread: adds; that writer   that writer  relaxed: a number of its own
 *                 takes
 *   syslog        writer of the syslog queue      the same     the queue hands it on
 */
#include "base/log.h"

#include "base/escape.h"
#include "base/log_file.h"
#include "base/log_queue.h"
#include "base/now.h"
#include "base/syslog_socket.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <syslog.h>

#define TEXT_MAX_BYTES 2048
#define END_MS         500 /* what the end and a freeze wait for a write */

static unsigned long write_syslog(const struct log_batch *batch);

static struct {
    _Atomic bool verbose;
    _Atomic int64_t absent_until_ns; /* nobody listens at the syslog socket */
    _Atomic unsigned long unheard;   /* audit lines that were not made because of that */
    struct syslog_socket syslog;
    struct log_queue to_file, to_syslog;
} logger = {
    .syslog = SYSLOG_SOCKET_INIT,
    .to_file = LOG_QUEUE_INIT(log_file_write),
    .to_syslog = LOG_QUEUE_INIT(write_syslog),
};

/* `lines` are "level: text". A service that is absent is not asked for every line. */
static unsigned long write_syslog(const struct log_batch *batch)
{
    const char *at = batch->lines->data, *end = at + batch->lines->len;

    logger.syslog.dropped += atomic_exchange_explicit(&logger.unheard, 0, memory_order_relaxed);
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        syslog_socket_send(&logger.syslog, LOG_DAEMON | LOG_INFO, at, (size_t)(newline - at),
                           batch->may_wait);
        at = newline + 1;
    }
    syslog_socket_lost(&logger.syslog, batch->dropped, batch->may_wait);
    atomic_store_explicit(&logger.absent_until_ns, logger.syslog.retry_at_ns, memory_order_relaxed);
    return 0;
}

int log_init(const char *path, bool verbose)
{
    bool held = log_queue_is_held(&logger.to_file);
    int r;

    atomic_store_explicit(&logger.verbose, verbose, memory_order_relaxed);
    r = log_file_open(path, !held);
    if (r == 0 && path && held)
        log_queue_reopen(&logger.to_file);
    return r;
}

void log_start(void)
{
    log_queue_start(&logger.to_file);
    log_queue_start(&logger.to_syslog);
}

void log_reopen(void)
{
    log_queue_reopen(&logger.to_file);
}

void log_flush(void)
{
    log_queue_flush(&logger.to_file, END_MS);
    log_queue_flush(&logger.to_syslog, END_MS);
}

void log_done(void)
{
    if (log_queue_stop(&logger.to_file, END_MS))
        log_file_close();
    if (log_queue_stop(&logger.to_syslog, END_MS))
        syslog_socket_close(&logger.syslog);
}

void log_hold(void)
{
    log_queue_hold(&logger.to_file, END_MS);
    log_queue_hold(&logger.to_syslog, 0); /* a datagram touches no filesystem */
}

void log_release(void)
{
    log_queue_release(&logger.to_syslog);
    log_queue_release(&logger.to_file);
}

bool log_verbose(void)
{
    return atomic_load_explicit(&logger.verbose, memory_order_relaxed);
}

static void put_line(struct log_queue *queue, struct buf *line)
{
    if (buf_ok(line))
        log_queue_put(queue, line);
    buf_done(line);
}

void log_line(enum log_level level, const char *format, ...)
{
    struct buf line = { 0 };
    char text[TEXT_MAX_BYTES];
    va_list args;

    if (level > LOG_LEVEL_WARNING && !log_verbose())
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_format(&line, level, text);
    put_line(&logger.to_file, &line);
}

bool log_audit_wanted(void)
{
    if (log_verbose() ||
        now_ns() >= atomic_load_explicit(&logger.absent_until_ns, memory_order_relaxed))
        return true;
    atomic_fetch_add_explicit(&logger.unheard, 1, memory_order_relaxed);
    return false;
}

void log_audit_escaped(const char *text)
{
    struct buf line = { 0 };

    log_format_escaped(&line, LOG_LEVEL_INFO, text);
    put_line(&logger.to_syslog, &line);
    if (!log_verbose())
        return;
    log_format_time(&line);
    log_format_escaped(&line, LOG_LEVEL_INFO, text);
    put_line(&logger.to_file, &line);
}

void log_audit(const char *format, ...)
{
    CLEANUP(buf_done) struct buf escaped = { 0 };
    char text[TEXT_MAX_BYTES];
    va_list args;

    if (!log_audit_wanted())
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    escape_append(&escaped, text, strlen(text));
    if (buf_terminate(&escaped))
        log_audit_escaped(escaped.data);
}
