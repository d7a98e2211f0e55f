/*
 * Ready ring: a job in and out on one thread, and from one thread to another that spins for it.
 *
 *   field     written by             read by        order
 *   passed    consumer: release      main: acquire  main waits for the end of a run
 *   ending    main: release          consumer: acquire
 */
#include "micro.h"
#include "pool/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define CAPACITY 1024u

struct bench {
    struct ring *ring;
    struct job job;
    _Atomic uint64_t passed;
    _Atomic bool ending;
};

static void push_pop(void *ctx, uint64_t rounds)
{
    struct bench *bench = ctx;

    while (rounds-- > 0) {
        if (!ring_push(bench->ring, &bench->job) || ring_pop(bench->ring) != &bench->job)
            abort();
    }
}

static void *consume(void *ctx)
{
    struct bench *bench = ctx;

    while (!atomic_load_explicit(&bench->ending, memory_order_acquire)) {
        if (ring_pop(bench->ring))
            atomic_fetch_add_explicit(&bench->passed, 1, memory_order_release);
        else
            sched_yield(); /* both threads may have to share a processor */
    }
    return NULL;
}

static void hand_over(void *ctx, uint64_t rounds)
{
    struct bench *bench = ctx;
    uint64_t end = atomic_load_explicit(&bench->passed, memory_order_acquire) + rounds;

    while (rounds > 0) {
        if (ring_push(bench->ring, &bench->job))
            rounds--;
        else
            sched_yield();
    }
    while (atomic_load_explicit(&bench->passed, memory_order_acquire) < end)
        sched_yield();
}

int main(int argc, char **argv)
{
    static struct bench bench;
    pthread_t thread;

    micro_options(argc, argv);
    bench.ring = ring_new(CAPACITY);
    if (!bench.ring)
        abort();
    micro_report("ring, push and pop on one thread", push_pop, &bench, 0, 1);
    PTOK(pthread_create(&thread, NULL, consume, &bench));
    micro_report("ring, from thread to thread", hand_over, &bench, 0, 1);
    atomic_store_explicit(&bench.ending, true, memory_order_release);
    PTOK(pthread_join(thread, NULL));
    ring_free(bench.ring);
    return 0;
}
