/*
 * What processes have not yet read of their input: fed by the watcher.
 *
 * Threads    any; a feed that was started is the watcher's, which frees it.
 */
#pragma once

#include "cmds/exec/exec_quota.h"
#include "cmds/exec/exec_watch.h"

#include <pthread.h>

struct exec_feed;
LIST_HEAD(exec_feed_list, exec_feed);

struct exec_feeds {
    struct exec_watch *watch;
    struct exec_quota *quota;
    pthread_mutex_t lock;
    struct exec_feed_list list; /* those that were started; under the lock, as their number */
    size_t count;
};

void exec_feeds_init(struct exec_feeds *feeds, struct exec_watch *watch, struct exec_quota *quota);
/* Frees what is left, when the watcher has ended. */
void exec_feeds_done(struct exec_feeds *feeds);

size_t exec_feeds_count(struct exec_feeds *feeds);

/* Copies `len` bytes, for which quota was taken, to feed into `fd`. NULL: no memory; descriptor and
 * quota stay the caller's then. */
struct exec_feed *exec_feed_new(struct exec_feeds *feeds, int fd, const void *data, size_t len);
/* Gives the quota back. NULL is fine. */
void exec_feed_free(struct exec_feed *feed);
void exec_feed_start(struct exec_feed *feed);
