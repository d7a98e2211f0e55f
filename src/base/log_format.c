#include "base/log_format.h"

#include "base/escape.h"

#include <time.h>

static const char *const level_names[] = {
    [LOG_LEVEL_CRITICAL] = "critical",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

void log_format_time(struct buf *ret_line)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    buf_put_int(ret_line, now.tv_sec);
    buf_putc(ret_line, '.');
    for (long unit = NSEC_PER_SEC / 10; unit >= NSEC_PER_USEC; unit /= 10)
        buf_putc(ret_line, (char)('0' + now.tv_nsec / unit % 10));
    buf_puts(ret_line, ": ");
}

static void put_level(struct buf *line, enum log_level level)
{
    buf_puts(line, level_names[level]);
    buf_puts(line, ": ");
}

void log_format_escaped(struct buf *ret_line, enum log_level level, const char *text, size_t len)
{
    put_level(ret_line, level);
    buf_append(ret_line, text, len);
    buf_putc(ret_line, '\n');
}

void log_format(struct buf *ret_line, enum log_level level, const char *text)
{
    log_format_time(ret_line);
    put_level(ret_line, level);
    escape_append(ret_line, text, strlen(text));
    buf_putc(ret_line, '\n');
}
