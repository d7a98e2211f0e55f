/*
 * Log: lines "SECONDS.MICROS: level: text" to stderr or a file, as qemu-ga writes them, and
 * audit lines to syslog.
 *
 * Threads    all functions from any thread; log_init/log_reopen/log_done from main only.
 * Frozen     between log_hold() and log_release() nothing is written: lines wait in a bounded
 *            buffer in memory (the newest are dropped and counted when it is full), since a
 *            log on a frozen disk would block the agent before the thaw.
 * Secrets    passwords, keys, file data never reach the log.
 */
#pragma once

#include "base/defs.h"

enum log_level { LOG_LEVEL_CRITICAL, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `path` NULL: stderr. Without `verbose` only critical and warning lines are written.
 * 0 or -errno (the file cannot be opened). While held it is opened at release. */
int log_init(const char *path, bool verbose);

/* Opens the file again (SIGHUP: it was rotated). While held it is done at release. */
void log_reopen(void);
void log_done(void);

/* Nested calls are not allowed: hold and release belong to the frozen state's changes. */
void log_hold(void);
void log_release(void);

/* True if debug lines are written: asks before work that only makes a line. */
bool log_verbose(void);

void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* Audit: what the host did to the guest. Goes to syslog (LOG_DAEMON, LOG_INFO) even without
 * verbose, and to the log as an info line. Held while frozen like every line. */
void log_audit(const char *format, ...) PRINTF_LIKE(1, 2);

#define log_err(...)  log_line(LOG_LEVEL_CRITICAL, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_verbose())                                                                         \
            log_line(LOG_LEVEL_DEBUG, __VA_ARGS__);                                                \
    } while (0)
