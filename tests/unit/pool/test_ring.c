/*
 * The ready ring: first in, first out; every job taken exactly once by competing workers.
 */
#include "pool/ring.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

#define JOBS   20000
#define TAKERS 3

static void jobs_come_out_in_order_and_a_full_ring_says_so(void **state)
{
    struct ring *ring = ring_new(4);
    struct job jobs[4] = { 0 };
    int held = 0;

    assert_int_equal(ring_size(ring), 0);
    assert_null(ring_pop(ring));
    while (held < 4 && ring_push(ring, &jobs[held]))
        held++;
    assert_in_range(held, 3, 4); /* ck keeps one slot free */
    assert_int_equal(ring_size(ring), held);
    for (int i = 0; i < held; i++)
        assert_ptr_equal(ring_pop(ring), &jobs[i]);
    assert_null(ring_pop(ring));
    ring_free(ring);
}

struct race {
    struct ring *ring;
    _Atomic int left;
    _Atomic int taken[JOBS];
    struct job jobs[JOBS];
};

static void *take(void *arg)
{
    struct race *race = arg;

    while (atomic_load(&race->left) > 0) {
        struct job *job = ring_pop(race->ring);

        if (!job) {
            sched_yield();
            continue;
        }
        atomic_fetch_add(&race->taken[job->seq], 1);
        atomic_fetch_sub(&race->left, 1);
    }
    return NULL;
}

static void each_job_is_taken_once(void **state)
{
    struct race *race = calloc(1, sizeof(*race));
    pthread_t takers[TAKERS];

    assert_non_null(race);
    race->ring = ring_new(64);
    atomic_init(&race->left, JOBS);
    for (int i = 0; i < TAKERS; i++)
        PTOK(pthread_create(&takers[i], NULL, take, race));
    for (uint64_t i = 0; i < JOBS; i++) {
        race->jobs[i].seq = i; /* plain: handed over with the push */
        while (!ring_push(race->ring, &race->jobs[i]))
            sched_yield();
    }
    for (int i = 0; i < TAKERS; i++)
        PTOK(pthread_join(takers[i], NULL));
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(atomic_load(&race->taken[i]), 1);
    ring_free(race->ring);
    free(race);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_come_out_in_order_and_a_full_ring_says_so),
        cmocka_unit_test(each_job_is_taken_once),
    };

    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
