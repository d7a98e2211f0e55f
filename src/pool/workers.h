/*
 * Elastic workers: threads that run ready jobs.
 *
 * There are at most `core` workers while jobs make progress. When jobs wait and none was taken for
 * a while (WORKERS_TICK_MS), the workers are taken to be blocked and more are woken or started, up
 * to `max`. Jobs that are known to wait (pool/pace.h) get a worker each at once. Those above `core` stay parked for `keep_ms` after they were needed, so that the next burst
 * finds them; each wakes up once then, and leaves.
 *
 * A wake-up costs more than a quick job. So while jobs of a pace are quick (pool/pace.h), a busy worker
 * is trusted to take a short queue by itself, and flushes its finished jobs together. If it gets
 * stuck after all, the tick wakes others and flushes in its place. Non-blocking jobs cannot get stuck: what
 * is finished before them always goes out with them.
 *
 * Threads    workers_push(): one at a time (the scheduler's lock). workers_tick(): the I/O thread.
 * Ownership  a job belongs to the worker that runs it, until its done().
 */
#pragma once

#include "pool/job.h"

#define WORKERS_TICK_MS 5
#define WORKERS_KEEP_MS 5000

struct workers;

struct workers_config {
    unsigned core, max;
    unsigned keep_ms;  /* how long those above core stay */
    unsigned capacity; /* jobs that may be ready at once; a power of two */
    /* After run(): tells the scheduler; returns a job this worker goes on with, or NULL. */
    struct job *(*finish)(void *arg, struct job *job);
    /* Jobs or flushes wait for a busy worker: workers_tick() must be called in a while. Any thread.
     */
    void (*backlog)(void *arg);
    void *arg;
};

/* Starts no thread yet. NULL: no memory. */
struct workers *workers_new(const struct workers_config *config);

/* Ends the idle ones and waits for the rest until the deadline. False: some are blocked for good;
 * then nothing is freed and the process is about to end. */
bool workers_stop(struct workers *workers, int timeout_ms);

/* Makes a job ready and sees to it that a worker will take it. `soon`: the caller is a worker that
 * will come to it in no time, so no other is woken. */
void workers_push(struct workers *workers, struct job *job, bool soon);

/* True while no ready job waits: a worker may go on with its own next job at once. */
bool workers_idle_ring(const struct workers *workers);

/* True while jobs or flushes wait: workers_tick() is due in WORKERS_TICK_MS. */
bool workers_need_tick(const struct workers *workers);

/* Wakes or starts more workers if the present ones are stuck. True: a worker has finished jobs that
 * it has not flushed, so the caller should tell those who wait for them. */
bool workers_tick(struct workers *workers);

unsigned workers_count(const struct workers *workers);
