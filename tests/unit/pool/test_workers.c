/*
 * Elastic workers without their scheduler: wake-ups, stuck workers, priority, the end.
 */
#include "pool/workers.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#define PATIENCE_MS 10000

struct fixture {
    struct workers *workers;
    sem_t ran;
};

struct task {
    struct job job;
    struct fixture *fixture;
    sem_t *gate;         /* NULL: runs through */
    sem_t *entered;      /* NULL, or posted before that */
    unsigned sleep_ms;   /* first */
    unsigned compute_ms; /* likewise */
    struct task *follow; /* pushed when it has run, as the scheduler does */
    unsigned follow_count;
    bool soon;                 /* pushed so */
    const struct task *leader; /* whose job ran before */
    bool leader_flushed;       /* seen in run() */
    int nice;                  /* likewise */
    atomic_bool flushed;
};

static void sleep_for(unsigned ms)
{
    nanosleep(&(struct timespec){ .tv_nsec = ms * NSEC_PER_MSEC }, NULL);
}

static int64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* Of the thread's own time: others may use the processor meanwhile. */
static void compute_for(unsigned ms)
{
    int64_t until_ns = cpu_ns() + ms * NSEC_PER_MSEC;

    while (cpu_ns() < until_ns)
        ;
}

static void task_run(struct job *job)
{
    struct task *task = CONTAINER_OF(job, struct task, job);

    if (task->sleep_ms)
        sleep_for(task->sleep_ms);
    if (task->compute_ms)
        compute_for(task->compute_ms);
    if (task->entered)
        sem_post(task->entered);
    if (task->gate)
        while (sem_wait(task->gate) != 0)
            ;
    task->nice = getpriority(PRIO_PROCESS, 0); /* the thread's */
    task->leader_flushed = task->leader && atomic_load(&task->leader->flushed);
}

static void task_done(struct job *job)
{
    struct task *task = CONTAINER_OF(job, struct task, job);

    sem_post(&task->fixture->ran);
}

static void task_flush(struct job *job)
{
    struct task *task = CONTAINER_OF(job, struct task, job);

    atomic_store(&task->flushed, true);
}

static struct job *finish(void *arg, struct job *job)
{
    struct task *task = CONTAINER_OF(job, struct task, job);

    for (unsigned i = 0; i < task->follow_count; i++)
        workers_push(task->fixture->workers, &task->follow[i].job, task->follow[i].soon);
    return NULL;
}

static void backlog(void *arg)
{
}

static int setup_keeping(void **state, unsigned keep_ms)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct workers_config config = {
        .core = 2,
        .max = 8,
        .keep_ms = keep_ms,
        .capacity = 256,
        .finish = finish,
        .backlog = backlog,
    };

    assert_non_null(fixture);
    fixture->workers = workers_new(&config);
    assert_non_null(fixture->workers);
    sem_init(&fixture->ran, 0, 0);
    *state = fixture;
    return 0;
}

static int setup(void **state)
{
    return setup_keeping(state, 0);
}

static int setup_patient(void **state)
{
    return setup_keeping(state, 100 * PATIENCE_MS);
}

static int setup_impatient(void **state)
{
    return setup_keeping(state, 20);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    if (fixture->workers)
        assert_true(workers_stop(fixture->workers, PATIENCE_MS));
    sem_destroy(&fixture->ran);
    free(fixture);
    return 0;
}

static struct task make_task(struct fixture *fixture, sem_t *gate)
{
    return (struct task){
        .job = { .run = task_run, .done = task_done, .flush = task_flush },
        .fixture = fixture,
        .gate = gate,
    };
}

static void wait_ran(struct fixture *fixture)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    assert_int_equal(sem_timedwait(&fixture->ran, &until), 0);
}

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = WORKERS_TICK_MS * NSEC_PER_MSEC }, NULL);
}

/* Ticks until one more job has run. */
static void wait_ran_ticking(struct fixture *fixture)
{
    for (int ms = 0; ms < PATIENCE_MS; ms += WORKERS_TICK_MS) {
        if (sem_trywait(&fixture->ran) == 0)
            return;
        workers_tick(fixture->workers);
        nap();
    }
    fail();
}

static bool has_entered(sem_t *entered)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    return sem_timedwait(entered, &until) == 0;
}

static void wait_flushed(struct task *task)
{
    for (int ms = 0; ms < PATIENCE_MS && !atomic_load(&task->flushed); ms += WORKERS_TICK_MS)
        nap();
    assert_true(atomic_load(&task->flushed));
}

/* Quick jobs are left to busy workers; a stuck one is busy and must not be counted on for ever. */
static void a_stuck_worker_slows_others_down_once_only(void **state)
{
    struct fixture *fixture = *state;
    static struct task stuck, quick[100];
    sem_t gate;

    sem_init(&gate, 0, 0);
    for (int i = 0; i < 100; i++) /* two workers, and quick on average */
        quick[i] = make_task(fixture, NULL);
    stuck = make_task(fixture, &gate);
    workers_push(fixture->workers, &stuck.job, false);
    workers_push(fixture->workers, &quick[0].job, false);
    wait_ran_ticking(fixture);
    wait_flushed(&quick[0]);
    for (int i = 1; i < 100; i++) {
        workers_push(fixture->workers, &quick[i].job, false);
        wait_ran(fixture); /* nobody ticks */
        wait_flushed(&quick[i]);
    }
    sem_post(&gate);
    wait_ran(fixture);
    wait_flushed(&stuck);
    sem_destroy(&gate);
}

/* Runs `first`, and `stuck` behind it on the same worker. True when the worker has kept the first
 * one in hand, which it does while jobs are quick: it may have been preempted. */
static bool get_stuck_with_one_in_hand(struct fixture *fixture, struct task *first,
                                       struct task *stuck, sem_t *gate)
{
    *first = make_task(fixture, NULL);
    *stuck = make_task(fixture, gate);
    first->follow = stuck;
    first->follow_count = 1;
    workers_push(fixture->workers, &first->job, false);
    wait_ran(fixture);
    for (int i = 0; i < 20; i++) {
        if (workers_tick(fixture->workers))
            return true;
        nap();
    }
    return false;
}

static void a_stuck_worker_is_reported_once_and_does_not_tick_for_ever(void **state)
{
    struct fixture *fixture = *state;
    static struct task first, stuck;
    bool told = false;
    sem_t gate;

    sem_init(&gate, 0, 0);
    for (int i = 0; i < 50 && !told; i++) {
        told = get_stuck_with_one_in_hand(fixture, &first, &stuck, &gate);
        if (told) {
            assert_false(atomic_load(&first.flushed));
            assert_false(workers_need_tick(fixture->workers));
            assert_false(workers_tick(fixture->workers));
            assert_false(workers_tick(fixture->workers));
        }
        sem_post(&gate);
        wait_ran(fixture);
        wait_flushed(&first);
        wait_flushed(&stuck);
    }
    assert_true(told);
    sem_destroy(&gate);
}

static void a_stuck_worker_is_reported_while_others_make_progress(void **state)
{
    struct fixture *fixture = *state;
    static struct task first, stuck, quick[4];
    bool has_one = false, told = false;
    sem_t gate;

    sem_init(&gate, 0, 0);
    for (int i = 0; i < 50 && !has_one; i++) {
        has_one = get_stuck_with_one_in_hand(fixture, &first, &stuck, &gate);
        for (int n = 0; has_one && n < 4; n++) {
            quick[n] = make_task(fixture, NULL);
            workers_push(fixture->workers, &quick[n].job, false);
            if (n == 0)
                wait_ran_ticking(fixture); /* another worker comes */
            else
                wait_ran(fixture);
            told |= n > 0 && workers_tick(fixture->workers);
        }
        sem_post(&gate);
        wait_ran(fixture);
        wait_flushed(&first);
        wait_flushed(&stuck);
    }
    assert_true(told);
    for (int n = 0; n < 4; n++)
        wait_flushed(&quick[n]);
    sem_destroy(&gate);
}

/* All on one worker: a job that is not quick, another, and two nonblocking ones behind that. */
static void nonblocking_jobs_wake_nobody_and_what_is_before_them_goes_out_with_them(void **state)
{
    struct fixture *fixture = *state;
    static struct task slow, leader, nonblocking[2];
    sem_t gate;

    sem_init(&gate, 0, 0);
    slow = make_task(fixture, &gate);
    slow.follow = &leader;
    slow.follow_count = 1;
    leader = make_task(fixture, &gate);
    leader.soon = true;
    leader.follow = nonblocking;
    leader.follow_count = 2;
    for (int i = 0; i < 2; i++) {
        nonblocking[i] = make_task(fixture, NULL);
        nonblocking[i].job.nonblocking = nonblocking[i].soon = true;
        nonblocking[i].leader = &leader;
    }
    workers_push(fixture->workers, &slow.job, false);
    for (int i = 0; i < 2; i++) {
        nap();
        sem_post(&gate);
        wait_ran(fixture);
    }
    for (int i = 0; i < 2; i++) {
        wait_ran(fixture);
        wait_flushed(&nonblocking[i]);
        assert_false(nonblocking[i].leader_flushed);
    }
    assert_int_equal(workers_count(fixture->workers), 1);
    sem_destroy(&gate);
}

/* Runs a job that starts a program, and behind it, on the same worker, another one. */
static void run_spawning_and_one(struct fixture *fixture, struct task tasks[2], bool nonblocking)
{
    int usual = getpriority(PRIO_PROCESS, 0);

    if (usual != 0 || setpriority(PRIO_PROCESS, 0, usual - 1) != 0)
        skip();
    assert_int_equal(setpriority(PRIO_PROCESS, 0, usual), 0);
    tasks[0] = make_task(fixture, NULL);
    tasks[0].job.spawns = true;
    tasks[0].follow = tasks + 1;
    tasks[0].follow_count = 1;
    tasks[1] = make_task(fixture, NULL);
    tasks[1].job.nonblocking = nonblocking;
    tasks[1].soon = true;
    workers_push(fixture->workers, &tasks[0].job, false);
    wait_ran(fixture);
    wait_ran(fixture);
    wait_flushed(&tasks[0]);
    wait_flushed(&tasks[1]);
    assert_true(tasks[0].nice < usual);
}

static void a_worker_that_starts_programs_boosts_its_priority_until_its_next_job(void **state)
{
    static struct task tasks[2];

    run_spawning_and_one(*state, tasks, false);
    assert_int_equal(tasks[1].nice, getpriority(PRIO_PROCESS, 0));
}

static void nonblocking_jobs_are_part_of_the_boost(void **state)
{
    struct fixture *fixture = *state;
    static struct task tasks[2], later;

    run_spawning_and_one(fixture, tasks, true);
    assert_int_equal(tasks[1].nice, tasks[0].nice);
    later = make_task(fixture, NULL);
    workers_push(fixture->workers, &later.job, false);
    wait_ran(fixture);
    wait_flushed(&later);
    assert_int_equal(later.nice, getpriority(PRIO_PROCESS, 0));
}

static void *open_later(void *arg)
{
    nap();
    nap();
    sem_post(arg);
    return NULL;
}

/* The last running worker starts others while it is waited for. */
static void workers_that_are_started_during_the_end_are_waited_for(void **state)
{
    struct fixture *fixture = *state;
    static struct task slow, followers[32];
    pthread_t opener;
    sem_t gate;

    sem_init(&gate, 0, 0);
    slow = make_task(fixture, &gate);
    slow.follow = followers;
    slow.follow_count = ARRAY_LEN(followers);
    for (size_t i = 0; i < ARRAY_LEN(followers); i++)
        followers[i] = make_task(fixture, NULL);
    workers_push(fixture->workers, &slow.job, false);
    assert_int_equal(pthread_create(&opener, NULL, open_later, &gate), 0);
    assert_true(workers_stop(fixture->workers, PATIENCE_MS));
    fixture->workers = NULL;
    PTOK(pthread_join(opener, NULL));
    for (size_t i = 0; i < ARRAY_LEN(followers); i++)
        assert_true(atomic_load(&followers[i].flushed));
    sem_destroy(&gate);
}

static void the_end_does_not_wait_for_a_stuck_worker(void **state)
{
    struct fixture *fixture = *state;
    static struct task stuck;
    sem_t gate;

    sem_init(&gate, 0, 0);
    stuck = make_task(fixture, &gate);
    workers_push(fixture->workers, &stuck.job, false);
    assert_false(workers_stop(fixture->workers, 20));
    sem_post(&gate);
    wait_ran(fixture);
    wait_flushed(&stuck);
    sem_destroy(&gate);
}

/* Eight jobs that are blocked side by side, and take long enough to be called slow. */
static void run_slow_burst(struct fixture *fixture, bool ticking)
{
    static struct task tasks[8];
    sem_t gate, entered;

    sem_init(&gate, 0, 0);
    sem_init(&entered, 0, 0);
    for (int i = 0; i < 8; i++) {
        tasks[i] = make_task(fixture, &gate);
        tasks[i].entered = &entered;
        workers_push(fixture->workers, &tasks[i].job, false);
    }
    for (int i = 0; i < 8; i++) {
        while (ticking && sem_trywait(&entered) != 0) {
            workers_tick(fixture->workers);
            nap();
        }
        if (!ticking)
            assert_true(has_entered(&entered));
    }
    nap();
    for (int i = 0; i < 8; i++)
        sem_post(&gate);
    for (int i = 0; i < 8; i++) {
        wait_ran(fixture);
        wait_flushed(&tasks[i]);
    }
    sem_destroy(&entered);
    sem_destroy(&gate);
}

static void run_quick_ones(struct fixture *fixture)
{
    static struct task quick[100];

    for (int i = 0; i < 100; i++) {
        quick[i] = make_task(fixture, NULL);
        quick[i].job.pace = 1;
        workers_push(fixture->workers, &quick[i].job, false);
        wait_ran(fixture);
        wait_flushed(&quick[i]);
    }
}

/* Wait until all are parked: a burst finds only those. */
static void settle(struct fixture *fixture)
{
    for (int i = 0; i < 10; i++)
        nap();
}

static void the_next_burst_finds_the_workers_that_the_last_one_needed(void **state)
{
    struct fixture *fixture = *state;

    run_slow_burst(fixture, true);
    for (int i = 0; i < 3; i++) {
        run_quick_ones(fixture); /* of another pace: they do not make the slow ones quick */
        settle(fixture);
        assert_int_equal(workers_count(fixture->workers), 8);
        run_slow_burst(fixture, false); /* nobody ticks */
    }
}

static void workers_that_are_not_needed_any_longer_leave(void **state)
{
    struct fixture *fixture = *state;

    run_slow_burst(fixture, true);
    for (int ms = 0; ms < PATIENCE_MS && workers_count(fixture->workers) > 2; ms += WORKERS_TICK_MS)
        nap();
    assert_int_equal(workers_count(fixture->workers), 2);
    run_slow_burst(fixture, true);
}

/* One after the other. */
static void run_alike(struct fixture *fixture, unsigned sleep_ms, unsigned compute_ms)
{
    static struct task tasks[4];

    for (int i = 0; i < 4; i++) {
        tasks[i] = make_task(fixture, NULL);
        tasks[i].sleep_ms = sleep_ms;
        tasks[i].compute_ms = compute_ms;
        workers_push(fixture->workers, &tasks[i].job, false);
        wait_ran(fixture);
        wait_flushed(&tasks[i]);
    }
}

static void jobs_that_are_known_to_wait_get_a_worker_each_at_once(void **state)
{
    struct fixture *fixture = *state;

    run_alike(fixture, 15, 0);
    assert_true(workers_count(fixture->workers) <= 2);
    run_slow_burst(fixture, false); /* nobody ticks */
}

static void jobs_that_compute_get_no_more_workers(void **state)
{
    struct fixture *fixture = *state;
    static struct task tasks[8];
    sem_t gate;

    sem_init(&gate, 0, 0);
    run_alike(fixture, 0, 20);
    for (int i = 0; i < 8; i++) {
        tasks[i] = make_task(fixture, &gate);
        workers_push(fixture->workers, &tasks[i].job, false);
    }
    assert_int_equal(workers_count(fixture->workers), 2);
    for (int i = 0; i < 8; i++)
        sem_post(&gate);
    for (int i = 0; i < 8; i++) {
        wait_ran(fixture);
        wait_flushed(&tasks[i]);
    }
    sem_destroy(&gate);
}

#define CASE_AS(setup_, name) cmocka_unit_test_setup_teardown(name, setup_, teardown)
#define CASE(name)            cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_stuck_worker_slows_others_down_once_only),
        CASE(a_stuck_worker_is_reported_once_and_does_not_tick_for_ever),
        CASE(a_stuck_worker_is_reported_while_others_make_progress),
        CASE(nonblocking_jobs_wake_nobody_and_what_is_before_them_goes_out_with_them),
        CASE(a_worker_that_starts_programs_boosts_its_priority_until_its_next_job),
        CASE(nonblocking_jobs_are_part_of_the_boost),
        CASE(workers_that_are_started_during_the_end_are_waited_for),
        CASE(the_end_does_not_wait_for_a_stuck_worker),
        CASE_AS(setup_patient, the_next_burst_finds_the_workers_that_the_last_one_needed),
        CASE(jobs_that_are_known_to_wait_get_a_worker_each_at_once),
        CASE(jobs_that_compute_get_no_more_workers),
        CASE_AS(setup_impatient, workers_that_are_not_needed_any_longer_leave),
    };

    return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
