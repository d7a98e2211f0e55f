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
    buf_printf(ret_line, "%lld.%06ld: ", (long long)now.tv_sec, now.tv_nsec / 1000);
}

void log_format_escaped(struct buf *ret_line, enum log_level level, const char *text, size_t len)
{
    buf_printf(ret_line, "%s: ", level_names[level]);
    buf_append(ret_line, text, len);
    buf_putc(ret_line, '\n');
}

void log_format(struct buf *ret_line, enum log_level level, const char *text)
{
    log_format_time(ret_line);
    buf_printf(ret_line, "%s: ", level_names[level]);
    escape_append(ret_line, text, strlen(text));
    buf_putc(ret_line, '\n');
}
