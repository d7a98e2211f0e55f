/*
 * The tick of the scheduler: while jobs wait for busy workers, the I/O thread looks after them every
 * few milliseconds (pool/workers.h).
 *
 * Threads    ticker_backlog(): any. The rest: the I/O thread.
 */
#pragma once

#include "session/service.h"

struct ticker {
    struct service *service;
    struct timer timer;
    struct notice notice;
    _Atomic bool backlog; /* jobs wait: sched_tick() is due */
};

void ticker_init(struct ticker *ticker, struct service *service);

/* For sched_config.backlog; `arg` is the ticker. */
void ticker_backlog(void *arg);
