/*
 * The scheduler: what may run beside what, and what waits for what.
 *
 * A job here ends when the test says so: it enters (is seen as running) and waits at its gate.
 */
#include "pool/sched.h"

#include "base/frozen.h"
#include "pool/workers.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>

#include <cmocka.h>

#define PATIENCE_MS 10000

struct fixture {
    struct sched *sched;
    struct stream *stream;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int order;
    atomic_bool done;
    pthread_t ticker;
};

struct probe {
    struct job job;
    struct fixture *fixture;
    struct job_key key;
    bool key_known;
    bool entered, open, left;
    bool settled;
    bool can_now, tried;
    int entered_as; /* how many had entered before */
};

static struct timespec patience(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    return until;
}

/* Waits until *flag, which the lock guards. */
static void wait_for(struct fixture *fixture, const bool *flag)
{
    struct timespec until = patience();

    PTOK(pthread_mutex_lock(&fixture->lock));
    while (!*flag)
        if (pthread_cond_timedwait(&fixture->changed, &fixture->lock, &until) == ETIMEDOUT)
            break;
    assert_true(*flag);
    PTOK(pthread_mutex_unlock(&fixture->lock));
}

static void set_flag(struct fixture *fixture, bool *flag)
{
    PTOK(pthread_mutex_lock(&fixture->lock));
    *flag = true;
    PTOK(pthread_cond_broadcast(&fixture->changed));
    PTOK(pthread_mutex_unlock(&fixture->lock));
}

static bool get_flag(struct fixture *fixture, const bool *flag)
{
    bool value;

    PTOK(pthread_mutex_lock(&fixture->lock));
    value = *flag;
    PTOK(pthread_mutex_unlock(&fixture->lock));
    return value;
}

static void probe_run(struct job *job)
{
    struct probe *probe = CONTAINER_OF(job, struct probe, job);
    struct fixture *fixture = probe->fixture;
    struct timespec until = patience();

    PTOK(pthread_mutex_lock(&fixture->lock));
    probe->entered = true;
    probe->entered_as = fixture->order++;
    PTOK(pthread_cond_broadcast(&fixture->changed));
    while (!probe->open)
        if (pthread_cond_timedwait(&fixture->changed, &fixture->lock, &until) == ETIMEDOUT)
            break;
    PTOK(pthread_mutex_unlock(&fixture->lock));
}

static void probe_done(struct job *job)
{
    struct probe *probe = CONTAINER_OF(job, struct probe, job);

    set_flag(probe->fixture, &probe->left);
}

/* A busy worker may flush a job after the test has gone on: probes are static. */
static void probe_flush(struct job *job)
{
}

static int probe_key(struct job *job, struct job_key *ret_key)
{
    struct probe *probe = CONTAINER_OF(job, struct probe, job);

    if (!probe->key_known)
        return -ENOENT;
    *ret_key = probe->key;
    return 0;
}

static void probe_admitted(struct job *job)
{
    CONTAINER_OF(job, struct probe, job)->settled = true;
}

static void backlog(void *arg)
{
}

/* Plays the I/O thread's part: blocked workers are noticed by ticks. */
static void *tick(void *arg)
{
    struct fixture *fixture = arg;
    struct timespec nap = { .tv_nsec = WORKERS_TICK_MS * NSEC_PER_MSEC };

    while (!atomic_load(&fixture->done)) {
        sched_tick(fixture->sched);
        nanosleep(&nap, NULL);
    }
    return NULL;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct sched_config config = {
        .core_workers = 2, .max_workers = 16, .max_jobs = 64, .backlog = backlog
    };

    fixture->sched = sched_new(&config);
    fixture->stream = stream_new(fixture->sched);
    PTOK(pthread_mutex_init(&fixture->lock, NULL));
    PTOK(pthread_cond_init(&fixture->changed, NULL));
    PTOK(pthread_create(&fixture->ticker, NULL, tick, fixture));
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    atomic_store(&fixture->done, true);
    PTOK(pthread_join(fixture->ticker, NULL));
    assert_int_equal(sched_jobs(fixture->sched), 0);
    assert_true(sched_stop(fixture->sched, PATIENCE_MS));
    stream_close(fixture->stream);
    sched_free(fixture->sched);
    PTOK(pthread_mutex_destroy(&fixture->lock));
    PTOK(pthread_cond_destroy(&fixture->changed));
    free(fixture);
    return 0;
}

static void submit_to(struct fixture *fixture, struct stream *stream, struct probe *probe,
                      enum job_class class)
{
    probe->fixture = fixture;
    probe->job.class = class;
    probe->job.run = probe_run;
    probe->job.done = probe_done;
    probe->job.flush = probe_flush;
    probe->job.key = probe_key;
    probe->job.admitted = probe_admitted;
    assert_int_equal(sched_submit(stream, &probe->job), 0);
}

static void submit(struct fixture *fixture, struct probe *probe, enum job_class class)
{
    submit_to(fixture, fixture->stream, probe, class);
}

static void let_go(struct fixture *fixture, struct probe *probe)
{
    set_flag(fixture, &probe->open);
    wait_for(fixture, &probe->left);
}

static void wait_entered(struct fixture *fixture, struct probe *probe)
{
    wait_for(fixture, &probe->entered);
}

/* The job does not run although everything that could run it has had a chance: another job,
 * submitted behind it to another stream, has run. */
static void check_waits(struct fixture *fixture, struct probe *probe)
{
    static struct probe witnesses[64];
    static unsigned used;
    struct stream *other = stream_new(fixture->sched);
    struct probe *witness = &witnesses[used++];

    assert_in_range(used, 1, ARRAY_LEN(witnesses));
    submit_to(fixture, other, witness, JOB_SHARED);
    wait_entered(fixture, witness);
    let_go(fixture, witness);
    stream_close(other);
    assert_false(get_flag(fixture, &probe->entered));
}

static void shared_jobs_run_beside_each_other_beyond_the_core_workers(void **state)
{
    struct fixture *fixture = *state;
    static struct probe probes[8] = { 0 };

    for (int i = 0; i < 8; i++)
        submit(fixture, &probes[i], JOB_SHARED);
    for (int i = 0; i < 8; i++)
        wait_entered(fixture, &probes[i]);
    for (int i = 7; i >= 0; i--)
        let_go(fixture, &probes[i]);
}

static void a_barrier_waits_for_all_before_it_and_holds_all_behind_it(void **state)
{
    struct fixture *fixture = *state;
    static struct probe before[2] = { 0 }, barrier = { 0 }, behind = { 0 };

    submit(fixture, &before[0], JOB_SHARED);
    submit(fixture, &before[1], JOB_SHARED);
    submit(fixture, &barrier, JOB_BARRIER);
    submit(fixture, &behind, JOB_SHARED);
    assert_true(stream_busy(fixture->stream));
    let_go(fixture, &before[0]);
    check_waits(fixture, &barrier);
    let_go(fixture, &before[1]);
    wait_entered(fixture, &barrier);
    check_waits(fixture, &behind);
    let_go(fixture, &barrier);
    wait_entered(fixture, &behind);
    let_go(fixture, &behind);
    assert_false(stream_busy(fixture->stream));
}

static void barriers_are_per_stream(void **state)
{
    struct fixture *fixture = *state;
    struct stream *other = stream_new(fixture->sched);
    static struct probe barrier = { 0 }, elsewhere = { 0 };

    submit(fixture, &barrier, JOB_BARRIER);
    wait_entered(fixture, &barrier);
    submit_to(fixture, other, &elsewhere, JOB_BARRIER);
    wait_entered(fixture, &elsewhere);
    let_go(fixture, &elsewhere);
    let_go(fixture, &barrier);
    stream_close(other);
}

static void one_file_is_served_in_order_and_two_files_at_once(void **state)
{
    struct fixture *fixture = *state;
    static struct probe first = { .key = { 1, 7 }, .key_known = true };
    static struct probe second = { .key = { 1, 7 }, .key_known = true };
    static struct probe third = { .key = { 1, 7 }, .key_known = true };
    static struct probe another = { .key = { 1, 8 }, .key_known = true };

    submit(fixture, &first, JOB_FILE);
    submit(fixture, &second, JOB_FILE);
    submit(fixture, &third, JOB_FILE);
    submit(fixture, &another, JOB_FILE);
    wait_entered(fixture, &first);
    wait_entered(fixture, &another);
    check_waits(fixture, &second);
    let_go(fixture, &first);
    wait_entered(fixture, &second);
    check_waits(fixture, &third);
    let_go(fixture, &second);
    wait_entered(fixture, &third);
    let_go(fixture, &third);
    let_go(fixture, &another);
}

static void one_file_is_served_in_order_across_streams(void **state)
{
    struct fixture *fixture = *state;
    struct stream *other = stream_new(fixture->sched);
    static struct probe first = { .key = { 1, 7 }, .key_known = true };
    static struct probe second = { .key = { 1, 7 }, .key_known = true };

    submit(fixture, &first, JOB_FILE);
    submit_to(fixture, other, &second, JOB_FILE);
    wait_entered(fixture, &first);
    check_waits(fixture, &second);
    let_go(fixture, &first);
    let_go(fixture, &second);
    stream_close(other);
}

static void an_unknown_file_is_ordered_as_a_barrier_and_asked_again_in_its_turn(void **state)
{
    struct fixture *fixture = *state;
    static struct probe opening = { 0 };
    static struct probe reading[2] = { { .key = { 1, 1 } }, { .key = { 1, 2 } } };

    submit(fixture, &opening, JOB_OPEN);
    submit(fixture, &reading[0], JOB_FILE);
    submit(fixture, &reading[1], JOB_FILE);
    wait_entered(fixture, &opening);
    check_waits(fixture, &reading[0]);
    reading[0].key_known = reading[1].key_known = true; /* the open makes them known */
    let_go(fixture, &opening);
    wait_entered(fixture, &reading[0]);
    wait_entered(fixture, &reading[1]); /* at once: it is a barrier no more */
    let_go(fixture, &reading[0]);
    let_go(fixture, &reading[1]);
}

/* Who leaves an open stuck and tries again waits for the first try, and holds no other worker. */
/* What is quick on a slow device, as a seek, says nothing about its reads. */
static void file_jobs_are_measured_by_kind_and_device(void **state)
{
    struct fixture *fixture = *state;
    static struct probe reading = { .job.kind = 1, .key = { 9, 1 }, .key_known = true };
    static struct probe alike = { .job.kind = 1, .key = { 9, 2 }, .key_known = true };
    static struct probe seeking = { .job.kind = 2, .key = { 9, 3 }, .key_known = true };
    static struct probe elsewhere = { .job.kind = 1, .key = { 10, 1 }, .key_known = true };
    struct probe *probes[] = { &reading, &alike, &seeking, &elsewhere };

    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        submit(fixture, probes[i], JOB_FILE);
        wait_entered(fixture, probes[i]);
    }
    assert_int_equal(reading.job.pace, alike.job.pace);
    assert_int_not_equal(reading.job.pace, seeking.job.pace);
    assert_int_not_equal(reading.job.pace, elsewhere.job.pace);
    for (size_t i = 0; i < ARRAY_LEN(probes); i++)
        let_go(fixture, probes[i]);
}

static void opens_of_one_path_run_in_order_across_streams(void **state)
{
    struct fixture *fixture = *state;
    struct stream *other = stream_new(fixture->sched);
    static struct probe first = { .key = { 9, 1 }, .key_known = true };
    static struct probe again = { .key = { 9, 1 }, .key_known = true };
    static struct probe elsewhere = { .key = { 9, 2 }, .key_known = true };
    static struct probe writing = { .key = { 9, 1 }, .key_known = true };

    submit(fixture, &first, JOB_OPEN);
    wait_entered(fixture, &first);
    submit(fixture, &elsewhere, JOB_OPEN); /* behind it in its stream */
    submit_to(fixture, other, &again, JOB_OPEN);
    submit_to(fixture, other, &writing, JOB_BARRIER);
    check_waits(fixture, &again);
    let_go(fixture, &first);
    wait_entered(fixture, &again);
    wait_entered(fixture, &elsewhere);
    check_waits(fixture, &writing);
    let_go(fixture, &again);
    wait_entered(fixture, &writing);
    let_go(fixture, &writing);
    let_go(fixture, &elsewhere);
    stream_close(other);
}

static void an_open_that_writes_waits_for_others_of_its_path(void **state)
{
    struct fixture *fixture = *state;
    struct stream *other = stream_new(fixture->sched);
    static struct probe writing = { .key = { 9, 1 }, .key_known = true };
    static struct probe reading = { .key = { 9, 1 }, .key_known = true };
    static struct probe held = { 0 };

    submit(fixture, &writing, JOB_BARRIER);
    wait_entered(fixture, &writing);
    submit_to(fixture, other, &reading, JOB_BARRIER);
    submit_to(fixture, other, &held, JOB_SHARED);
    check_waits(fixture, &reading);
    check_waits(fixture, &held);
    let_go(fixture, &writing);
    let_go(fixture, &reading);
    let_go(fixture, &held);
    stream_close(other);
}

/* 16 workers: 10 for files. */
static void file_jobs_leave_workers_to_others(void **state)
{
    struct fixture *fixture = *state;
    static struct probe files[12], other = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        files[i] = (struct probe){ .key = { 1, 100 + i }, .key_known = true };
        files[i].job.file = true;
        submit(fixture, &files[i], JOB_FILE);
    }
    for (size_t i = 0; i < 10; i++)
        wait_entered(fixture, &files[i]);
    check_waits(fixture, &files[10]);
    submit(fixture, &other, JOB_SHARED);
    wait_entered(fixture, &other);
    let_go(fixture, &other);
    let_go(fixture, &files[3]);
    wait_entered(fixture, &files[10]);
    check_waits(fixture, &files[11]);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        let_go(fixture, &files[i]);
}

static int try_kind(struct stream *stream, struct probe *probe, unsigned char kind)
{
    probe->job.kind = kind;
    return sched_submit(stream, &probe->job);
}

/* 16 workers: 2 of a kind. */
static void what_ended_streams_leave_running_is_limited_by_kind(void **state)
{
    struct fixture *fixture = *state;
    static struct probe left[2], another, same, later;
    struct stream *ended[2];

    for (int i = 0; i < 2; i++) {
        ended[i] = stream_new(fixture->sched);
        left[i].job.kind = 5;
        submit_to(fixture, ended[i], &left[i], JOB_SHARED);
        wait_entered(fixture, &left[i]);
        stream_end(ended[i]);
        stream_end(ended[i]);
    }
    same = later = another = (struct probe){ .fixture = fixture, .open = true, .job = left[0].job };
    assert_int_equal(try_kind(fixture->stream, &same, 5), -EBUSY);
    assert_int_equal(try_kind(fixture->stream, &another, 6), 0);
    wait_for(fixture, &another.left);
    let_go(fixture, &left[0]);
    assert_int_equal(try_kind(fixture->stream, &later, 5), 0);
    wait_for(fixture, &later.left);
    let_go(fixture, &left[1]);
    for (int i = 0; i < 2; i++)
        stream_close(ended[i]);
}

static void opens_run_in_order_beside_other_jobs(void **state)
{
    struct fixture *fixture = *state;
    static struct probe opens[2] = { 0 }, shared = { 0 };

    submit(fixture, &opens[0], JOB_OPEN);
    submit(fixture, &opens[1], JOB_OPEN);
    submit(fixture, &shared, JOB_SHARED);
    wait_entered(fixture, &opens[0]);
    wait_entered(fixture, &shared);
    check_waits(fixture, &opens[1]);
    let_go(fixture, &opens[0]);
    wait_entered(fixture, &opens[1]);
    let_go(fixture, &opens[1]);
    let_go(fixture, &shared);
}

static void a_status_waits_for_a_freeze_in_progress_and_for_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    struct stream *other = stream_new(fixture->sched);
    static struct probe stuck = { 0 }, status = { 0 }, late_status = { 0 };
    static struct probe freeze = { .job.freeze_op = true };

    submit(fixture, &stuck, JOB_SHARED);
    submit(fixture, &status, JOB_URGENT);
    wait_entered(fixture, &status);
    let_go(fixture, &status);
    submit_to(fixture, other, &freeze, JOB_BARRIER);
    wait_entered(fixture, &freeze);
    submit(fixture, &late_status, JOB_URGENT);
    check_waits(fixture, &late_status);
    let_go(fixture, &freeze);
    wait_entered(fixture, &late_status);
    let_go(fixture, &late_status);
    let_go(fixture, &stuck);
    stream_close(other);
}

static void a_status_behind_a_queued_freeze_answers_after_it(void **state)
{
    struct fixture *fixture = *state;
    static struct probe stuck = { 0 }, status = { 0 }, freeze = { .job.freeze_op = true };

    submit(fixture, &stuck, JOB_SHARED);
    submit(fixture, &freeze, JOB_BARRIER);
    submit(fixture, &status, JOB_URGENT);
    check_waits(fixture, &freeze);
    check_waits(fixture, &status);
    let_go(fixture, &stuck);
    wait_entered(fixture, &freeze);
    check_waits(fixture, &status);
    let_go(fixture, &freeze);
    wait_entered(fixture, &status);
    let_go(fixture, &status);
}

static void a_thaw_of_another_stream_does_not_wait_for_a_stuck_freeze(void **state)
{
    struct fixture *fixture = *state;
    struct stream *other = stream_new(fixture->sched);
    static struct probe freeze = { .job.freeze_op = true }, thaw = { .job.freeze_op = true };

    submit(fixture, &freeze, JOB_BARRIER);
    wait_entered(fixture, &freeze);
    submit_to(fixture, other, &thaw, JOB_URGENT);
    wait_entered(fixture, &thaw);
    let_go(fixture, &thaw);
    let_go(fixture, &freeze);
    stream_close(other);
}

static void a_status_does_not_wait_for_a_freeze_that_a_thaw_went_round(void **state)
{
    struct fixture *fixture = *state;
    struct stream *other = stream_new(fixture->sched);
    static struct probe freeze = { .job.freeze_op = true }, before = { 0 }, behind = { 0 };

    submit(fixture, &freeze, JOB_BARRIER);
    wait_entered(fixture, &freeze);
    submit_to(fixture, other, &before, JOB_URGENT);
    check_waits(fixture, &before);
    ga_overtaken_begin();
    sched_thawed(fixture->sched);
    wait_entered(fixture, &before);
    let_go(fixture, &before);
    submit_to(fixture, other, &behind, JOB_URGENT);
    wait_entered(fixture, &behind);
    let_go(fixture, &behind);
    ga_overtaken_end();
    let_go(fixture, &freeze);
    stream_close(other);
}

static void freeze_thaw_and_what_follows_keep_their_order_in_one_stream(void **state)
{
    struct fixture *fixture = *state;
    static struct probe freeze = { .job.freeze_op = true }, thaw = { .job.freeze_op = true };
    static struct probe between = { 0 }, behind = { 0 }, refreeze = { .job.freeze_op = true };

    submit(fixture, &freeze, JOB_BARRIER);
    submit(fixture, &between, JOB_SHARED);
    submit(fixture, &thaw, JOB_URGENT);
    submit(fixture, &behind, JOB_SHARED);
    submit(fixture, &refreeze, JOB_BARRIER);
    wait_entered(fixture, &freeze);
    check_waits(fixture, &thaw);
    let_go(fixture, &freeze);
    wait_entered(fixture, &between);
    wait_entered(fixture, &thaw);
    check_waits(fixture, &behind);
    let_go(fixture, &thaw);
    wait_entered(fixture, &behind);
    let_go(fixture, &between);
    check_waits(fixture, &refreeze);
    let_go(fixture, &behind);
    wait_entered(fixture, &refreeze);
    let_go(fixture, &refreeze);
}

/* The thaw does not wait for them, but serving one by one they would have come first. */
static void what_held_jobs_see_is_settled_before_a_thaw_behind_them(void **state)
{
    struct fixture *fixture = *state;
    static struct probe first = { 0 }, held = { 0 }, behind = { 0 };
    static struct probe freeze = { .job.freeze_op = true }, thaw = { .job.freeze_op = true };

    submit(fixture, &freeze, JOB_BARRIER);
    submit(fixture, &first, JOB_SHARED);
    submit(fixture, &held, JOB_BARRIER);
    submit(fixture, &thaw, JOB_URGENT);
    submit(fixture, &behind, JOB_SHARED);
    wait_entered(fixture, &freeze);
    assert_false(held.settled);
    let_go(fixture, &freeze);
    wait_entered(fixture, &thaw);
    assert_false(get_flag(fixture, &held.entered));
    assert_true(held.settled);
    assert_false(behind.settled);
    let_go(fixture, &thaw);
    let_go(fixture, &first);
    wait_entered(fixture, &held);
    let_go(fixture, &held);
    wait_entered(fixture, &behind);
    let_go(fixture, &behind);
}

static void the_urgent_lane_runs_when_all_workers_are_stuck(void **state)
{
    struct fixture *fixture = *state;
    static struct probe stuck[16] = { 0 }, waiting = { 0 }, status = { 0 };

    for (int i = 0; i < 16; i++)
        submit(fixture, &stuck[i], JOB_SHARED);
    for (int i = 0; i < 16; i++)
        wait_entered(fixture, &stuck[i]);
    submit(fixture, &waiting, JOB_SHARED);
    submit(fixture, &status, JOB_URGENT);
    wait_entered(fixture, &status);
    let_go(fixture, &status);
    assert_false(get_flag(fixture, &waiting.entered));
    for (int i = 0; i < 16; i++)
        let_go(fixture, &stuck[i]);
    let_go(fixture, &waiting);
}

static void a_closed_stream_finishes_its_jobs_without_holding_up_a_new_one(void **state)
{
    struct fixture *fixture = *state;
    static struct probe stuck = { 0 }, held = { 0 }, fresh = { 0 };

    submit(fixture, &stuck, JOB_SHARED);
    submit(fixture, &held, JOB_BARRIER);
    stream_close(fixture->stream);
    fixture->stream = stream_new(fixture->sched);
    submit(fixture, &fresh, JOB_BARRIER);
    wait_entered(fixture, &fresh);
    let_go(fixture, &fresh);
    let_go(fixture, &stuck);
    wait_entered(fixture, &held);
    let_go(fixture, &held);
}

static bool probe_run_inline(struct job *job)
{
    struct probe *probe = CONTAINER_OF(job, struct probe, job);

    probe->tried = true;
    return probe->can_now;
}

static int submit_now(struct fixture *fixture, struct probe *probe)
{
    probe->fixture = fixture;
    probe->job = (struct job){ .class = JOB_FILE,
                               .run = probe_run,
                               .done = probe_done,
                               .flush = probe_flush,
                               .key = probe_key,
                               .run_inline = probe_run_inline };
    return sched_submit(fixture->stream, &probe->job);
}

static void a_job_that_need_not_wait_runs_at_once_if_nothing_is_before_it(void **state)
{
    struct fixture *fixture = *state;
    static struct probe quick = { .key_known = true, .can_now = true };
    static struct probe waiting = { .key_known = true };
    static struct probe behind = { .key_known = true, .can_now = true };

    assert_int_equal(submit_now(fixture, &quick), 1);
    assert_int_equal(sched_jobs(fixture->sched), 0);
    assert_int_equal(submit_now(fixture, &waiting), 0); /* tried, and then a worker's */
    assert_true(waiting.tried);
    assert_int_equal(submit_now(fixture, &behind), 0); /* the same file: not even tried */
    assert_false(behind.tried);
    wait_entered(fixture, &waiting);
    check_waits(fixture, &behind);
    let_go(fixture, &waiting);
    wait_entered(fixture, &behind);
    let_go(fixture, &behind);
}

/* Of 64 jobs three quarters are for all; then each stream has room for one. */
static void many_jobs_of_a_stream_leave_room_for_others(void **state)
{
    struct fixture *fixture = *state;
    static struct probe probes[48] = { 0 }, more = { 0 }, others[17] = { 0 };
    static struct probe thaw = { .job.freeze_op = true };
    struct stream *streams[17];

    for (int i = 0; i < 48; i++)
        submit(fixture, &probes[i], JOB_BARRIER);
    more.job.class = others[16].job.class = JOB_BARRIER;
    assert_int_equal(sched_submit(fixture->stream, &more.job), -EAGAIN);
    for (int i = 0; i < 17; i++) {
        streams[i] = stream_new(fixture->sched);
        if (i < 16)
            submit_to(fixture, streams[i], &others[i], JOB_BARRIER);
    }
    assert_int_equal(sched_submit(streams[16], &others[16].job), -ENOSPC);
    submit(fixture, &thaw, JOB_URGENT); /* but never a thaw */
    wait_entered(fixture, &thaw);
    let_go(fixture, &thaw);
    for (int i = 0; i < 16; i++) {
        wait_entered(fixture, &others[i]);
        let_go(fixture, &others[i]);
        wait_for(fixture, &others[i].left);
    }
    for (int i = 0; i < 48; i++) {
        wait_entered(fixture, &probes[i]);
        assert_true(i == 0 || probes[i].entered_as > probes[i - 1].entered_as);
        let_go(fixture, &probes[i]);
        wait_for(fixture, &probes[i].left);
    }
    submit(fixture, &more, JOB_BARRIER);
    wait_entered(fixture, &more);
    let_go(fixture, &more);
    for (int i = 0; i < 17; i++)
        stream_close(streams[i]);
}

static void a_query_waits_for_earlier_writes_of_its_stream(void **state)
{
    struct fixture *fixture = *state;
    static struct probe write = { .key_known = true, .job.writes = true };
    static struct probe read = { .key_known = true, .key = { 1, 1 } };
    static struct probe query = { .job.looks = true }, other = { .job.looks = true };
    struct stream *stream = stream_new(fixture->sched);

    submit(fixture, &write, JOB_FILE);
    submit(fixture, &read, JOB_FILE);
    submit(fixture, &query, JOB_SHARED);
    submit_to(fixture, stream, &other, JOB_SHARED);
    wait_entered(fixture, &write);
    wait_entered(fixture, &other);
    check_waits(fixture, &query);
    let_go(fixture, &write);
    wait_entered(fixture, &query); /* beside the read */
    let_go(fixture, &query);
    let_go(fixture, &read);
    let_go(fixture, &other);
    stream_close(stream);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(shared_jobs_run_beside_each_other_beyond_the_core_workers),
        CASE(a_barrier_waits_for_all_before_it_and_holds_all_behind_it),
        CASE(barriers_are_per_stream),
        CASE(one_file_is_served_in_order_and_two_files_at_once),
        CASE(one_file_is_served_in_order_across_streams),
        CASE(an_unknown_file_is_ordered_as_a_barrier_and_asked_again_in_its_turn),
        CASE(opens_run_in_order_beside_other_jobs),
        CASE(a_status_waits_for_a_freeze_in_progress_and_for_nothing_else),
        CASE(a_status_behind_a_queued_freeze_answers_after_it),
        CASE(a_thaw_of_another_stream_does_not_wait_for_a_stuck_freeze),
        CASE(a_status_does_not_wait_for_a_freeze_that_a_thaw_went_round),
        CASE(freeze_thaw_and_what_follows_keep_their_order_in_one_stream),
        CASE(what_held_jobs_see_is_settled_before_a_thaw_behind_them),
        CASE(the_urgent_lane_runs_when_all_workers_are_stuck),
        CASE(a_closed_stream_finishes_its_jobs_without_holding_up_a_new_one),
        CASE(a_job_that_need_not_wait_runs_at_once_if_nothing_is_before_it),
        CASE(many_jobs_of_a_stream_leave_room_for_others),
        CASE(a_query_waits_for_earlier_writes_of_its_stream),
        CASE(opens_of_one_path_run_in_order_across_streams),
        CASE(an_open_that_writes_waits_for_others_of_its_path),
        CASE(file_jobs_are_measured_by_kind_and_device),
        CASE(file_jobs_leave_workers_to_others),
        CASE(what_ended_streams_leave_running_is_limited_by_kind),
    };

    return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
