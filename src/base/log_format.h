/*
 * A line of the log: "SECONDS.MICROS: level: text" and a newline, as qemu-ga writes it.
 *
 * Threads    any.
 */
#pragma once

#include "base/buf.h"

enum log_level { LOG_LEVEL_CRITICAL, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `text` is escaped (base/escape.h). */
void log_format(struct buf *ret_line, enum log_level level, const char *text);

/* "level: text" and a newline; the text comes as it is, from one who has escaped it. */
void log_format_escaped(struct buf *ret_line, enum log_level level, const char *text, size_t len);

/* "SECONDS.MICROS: " of now. */
void log_format_time(struct buf *ret_line);
