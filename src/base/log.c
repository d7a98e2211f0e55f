/*
 * base/log.c - which line goes where.
 *
 *   field            written by                  read by      order, and what it buys
 *   verbose          log_init(), main            any thread   relaxed: guards no other data
 *   journal, syslog  writer of the audit queue   the same     the queue hands it on
 */
#include "base/log.h"

#include "base/escape.h"
#include "base/journal_socket.h"
#include "base/log_file.h"
#include "base/log_queue.h"
#include "base/syslog_socket.h"
#include "base/uninitialized.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <syslog.h>

#define TEXT_MAX_BYTES 2048
#define END_MS         500 /* what the end and a freeze wait for a write */

static unsigned long write_audit(const struct log_batch *batch);

static struct {
    _Atomic bool verbose;
    struct log_socket journal;
    struct syslog_socket syslog;
    struct log_queue to_file, to_audit;
} logger = {
    .journal = LOG_SOCKET_INIT(JOURNAL_SOCKET_PATH),
    .syslog = SYSLOG_SOCKET_INIT,
    .to_file = LOG_QUEUE_INIT(log_file_write),
    .to_audit = LOG_QUEUE_INIT(write_audit),
};

static void put_line(struct log_queue *queue, struct buf *line)
{
    if (buf_ok(line))
        log_queue_put(queue, line);
    buf_done(line);
}

static void log_escaped(enum log_level level, const char *text, size_t len)
{
    struct buf line = { 0 };

    log_format_time(&line);
    log_format_escaped(&line, level, text, len);
    put_line(&logger.to_file, &line);
}

/* To the first that is there. A verbose log has the line already, and one that is not wants what the
 * host did, but not who connected. */
static void write_record(const char *record, size_t len, bool may_wait)
{
    size_t text = journal_text_len(record, len);

    if (log_socket_reach(&logger.journal))
        journal_socket_send(&logger.journal, LOG_INFO, record, len, may_wait);
    else if (log_socket_reach(&logger.syslog.to))
        syslog_socket_send(&logger.syslog, LOG_DAEMON | LOG_INFO, record, text, may_wait);
    else if (!log_verbose() && text < len)
        log_escaped(LOG_LEVEL_INFO, record, text);
}

static void write_lost(unsigned long lost, bool may_wait)
{
    if (lost == 0)
        return;
    if (log_socket_reach(&logger.journal))
        journal_socket_lost(&logger.journal, lost, may_wait);
    else if (log_socket_reach(&logger.syslog.to))
        syslog_socket_lost(&logger.syslog, lost, may_wait);
    else
        log_warn("%lu audit lines before this one were lost", lost);
}

static unsigned long write_audit(const struct log_batch *batch)
{
    const char *at = batch->lines->data, *end = at + batch->lines->len;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        write_record(at, (size_t)(newline - at), batch->may_wait);
        at = newline + 1;
    }
    write_lost(batch->dropped, batch->may_wait);
    return 0;
}

static void set_path(struct log_socket *socket, const char *path)
{
    log_socket_close(socket);
    socket->retry_at_ns = 0;
    socket->dropped = 0;
    snprintf(socket->address.sun_path, sizeof(socket->address.sun_path), "%s", path);
}

void log_audit_sockets(const char *journal, const char *syslog)
{
    set_path(&logger.journal, journal);
    set_path(&logger.syslog.to, syslog);
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
    log_queue_start(&logger.to_audit);
}

void log_reopen(void)
{
    log_queue_reopen(&logger.to_file);
}

void log_flush(void)
{
    log_queue_flush(&logger.to_audit, END_MS); /* first: its lines may go to the file */
    log_queue_flush(&logger.to_file, END_MS);
}

void log_done(void)
{
    if (log_queue_stop(&logger.to_audit, END_MS)) { /* first: its lines may go to the file */
        log_socket_close(&logger.journal);
        log_socket_close(&logger.syslog.to);
    }
    if (log_queue_stop(&logger.to_file, END_MS))
        log_file_close();
}

void log_hold(void)
{
    log_queue_hold(&logger.to_file, END_MS);
    log_queue_hold(&logger.to_audit, 0); /* a datagram touches no filesystem */
}

void log_release(void)
{
    log_queue_release(&logger.to_audit);
    log_queue_release(&logger.to_file);
}

bool log_verbose(void)
{
    return atomic_load_explicit(&logger.verbose, memory_order_relaxed);
}

void log_line(enum log_level level, const char *format, ...)
{
    struct buf line = { 0 };
    UNINITIALIZED char text[TEXT_MAX_BYTES];
    va_list args;

    if (level > LOG_LEVEL_WARNING && !log_verbose())
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_format(&line, level, text);
    put_line(&logger.to_file, &line);
}

void log_audit_record(const char *record)
{
    size_t len = strlen(record);
    struct buf line = { 0 };

    buf_append(&line, record, len);
    buf_putc(&line, '\n');
    put_line(&logger.to_audit, &line);
    if (log_verbose())
        log_escaped(LOG_LEVEL_INFO, record, journal_text_len(record, len));
}

void log_audit(const char *format, ...)
{
    CLEANUP(buf_done) struct buf escaped = { 0 };
    UNINITIALIZED char text[TEXT_MAX_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    escape_append(&escaped, text, strlen(text));
    if (buf_terminate(&escaped))
        log_audit_record(escaped.data);
}
