/*
 * Scheduler: when a job may run, so that its stream sees one job after the other.
 *
 * A stream is the order of one conversation. The ordering classes are in pool/job.h. A resync
 * ends the stream and opens a new one: jobs of the old one go on among themselves, and the new
 * one does not wait for them, the same key excepted (a file, a path: chains belong to the scheduler).
 *
 * Jobs may be stuck for good. So file jobs get `max_file_workers` at most, and of what ended streams
 * have left running for `stuck_after_ms`, `max_left` of each kind: more of that kind is refused, until
 * some have ended.
 *
 * Threads    sched_submit(), stream_new(), stream_end(), stream_busy(), sched_tick(): the I/O thread.
 *            stream_close(): any thread. Jobs run on workers.
 * Ownership  the submitter embeds and keeps struct job until flush().
 * Locking    one mutex, held for list work only; job->key() and job->admitted() run under it.
 * Limits     `max_jobs` unfinished jobs in all, and some urgent ones more. Three quarters are for
 *            all; the last one is for streams that have few unfinished jobs, so that those of others
 *            do not keep them out.
 */
#pragma once

#include "pool/job.h"

struct sched;
struct stream;

struct sched_config {
    unsigned core_workers, max_workers;
    unsigned max_file_workers;  /* 0: a share of max_workers */
    unsigned max_left;          /* 0: likewise */
    unsigned stuck_after_ms;    /* what ended streams left running counts from then on */
    unsigned max_jobs;          /* a power of two */
    void (*backlog)(void *arg); /* call sched_tick() in a while; any thread */
    void *arg;
};

/* Starts the reserved worker of the urgent lane. NULL: no memory or no thread. */
struct sched *sched_new(const struct sched_config *config);

/* Ends the threads: waits for running jobs until the deadline. False: some are stuck, and the
 * process is about to end. */
bool sched_stop(struct sched *sched, int timeout_ms);
/* After sched_stop(), and after the last stream was closed. NULL is fine. */
struct sched *sched_free(struct sched *sched);

/* NULL: no memory. */
struct stream *stream_new(struct sched *sched);
/* Nobody waits for the stream's jobs any more; they go on. Twice is once. */
void stream_end(struct stream *stream);
/* No more jobs will be submitted; the stream goes when its last job has. */
void stream_close(struct stream *stream);

/* Hands the job over: 0. 1: job->run_inline() has run it, and done() and flush() are left to the caller.
 * -EAGAIN: too many are unfinished, and some are the stream's own: worth another try when jobs have
 * finished. The caller answers with an error: -ENOSPC: likewise, but there is nothing of its own to
 * wait for; or the job is urgent. -EBUSY: ended streams have left too many jobs of its kind running. */
int sched_submit(struct stream *stream, struct job *job);

/* True while a barrier or an urgent job of the stream is unfinished: what depends on the guest's
 * state must be submitted and not be answered at once. */
bool stream_busy(struct stream *stream);
/* True while a freeze or thaw of the stream is unfinished. */
bool stream_freezes(struct stream *stream);

/* The guest was thawed, perhaps by nobody's request and round a freeze that hangs: what waits for
 * that freeze in vain goes on. */
void sched_thawed(struct sched *sched);

/* As workers_need_tick() and workers_tick() (pool/workers.h). */
bool sched_need_tick(const struct sched *sched);
bool sched_tick(struct sched *sched);

unsigned sched_jobs(struct sched *sched);
unsigned sched_workers(const struct sched *sched);
