/*
 * The watcher: one thread that waits for descriptors and calls back; asleep while nothing
 * happens, and not there before the first descriptor.
 *
 * Threads    exec_watch_start(), exec_watch_add(): any. exec_watch_end(): the watcher, from a
 *            callback. Callbacks run on the watcher alone and never block.
 * Ownership  a source is embedded in what its callback works on; from exec_watch_add() on it
 *            belongs to the watcher, until the callback has called exec_watch_end().
 */
#pragma once

#include "base/defs.h"

#include <stdint.h>
#include <sys/queue.h>

struct exec_watch;
struct exec_source;

typedef void exec_source_fn(struct exec_source *source);

struct exec_source {
    int fd;          /* owned */
    uint32_t events; /* epoll's, level-triggered; hang-up and error always count */
    exec_source_fn *ready;
    STAILQ_ENTRY(exec_source) link; /* the watcher's */
};

/* 0 or -errno. No thread is started yet. */
int exec_watch_new(struct exec_watch **ret_watch);
/* Ends the thread; sources that are left stay as they are, their descriptors open. NULL is fine. */
struct exec_watch *exec_watch_free(struct exec_watch *watch);

/* Starts the thread unless it runs: 0 or -errno. */
int exec_watch_start(struct exec_watch *watch);

/* Cannot fail: what the kernel has no memory for is tried again by the watcher. After
 * exec_watch_start(). The caller may not touch the source any more. */
void exec_watch_add(struct exec_watch *watch, struct exec_source *source);

/* Closes the descriptor and forgets the source: no callback comes any more. */
void exec_watch_end(struct exec_watch *watch, struct exec_source *source);
