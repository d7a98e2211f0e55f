/*
 * pool/workers.c - parking without lost or wasted wake-ups.
 *
 *   field     written by                  read by          order, and what it buys
 *   parked    worker: add before it looks workers_push():  seq_cst and a fence on both sides: either
 *             for the last time; pusher   CAS down         the pusher sees the worker parked, or the
 *             or worker: CAS down                          worker the job
 *   tokens    pusher: sem_post            worker: sem_wait each claimed worker has one token
 *   count     I/O thread or pusher: add   all: relaxed     only compared with core and max
 *             worker: CAS down to leave
 *   taken     workers: relaxed add        I/O: relaxed     a changed number means progress
 *   slow      workers: add, sub, relaxed  pushers: relaxed a hint: wrong for a moment costs a
 *                                                          wake-up or a tick
 *   keep_until_ns  I/O thread, workers:   workers: relaxed a hint; an update may get lost
 *             relaxed
 *   unflushed workers: add, sub           I/O thread       seq_cst with config.backlog() behind it;
 *                                                          `taken` was raised before it
 *   blocked   I/O thread; workers lower   pushers: relaxed a hint: too high costs wake-ups, too low
 *             it when they park                            a tick
 *   stopping  main: seq_cst               workers          with parked: nobody parks for good
 *   started   starter: add before the     main, at stop    how many posts of exits to wait for; a
 *             thread, sub if there is none                 worker that starts another counts it
 *                                                          before its own post
 *
 * Claiming a parked worker by compare-and-swap makes wake-ups exact: a burst of pushes costs one
 * system call for each worker that is really asleep, and none after that.
 */
#include "pool/workers.h"

#include "base/log.h"
#include "base/now.h"
#include "pool/pace.h"
#include "pool/priority.h"
#include "pool/ring.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#if defined(PQGA_TSAN) || defined(__SANITIZE_ADDRESS__)
#define WORKER_STACK_BYTES (4 * MIB)
#else
#define WORKER_STACK_BYTES (512 * KIB)
#endif

/* A job that takes so long leaves its processor to others. */
#define BLOCKED_JOB_NS NSEC_PER_MSEC
/* Jobs that one busy worker may find waiting while they are quick. */
#define QUICK_QUEUE 16
/* Finished jobs that are flushed together. */
#define FLUSH_BATCH 16

struct workers {
    struct workers_config config;
    struct ring *ring;
    sem_t tokens;
    sem_t exits; /* each worker's last touch of this struct */
    _Atomic unsigned started;
    _Atomic unsigned parked;
    _Atomic unsigned count;
    _Atomic unsigned taken;
    _Atomic unsigned unflushed; /* workers that run a job with finished ones in hand */
    _Atomic unsigned slow;      /* workers that run a job that is not taken to be quick */
    _Atomic unsigned ended;
    _Atomic int64_t keep_until_ns;
    _Atomic unsigned blocked; /* busy workers that were stuck when last looked at */
    struct pace paces[JOB_PACES];
    _Atomic bool stopping;

    /* I/O thread */
    unsigned taken_seen;
    unsigned taken_reported; /* what was unflushed then has been reported */
    bool was_unflushed;      /* at the last tick */
    bool start_failed;       /* and was logged */
};

struct workers *workers_new(const struct workers_config *config)
{
    struct workers *workers = calloc(1, sizeof(*workers));

    if (!workers)
        return NULL;
    workers->config = *config;
    workers->ring = ring_new(config->capacity);
    if (!workers->ring) {
        free(workers);
        return NULL;
    }
    sem_init(&workers->tokens, 0, 0);
    sem_init(&workers->exits, 0, 0);
    return workers;
}

/* Takes one worker off the parked ones; the caller owes it a token. */
static bool claim_parked(struct workers *workers)
{
    unsigned parked = atomic_load(&workers->parked);

    while (parked > 0) {
        if (atomic_compare_exchange_weak(&workers->parked, &parked, parked - 1))
            return true;
    }
    return false;
}

/* A worker above `core` leaves instead of parking. */
static bool leave_surplus(struct workers *workers)
{
    unsigned count = atomic_load_explicit(&workers->count, memory_order_relaxed);

    while (count > workers->config.core) {
        if (atomic_compare_exchange_weak(&workers->count, &count, count - 1))
            return true;
    }
    return false;
}

static bool is_kept(const struct workers *workers)
{
    return now_ns() < atomic_load_explicit(&workers->keep_until_ns, memory_order_relaxed);
}

/* As many as there are now were needed. */
static void keep(struct workers *workers)
{
    atomic_store_explicit(&workers->keep_until_ns,
                          now_ns() + workers->config.keep_ms * NSEC_PER_MSEC, memory_order_relaxed);
}

static void wait_token(struct workers *workers)
{
    while (sem_wait(&workers->tokens) != 0)
        ;
}

static struct timespec timespec_of(int64_t ns)
{
    return (struct timespec){ .tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC };
}

/* Waits for a token as long as workers are kept. False: in vain. */
static bool wait_token_kept(struct workers *workers)
{
    while (is_kept(workers)) {
        struct timespec until =
            timespec_of(atomic_load_explicit(&workers->keep_until_ns, memory_order_relaxed));

        if (sem_clockwait(&workers->tokens, CLOCK_MONOTONIC, &until) == 0)
            return true;
    }
    return false;
}

/* No more can be blocked than are not parked. */
static void lower_blocked(struct workers *workers, unsigned parked)
{
    unsigned count = atomic_load_explicit(&workers->count, memory_order_relaxed);
    unsigned busy = count > parked ? count - parked : 0;

    if (atomic_load_explicit(&workers->blocked, memory_order_relaxed) > busy)
        atomic_store_explicit(&workers->blocked, busy, memory_order_relaxed);
}

/* Somebody may have claimed the worker whose time is over: then a token is on its way. */
static void wait_parked(struct workers *workers)
{
    bool surplus =
        atomic_load_explicit(&workers->count, memory_order_relaxed) > workers->config.core;

    if (!surplus)
        wait_token(workers);
    else if (!wait_token_kept(workers) && !claim_parked(workers))
        wait_token(workers);
}

/* Sleeps until there may be work, or the worker is not kept any longer. */
static void park(struct workers *workers, struct priority *priority)
{
    priority_restore(priority);
    lower_blocked(workers, atomic_fetch_add(&workers->parked, 1) + 1);
    atomic_thread_fence(memory_order_seq_cst);
    if ((ring_size(workers->ring) == 0 && !atomic_load(&workers->stopping)) ||
        !claim_parked(workers))
        wait_parked(workers);
}

/* A ready job, or NULL when this worker is to end (count is down by one then). */
static struct job *next_job(struct workers *workers, struct priority *priority)
{
    for (;;) {
        struct job *job = ring_pop(workers->ring);

        if (job)
            return job;
        if (atomic_load(&workers->stopping)) {
            atomic_fetch_sub(&workers->count, 1);
            return NULL;
        }
        if (!is_kept(workers) && leave_surplus(workers))
            return NULL;
        park(workers, priority);
    }
}

/* Finished jobs in a worker's hand. */
struct batch {
    struct job *jobs[FLUSH_BATCH];
    unsigned count;
};

static void batch_flush(struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++)
        batch->jobs[i]->flush(batch->jobs[i]);
    batch->count = 0;
}

static bool is_quick(const struct workers *workers, const struct job *job)
{
    return pace_is_quick(&workers->paces[job->pace]);
}

static void *worker_main(void *arg);

static bool start_worker(struct workers *workers)
{
    pthread_attr_t attr;
    pthread_t thread;
    int r;

    atomic_fetch_add(&workers->count, 1);
    atomic_fetch_add(&workers->started, 1);
    PTOK(pthread_attr_init(&attr));
    PTOK(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED));
    PTOK(pthread_attr_setstacksize(&attr, WORKER_STACK_BYTES));
    r = pthread_create(&thread, &attr, worker_main, workers);
    PTOK(pthread_attr_destroy(&attr));
    if (r == 0)
        return true;
    atomic_fetch_sub(&workers->started, 1);
    atomic_fetch_sub(&workers->count, 1);
    return false;
}

static bool wake_parked(struct workers *workers)
{
    if (!claim_parked(workers))
        return false;
    sem_post(&workers->tokens);
    return true;
}

/* Starts one if there may be more without a tick that finds the present ones stuck. */
static bool start_ready(struct workers *workers, unsigned limit)
{
    unsigned count = atomic_load_explicit(&workers->count, memory_order_relaxed);

    if (count >= limit)
        return false;
    if (count >= workers->config.core)
        keep(workers);
    return start_worker(workers);
}

/* A job has ended. If its like wait, what stands behind it may well do so too, and then waits better
 * side by side. */
static void help_waiting(struct workers *workers)
{
    unsigned waiting = ring_size(workers->ring);
    unsigned running = atomic_load_explicit(&workers->slow, memory_order_relaxed);
    unsigned limit = MIN_OF(workers->config.max, running + waiting);

    for (; waiting > 0; waiting--) {
        if (!wake_parked(workers) && !start_ready(workers, limit))
            return;
    }
}

/* A slow job has ended beside others: if there are more than `core`, they were needed. */
static void note_need(struct workers *workers, int64_t ns)
{
    if (ns >= BLOCKED_JOB_NS &&
        atomic_load_explicit(&workers->count, memory_order_relaxed) >
            workers->config.core + atomic_load_explicit(&workers->parked, memory_order_relaxed))
        keep(workers);
}

/* Runs the job, and tells the scheduler; returns one to go on with, or NULL. */
static struct job *run_timed(struct workers *workers, struct job *job)
{
    struct pace *pace = &workers->paces[job->pace];
    bool slow = !pace_is_quick(pace);
    struct stopwatch watch = pace_start(pace);
    struct job *next;

    if (slow)
        atomic_fetch_add_explicit(&workers->slow, 1, memory_order_relaxed);
    job->run(job);
    pace_ran(&watch);
    next = workers->config.finish(workers->config.arg, job);
    job->done(job);
    if (slow)
        atomic_fetch_sub_explicit(&workers->slow, 1, memory_order_relaxed);
    note_need(workers, pace_stop(pace, &watch));
    return next;
}

/* What is done goes out before a job that may take its time. */
static bool keeps_in_hand(const struct workers *workers, const struct batch *batch,
                          const struct job *next)
{
    return batch->count < FLUSH_BATCH && next && (next->nonblocking || is_quick(workers, next));
}

/* Runs the job; returns one to go on with at once, or NULL. */
static struct job *run_job(struct workers *workers, struct job *job, struct batch *batch,
                           struct priority *priority)
{
    bool unflushed = batch->count > 0 && !job->nonblocking;
    const struct pace *pace = job->spawns ? NULL : &workers->paces[job->pace];
    struct job *next;

    atomic_fetch_add_explicit(&workers->taken, 1, memory_order_relaxed);
    if (unflushed) {
        atomic_fetch_add(&workers->unflushed, 1);
        workers->config.backlog(workers->config.arg);
    }
    if (job->spawns)
        priority_boost(priority);
    else if (!job->nonblocking)
        priority_restore(priority);
    next = run_timed(workers, job);
    if (unflushed)
        atomic_fetch_sub(&workers->unflushed, 1);
    batch->jobs[batch->count++] = job;
    if (!next)
        next = ring_pop(workers->ring);
    if (!keeps_in_hand(workers, batch, next))
        batch_flush(batch);
    if (pace && pace_waits(pace))
        help_waiting(workers);
    return next;
}

static void *worker_main(void *arg)
{
    struct workers *workers = arg;
    struct batch batch = { .count = 0 };
    struct priority priority = { 0 };
    struct job *job;

    while ((job = next_job(workers, &priority))) {
        while (job)
            job = run_job(workers, job, &batch, &priority);
        batch_flush(&batch);
    }
    atomic_fetch_add_explicit(&workers->ended, 1, memory_order_release);
    sem_post(&workers->exits);
    return NULL;
}

/* A busy worker will come to what waits sooner than another one would wake up. */
static bool leave_to_busy(const struct workers *workers, bool quick)
{
    unsigned blocked = atomic_load_explicit(&workers->blocked, memory_order_relaxed);
    unsigned slow = atomic_load_explicit(&workers->slow, memory_order_relaxed);

    return quick && ring_size(workers->ring) < QUICK_QUEUE &&
           atomic_load(&workers->count) > atomic_load(&workers->parked) + MAX_OF(blocked, slow);
}

void workers_push(struct workers *workers, struct job *job, bool soon)
{
    bool quick = is_quick(workers, job); /* once it is pushed, the job is a worker's */
    bool waits = !job->spawns && pace_waits(&workers->paces[job->pace]);
    bool pushed = ring_push(workers->ring, job);

    CHECK(pushed); /* the scheduler admits no more jobs than the ring holds */
    if (soon)
        return;
    atomic_thread_fence(memory_order_seq_cst);
    if (leave_to_busy(workers, quick)) {
        workers->config.backlog(workers->config.arg);
        return;
    }
    if (!wake_parked(workers) &&
        !start_ready(workers, waits ? workers->config.max : workers->config.core))
        workers->config.backlog(workers->config.arg);
}

bool workers_idle_ring(const struct workers *workers)
{
    return ring_size(workers->ring) == 0;
}

/* Reported once, a stuck worker's finished jobs need no more: who joins it has raised `taken`. */
static bool has_unreported(const struct workers *workers)
{
    return atomic_load(&workers->unflushed) > 0 &&
           atomic_load_explicit(&workers->taken, memory_order_relaxed) != workers->taken_reported;
}

/* Somebody could be woken or started. At the limit the next worker that gets free goes on. */
static bool has_more(const struct workers *workers)
{
    return atomic_load(&workers->parked) > 0 || atomic_load(&workers->count) < workers->config.max;
}

bool workers_need_tick(const struct workers *workers)
{
    atomic_thread_fence(memory_order_seq_cst);
    return (ring_size(workers->ring) > 0 && has_more(workers)) || has_unreported(workers);
}

static void note_blocked(struct workers *workers)
{
    unsigned parked = atomic_load(&workers->parked), count = atomic_load(&workers->count);

    atomic_store_explicit(&workers->blocked, count > parked ? count - parked : 0,
                          memory_order_relaxed);
}

/* As many workers again as there are: those that run are blocked. */
static void grow(struct workers *workers)
{
    unsigned count = atomic_load_explicit(&workers->count, memory_order_relaxed);

    keep(workers);
    for (unsigned more = MAX_OF(count, 1u); more > 0; more--) {
        if (wake_parked(workers))
            continue;
        if (atomic_load_explicit(&workers->count, memory_order_relaxed) >= workers->config.max)
            return;
        if (!start_worker(workers)) {
            if (!workers->start_failed)
                log_warn("pool: cannot start a worker, requests wait");
            workers->start_failed = true;
            return;
        }
        workers->start_failed = false;
    }
}

/* A worker may be stuck while others make progress: two ticks are enough to think so. */
static bool report(struct workers *workers, unsigned taken, bool stuck)
{
    bool unreported = has_unreported(workers), twice = unreported && workers->was_unflushed;

    workers->was_unflushed = unreported;
    if (!unreported || !(stuck || twice))
        return false;
    workers->taken_reported = taken;
    return true;
}

bool workers_tick(struct workers *workers)
{
    unsigned taken = atomic_load_explicit(&workers->taken, memory_order_relaxed);
    bool stuck = taken == workers->taken_seen;

    workers->taken_seen = taken;
    if (stuck && ring_size(workers->ring) > 0) {
        note_blocked(workers);
        grow(workers);
    }
    return report(workers, taken, stuck);
}

unsigned workers_count(const struct workers *workers)
{
    return atomic_load_explicit(&workers->count, memory_order_relaxed);
}

bool workers_stop(struct workers *workers, int timeout_ms)
{
    struct timespec deadline = timespec_of(now_ns() + timeout_ms * NSEC_PER_MSEC);

    atomic_store(&workers->stopping, true);
    while (claim_parked(workers))
        sem_post(&workers->tokens);
    for (unsigned ended = 0; ended < atomic_load(&workers->started);) {
        if (sem_clockwait(&workers->exits, CLOCK_MONOTONIC, &deadline) == 0)
            ended++;
        else if (errno == ETIMEDOUT)
            return false;
        (void)atomic_load_explicit(&workers->ended, memory_order_acquire);
    }
    ring_free(workers->ring);
    sem_destroy(&workers->tokens);
    sem_destroy(&workers->exits);
    free(workers);
    return true;
}
