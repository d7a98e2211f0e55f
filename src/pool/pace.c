#include "pool/pace.h"

#include "base/now.h"

#include <sys/resource.h>

/* What a single job may add to the mean, so that one that was preempted does not change it much. */
#define MEAN_MAX_NS (8 * (int64_t)QUICK_JOB_NS)
/* The same for the time it waits: three in a row are believed. */
#define WAITING_JOB_NS ((unsigned)NSEC_PER_MSEC)
#define WAIT_MAX_NS    (4 * (int64_t)WAITING_JOB_NS)

bool pace_waits(const struct pace *pace)
{
    return atomic_load_explicit(&pace->wait_ns, memory_order_relaxed) >= WAITING_JOB_NS;
}

static int64_t timeval_ns(struct timeval time)
{
    return time.tv_sec * NSEC_PER_SEC + time.tv_usec * NSEC_PER_USEC;
}

static void look_at_thread(int64_t *ret_cpu_ns, long *ret_sleeps)
{
    struct rusage usage = { 0 };

    getrusage(RUSAGE_THREAD, &usage);
    *ret_cpu_ns = timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
    *ret_sleeps = usage.ru_nvcsw;
}

struct stopwatch pace_start(const struct pace *pace)
{
    unsigned mean_ns = atomic_load_explicit(&pace->mean_ns, memory_order_relaxed);
    bool is_known_quick = mean_ns > 0 && mean_ns < QUICK_JOB_NS;
    struct stopwatch watch = { .looks_at_thread = !is_known_quick, .start_ns = now_ns() };

    if (watch.looks_at_thread)
        look_at_thread(&watch.start_cpu_ns, &watch.start_sleeps);
    return watch;
}

static void note(_Atomic unsigned *mean_ns, int64_t ns, int64_t max_ns)
{
    unsigned mean = atomic_load_explicit(mean_ns, memory_order_relaxed);
    unsigned capped = (unsigned)MIN_OF(ns, max_ns);

    atomic_store_explicit(mean_ns, mean - mean / 8 + capped / 8, memory_order_relaxed);
}

/* A job that computes may lose its processor to others, but it does not go to sleep by itself. */
void pace_ran(struct stopwatch *watch)
{
    int64_t cpu_ns, ns, used_ns;
    long sleeps;

    if (!watch->looks_at_thread)
        return;
    look_at_thread(&cpu_ns, &sleeps);
    ns = now_ns() - watch->start_ns;
    used_ns = cpu_ns - watch->start_cpu_ns;
    if (sleeps != watch->start_sleeps && used_ns < ns / 2)
        watch->waited_ns = ns - used_ns;
}

int64_t pace_stop(struct pace *pace, const struct stopwatch *watch)
{
    int64_t ns = now_ns() - watch->start_ns;

    note(&pace->mean_ns, ns, MEAN_MAX_NS);
    note(&pace->wait_ns, watch->waited_ns, WAIT_MAX_NS);
    return ns;
}
