/*
 * Log: lines "SECONDS.MICROS: level: text" to stderr or a file, as qemu-ga writes them, and
 * audit lines to the journal, or to syslog, or, where neither is there, to the log.
 *
 * Threads    all functions from any thread; log_init/log_start/log_reopen/log_done from main only.
 * Waiting    nobody who makes a line waits for it: lines are put into bounded memory, and from
 *            log_start() on two threads (one a target) write them, whatever that costs them. What
 *            does not fit is dropped and counted, and the count becomes a line.
 * Frozen     between log_hold() and log_release() nothing is written: lines wait in the same
 *            memory, since a log on a frozen disk would block its thread until the thaw.
 * Secrets    passwords, keys, file data never reach the log.
 * Names      what others chose is escaped (base/escape.h): no line can be forged.
 */
#pragma once

#include "base/log_format.h"

/* `path` NULL: stderr. Without `verbose` only critical and warning lines are written.
 * 0 or -errno (the file cannot be opened). While held it is opened at release. */
int log_init(const char *path, bool verbose);

/* From now on threads write. Not before the last fork. */
void log_start(void);

/* Has the file opened again (SIGHUP: it was rotated). */
void log_reopen(void);

/* What waits is written, if that can be done within half a second; what is held is not. */
void log_flush(void);
/* The same, and the end of the threads and the file. Lines then go to stderr at once. */
void log_done(void);

/* Nested calls are not allowed: hold and release belong to the frozen state's changes. A write
 * that is under way is waited for, half a second at most. */
void log_hold(void);
void log_release(void);

/* True if debug lines are written: asks before work that only makes a line. */
bool log_verbose(void);

void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* Audit: goes to the journal, else to syslog (LOG_DAEMON, LOG_INFO), even without verbose; to a verbose
 * log in any case, as an info line. Held while frozen like every line. */
void log_audit(const char *format, ...) PRINTF_LIKE(1, 2);

/* What the host did: a record (base/journal_socket.h) with fields, made of escaped texts and ASCII words.
 * The same, and where neither journal nor syslog is there, to the log whether it is verbose or not. */
void log_audit_record(const char *record);

/* Other sockets than those of the journal and syslog. Before log_start(). */
void log_audit_sockets(const char *journal, const char *syslog);

#define log_err(...)  log_line(LOG_LEVEL_CRITICAL, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_verbose())                                                                         \
            log_line(LOG_LEVEL_DEBUG, __VA_ARGS__);                                                \
    } while (0)
