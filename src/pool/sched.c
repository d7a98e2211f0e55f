/*
 * pool/sched.c - what must wait for what.
 *
 * All fields of the scheduler and of its streams are read and written with `lock` held, except
 * config, workers and urgent, which do not change. Jobs are touched with the lock held, until they are
 * pushed to a worker; worker_finished() takes the lock again before it looks at what follows them.
 *
 * A stream's jobs pass three stages: held (in order of arrival, behind a barrier or an urgent
 * job, or a query behind a write), admitted (waiting in a chain, or ready, or running), finished.
 * Only the first held job is ever looked at, so nothing overtakes a barrier. Nothing admitted waits for anything that is
 * held. What is admitted waits in this order, each time only for jobs that are further on:
 *
 *   the opens of its stream  for the open before it, which is further on
 *   the chain of its key     for jobs that entered the chain before it: all of them have passed the
 *                            opens of their streams, and none goes back
 *   a worker for files       for one of those that run; a job that runs waits for no other job
 *
 * So the job that is furthest on can always run, or runs: there is no deadlock.
 */
#include "pool/sched.h"

#include "base/frozen.h"
#include "base/now.h"
#include "pool/chain.h"
#include "pool/urgent.h"
#include "pool/workers.h"

#include <errno.h>
#include <pthread.h>

/* Beyond max_jobs: a thaw must go in however many requests are stuck. */
#define URGENT_RESERVE 64u
/* Workers that file jobs do not get, and jobs of a kind that ended streams may leave running, of 64. */
#define NOT_FOR_FILES(workers) ((workers)*3 / 8)
#define LEFT_RUNNING(workers)  ((workers) / 8)
/* Jobs that all streams may have in common, and what each may have beyond that, of max_jobs. */
#define FOR_ALL(jobs)    ((jobs) / 4 * 3)
#define FOR_STREAM(jobs) MAX_OF((jobs) / 512, 1u)

struct stream {
    struct sched *sched;
    struct job_list held;
    struct job_list running; /* started and not finished, but for urgent ones */
    struct job *last_open;   /* the last of the open chain, NULL: none unfinished */
    struct job *barrier;     /* the barrier that runs */
    unsigned admitted;       /* unfinished, neither barrier nor urgent */
    unsigned writers;        /* of them, those that write files */
    unsigned urgent;         /* unfinished urgent jobs */
    unsigned freeze_ops;     /* unfinished freeze operations, held ones too */
    unsigned unfinished;     /* all of them */
    uint64_t last_seq;
    bool ended; /* what runs counts as left running */
    bool closed;
};

struct sched {
    pthread_mutex_t lock;
    struct sched_config config;
    struct workers *workers;
    unsigned jobs;
    unsigned freeze_running; /* freeze operations that were started, of all streams */
    struct urgent *urgent;
    struct job_list urgent_held;
    struct chain_table chains;
    unsigned files_running;          /* file jobs that have a worker */
    struct job_list files_waiting;   /* for one */
    struct job_list left[JOB_KINDS]; /* jobs that run and belong to ended streams, oldest first */
};

/* Held jobs come before the urgent one, which does not wait for them: what they see of the frozen
 * state is settled before it changes it. */
static void settle_held_locked(const struct job *urgent)
{
    struct job *job;

    TAILQ_FOREACH (job, &urgent->stream->held, link)
        if (job->seq < urgent->seq && job->admitted)
            job->admitted(job);
}

static void count_left_locked(struct sched *sched, struct job *job)
{
    if (job->left)
        return;
    job->left = true;
    job->left_at_ns = now_ns();
    TAILQ_INSERT_TAIL(&sched->left[job->kind], job, left_link);
}

/* Hands the job to a worker. `direct` not NULL: the caller is a worker that may go on with one job. */
static void push_locked(struct sched *sched, struct job *job, struct job **direct)
{
    TAILQ_INSERT_TAIL(&job->stream->running, job, link);
    if (job->stream->ended)
        count_left_locked(sched, job);
    if (direct && !*direct && workers_idle_ring(sched->workers))
        *direct = job;
    else
        /* A worker that goes on with a nonblocking job takes the next one itself. */
        workers_push(sched->workers, job,
                     direct && *direct && (*direct)->nonblocking && job->nonblocking);
}

/* Makes a job ready. */
static void start_locked(struct sched *sched, struct job *job, struct job **direct)
{
    if (job->freeze_op)
        sched->freeze_running++;
    if (job->class == JOB_URGENT) {
        if (job->freeze_op)
            settle_held_locked(job);
        urgent_push(sched->urgent, job);
    } else if (job->file && sched->files_running == sched->config.max_file_workers) {
        TAILQ_INSERT_TAIL(&sched->files_waiting, job, link);
    } else {
        sched->files_running += job->file;
        push_locked(sched, job, direct);
    }
}

/* A job that had a worker has finished. */
static void give_back_worker_locked(struct sched *sched, struct job *job, struct job **direct)
{
    struct job *waiting = TAILQ_FIRST(&sched->files_waiting);

    TAILQ_REMOVE(&job->stream->running, job, link);
    if (job->left)
        TAILQ_REMOVE(&sched->left[job->kind], job, left_link);
    if (!job->file)
        return;
    if (!waiting) {
        sched->files_running--;
        return;
    }
    TAILQ_REMOVE(&sched->files_waiting, waiting, link);
    push_locked(sched, waiting, direct);
}

/* Chains */

/* Behind the jobs with its key; it starts if there are none. */
static void enter_chain_locked(struct sched *sched, struct job *job, struct job **direct)
{
    if (!job->keyed || chain_join(&sched->chains, job))
        start_locked(sched, job, direct);
}

/* Opens that only read are in order in each stream, so that handles are numbered in that order. */
static void enter_opens_locked(struct stream *stream, struct job *job, struct job **direct)
{
    struct job *last = stream->last_open;

    stream->last_open = job;
    if (last)
        last->next_open = job;
    else
        enter_chain_locked(stream->sched, job, direct);
}

static void leave_opens_locked(struct stream *stream, struct job *job, struct job **direct)
{
    if (job->next_open)
        enter_chain_locked(stream->sched, job->next_open, direct);
    else
        stream->last_open = NULL;
}

/* Takes a finished job out of its chains; what stood behind it may run. */
static void leave_chains_locked(struct stream *stream, struct job *job, struct job **direct)
{
    if (job->next)
        start_locked(stream->sched, job->next, direct);
    else if (job->chained)
        chain_leave(job);
    if (job->class == JOB_OPEN)
        leave_opens_locked(stream, job, direct);
}

/* Admission */

/* What the job is as quick as: jobs of its kind, on the same device if it is known. */
static uint16_t pace_of(const struct job *job)
{
    uint64_t pair = job->chain.dev * JOB_KINDS + job->kind;

    if (job->class != JOB_FILE || !job->keyed)
        return job->kind;
    return (uint16_t)(JOB_KINDS + (pair * 0x9E3779B97F4A7C15u >> (64 - JOB_FILE_PACES_LOG2)));
}

/* Decides how the job is ordered, now that everything it comes behind is done. */
static void settle_order_locked(struct job *job)
{
    job->keyed = job->class != JOB_SHARED && job->key && job->key(job, &job->chain) == 0;
    job->barrier = job->class == JOB_BARRIER || (job->class == JOB_FILE && !job->keyed);
    job->pace = pace_of(job);
}

static bool may_admit_locked(const struct stream *stream, struct job *job)
{
    if (stream->barrier || job->waits > 0)
        return false;
    settle_order_locked(job);
    if (job->looks && stream->writers > 0)
        return false;
    return !job->barrier || stream->admitted == 0;
}

static void admit_locked(struct stream *stream, struct job *job, struct job **direct)
{
    if (job->admitted)
        job->admitted(job);
    if (job->barrier)
        stream->barrier = job;
    else
        stream->admitted++;
    stream->writers += job->writes;
    if (job->class == JOB_OPEN)
        enter_opens_locked(stream, job, direct);
    else
        enter_chain_locked(stream->sched, job, direct);
}

static void admit_held_locked(struct stream *stream, struct job **direct)
{
    struct job *job;

    while ((job = TAILQ_FIRST(&stream->held)) && may_admit_locked(stream, job)) {
        TAILQ_REMOVE(&stream->held, job, link);
        admit_locked(stream, job, direct);
    }
}

/* The urgent lane */

/* A freeze that a thaw went round is settled, though it has not come back. */
static bool urgent_may_run_locked(const struct sched *sched, const struct job *job)
{
    return job->waits == 0 && (job->freeze_op || sched->freeze_running == 0 || ga_is_overtaken());
}

static void submit_urgent_locked(struct stream *stream, struct job *job)
{
    struct sched *sched = stream->sched;

    job->waits = stream->freeze_ops;
    stream->urgent++;
    if (urgent_may_run_locked(sched, job))
        start_locked(sched, job, NULL);
    else
        TAILQ_INSERT_TAIL(&sched->urgent_held, job, link);
}

static void start_urgent_held_locked(struct sched *sched)
{
    struct job *job, *following;

    for (job = TAILQ_FIRST(&sched->urgent_held); job; job = following) {
        following = TAILQ_NEXT(job, link);
        if (urgent_may_run_locked(sched, job)) {
            TAILQ_REMOVE(&sched->urgent_held, job, link);
            start_locked(sched, job, NULL);
        }
    }
}

/* A freeze operation has ended: urgent jobs that waited for it may go on. */
static void freeze_ended_locked(struct stream *stream, const struct job *ended)
{
    struct sched *sched = stream->sched;
    struct job *job;

    sched->freeze_running--;
    stream->freeze_ops--;
    TAILQ_FOREACH (job, &sched->urgent_held, link)
        if (job->stream == stream && job->seq > ended->seq)
            job->waits--;
    start_urgent_held_locked(sched);
}

static void urgent_ended_locked(struct stream *stream, const struct job *ended)
{
    struct job *job;

    stream->urgent--;
    TAILQ_FOREACH (job, &stream->held, link)
        if (job->seq > ended->seq)
            job->waits--;
}

/* The life of a job */

static void stream_free_if_done_locked(struct stream *stream)
{
    if (stream->closed && stream->unfinished == 0)
        free(stream);
}

static void finish_locked(struct sched *sched, struct job *job, struct job **direct)
{
    struct stream *stream = job->stream;

    sched->jobs--;
    stream->unfinished--;
    stream->writers -= job->writes;
    if (job->barrier)
        stream->barrier = NULL;
    else if (job->class == JOB_URGENT)
        urgent_ended_locked(stream, job);
    else
        stream->admitted--;
    if (job->class != JOB_URGENT) {
        give_back_worker_locked(sched, job, direct);
        leave_chains_locked(stream, job, direct);
    }
    /* Held jobs first: what they see of the frozen state is settled before a thaw behind them. */
    admit_held_locked(stream, direct);
    if (job->freeze_op)
        freeze_ended_locked(stream, job);
    stream_free_if_done_locked(stream);
}

/* Takes the job in. *ret_inline: it could start at once, and shall be tried here. */
static void submit_locked(struct stream *stream, struct job *job, struct job **ret_inline)
{
    stream->sched->jobs++;
    stream->unfinished++;
    job->stream = stream;
    job->seq = ++stream->last_seq;
    job->next = job->next_open = NULL;
    job->keyed = job->chained = job->barrier = job->left = false;
    if (job->class == JOB_URGENT) {
        submit_urgent_locked(stream, job);
    } else {
        job->waits = stream->urgent;
        TAILQ_INSERT_TAIL(&stream->held, job, link);
        admit_held_locked(stream, job->run_inline ? ret_inline : NULL);
    }
    /* A job held before it may have been admitted instead: its handle has become known. */
    if (*ret_inline && *ret_inline != job)
        workers_push(stream->sched->workers, TAKE_PTR(*ret_inline), false);
    if (job->freeze_op)
        stream->freeze_ops++;
}

/* The job is admitted, so whatever must come behind it waits, as if a worker had it. */
static int run_now(struct sched *sched, struct job *job)
{
    bool done = job->run_inline(job);

    PTOK(pthread_mutex_lock(&sched->lock));
    if (done)
        finish_locked(sched, job, NULL);
    else
        workers_push(sched->workers, job, false);
    PTOK(pthread_mutex_unlock(&sched->lock));
    return done;
}

/* What has just been left is about to end, more often than not; what is still there a while later is
 * stuck. Files that are open are not refused: their jobs cannot be more stuck than their chains. */
static bool has_left_too_many_locked(const struct sched *sched, const struct job *job)
{
    const struct job *left;
    unsigned stuck = 0;
    int64_t since_ns;

    if (job->class == JOB_URGENT || job->class == JOB_FILE || TAILQ_EMPTY(&sched->left[job->kind]))
        return false;
    since_ns = now_ns() - sched->config.stuck_after_ms * NSEC_PER_MSEC;
    TAILQ_FOREACH (left, &sched->left[job->kind], left_link) {
        if (left->left_at_ns > since_ns)
            return false;
        if (++stuck >= sched->config.max_left)
            return true;
    }
    return false;
}

static bool has_room_locked(const struct stream *stream, const struct job *job)
{
    const struct sched *sched = stream->sched;
    unsigned max = sched->config.max_jobs;

    if (job->class == JOB_URGENT)
        return sched->jobs < max + URGENT_RESERVE;
    return sched->jobs < (stream->unfinished < FOR_STREAM(max) ? max : FOR_ALL(max));
}

static int may_submit_locked(const struct stream *stream, const struct job *job)
{
    if (!has_room_locked(stream, job))
        return job->class == JOB_URGENT || stream->unfinished == 0 ? -ENOSPC : -EAGAIN;
    return has_left_too_many_locked(stream->sched, job) ? -EBUSY : 0;
}

int sched_submit(struct stream *stream, struct job *job)
{
    struct sched *sched = stream->sched;
    struct job *now = NULL;
    int r;

    PTOK(pthread_mutex_lock(&sched->lock));
    r = may_submit_locked(stream, job);
    if (r == 0)
        submit_locked(stream, job, &now);
    PTOK(pthread_mutex_unlock(&sched->lock));
    return now ? run_now(sched, now) : r;
}

static struct job *worker_finished(void *arg, struct job *job)
{
    struct sched *sched = arg;
    struct job *direct = NULL;

    PTOK(pthread_mutex_lock(&sched->lock));
    finish_locked(sched, job, &direct);
    PTOK(pthread_mutex_unlock(&sched->lock));
    return direct;
}

static void urgent_finished(void *arg, struct job *job)
{
    struct sched *sched = arg;

    PTOK(pthread_mutex_lock(&sched->lock));
    finish_locked(sched, job, NULL);
    PTOK(pthread_mutex_unlock(&sched->lock));
}

static void backlog(void *arg)
{
    struct sched *sched = arg;

    sched->config.backlog(sched->config.arg);
}

/* Streams */

struct stream *stream_new(struct sched *sched)
{
    struct stream *stream = calloc(1, sizeof(*stream));

    if (!stream)
        return NULL;
    stream->sched = sched;
    TAILQ_INIT(&stream->held);
    TAILQ_INIT(&stream->running);
    return stream;
}

void stream_end(struct stream *stream)
{
    struct sched *sched = stream->sched;
    struct job *job;

    PTOK(pthread_mutex_lock(&sched->lock));
    stream->ended = true;
    TAILQ_FOREACH (job, &stream->running, link)
        count_left_locked(sched, job);
    PTOK(pthread_mutex_unlock(&sched->lock));
}

void stream_close(struct stream *stream)
{
    struct sched *sched = stream->sched;

    PTOK(pthread_mutex_lock(&sched->lock));
    stream->closed = true;
    stream_free_if_done_locked(stream);
    PTOK(pthread_mutex_unlock(&sched->lock));
}

bool stream_busy(struct stream *stream)
{
    bool busy;

    PTOK(pthread_mutex_lock(&stream->sched->lock));
    busy = stream->barrier || stream->urgent > 0 || !TAILQ_EMPTY(&stream->held);
    PTOK(pthread_mutex_unlock(&stream->sched->lock));
    return busy;
}

bool stream_freezes(struct stream *stream)
{
    bool freezes;

    PTOK(pthread_mutex_lock(&stream->sched->lock));
    freezes = stream->freeze_ops > 0;
    PTOK(pthread_mutex_unlock(&stream->sched->lock));
    return freezes;
}

void sched_thawed(struct sched *sched)
{
    PTOK(pthread_mutex_lock(&sched->lock));
    start_urgent_held_locked(sched);
    PTOK(pthread_mutex_unlock(&sched->lock));
}

/* Start and stop */

struct sched *sched_free(struct sched *sched)
{
    if (!sched)
        return NULL;
    PTOK(pthread_mutex_destroy(&sched->lock));
    free(sched);
    return NULL;
}

struct sched *sched_new(const struct sched_config *config)
{
    struct sched *sched = calloc(1, sizeof(*sched));
    struct workers_config workers = {
        .core = config->core_workers,
        .max = config->max_workers,
        .keep_ms = WORKERS_KEEP_MS,
        .capacity = config->max_jobs * 2, /* ck_ring keeps a slot free */
        .finish = worker_finished,
        .backlog = backlog,
        .arg = sched,
    };

    if (!sched)
        return NULL;
    sched->config = *config;
    if (!config->max_file_workers)
        sched->config.max_file_workers =
            MAX_OF(config->max_workers - NOT_FOR_FILES(config->max_workers), 1u);
    if (!config->max_left)
        sched->config.max_left = MAX_OF(LEFT_RUNNING(config->max_workers), 1u);
    PTOK(pthread_mutex_init(&sched->lock, NULL));
    TAILQ_INIT(&sched->urgent_held);
    TAILQ_INIT(&sched->files_waiting);
    for (size_t i = 0; i < JOB_KINDS; i++)
        TAILQ_INIT(&sched->left[i]);
    sched->workers = workers_new(&workers);
    if (!sched->workers)
        return sched_free(sched);
    sched->urgent = urgent_new(urgent_finished, sched);
    if (!sched->urgent) {
        workers_stop(sched->workers, 0);
        return sched_free(sched);
    }
    return sched;
}

bool sched_stop(struct sched *sched, int timeout_ms)
{
    return urgent_stop(sched->urgent, timeout_ms) && workers_stop(sched->workers, timeout_ms);
}

bool sched_need_tick(const struct sched *sched)
{
    return workers_need_tick(sched->workers);
}

bool sched_tick(struct sched *sched)
{
    return workers_tick(sched->workers);
}

unsigned sched_jobs(struct sched *sched)
{
    unsigned jobs;

    PTOK(pthread_mutex_lock(&sched->lock));
    jobs = sched->jobs;
    PTOK(pthread_mutex_unlock(&sched->lock));
    return jobs;
}

unsigned sched_workers(const struct sched *sched)
{
    return workers_count(sched->workers);
}
