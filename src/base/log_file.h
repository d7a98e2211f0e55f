/*
 * Where the lines of the log go: stderr, or a file. Called by the writer of the log's queue only
 * (base/log_queue.h); it may hang in here, on a dead disk or a terminal that stands still.
 *
 * Threads    log_file_write(): one at a time. The rest: main, while nobody writes.
 */
#pragma once

#include "base/log_queue.h"

/* `path` NULL: stderr. With `now` it is opened, else by the first batch that says reopen. A FIFO
 * without a reader is fine: it keeps what fits. 0 or -errno; stderr stays in use then. */
int log_file_open(const char *path, bool now);
void log_file_close(void);

/* A log_write_fn. What a full disk refuses is lost and counted. */
unsigned long log_file_write(const struct log_batch *batch);
