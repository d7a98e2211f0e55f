/*
 * Microbenchmarks: how long a body takes, as one line with its unit.
 *
 * The body is run in growing numbers of rounds until a run is long enough, three times; the best
 * run counts, since whatever else the machine does only adds to it. `--quick` makes runs short, for
 * tests that look whether it works.
 *
 * Threads    main only.
 */
#pragma once

#include "base/defs.h"

#include <time.h>

typedef void (*micro_fn)(void *ctx, uint64_t rounds);

static uint64_t micro_run_ns = 200 * 1000 * 1000;

static inline void micro_options(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--quick") == 0)
        micro_run_ns = 1000 * 1000;
}

static inline uint64_t micro_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* Nanoseconds of a round. */
static inline double micro_time(micro_fn body, void *ctx)
{
    double best = 0;
    int run;

    for (run = 0; run < 3; run++) {
        uint64_t rounds = 1, took_ns = 0;

        for (;;) {
            uint64_t begin_ns = micro_now_ns();

            body(ctx, rounds);
            took_ns = micro_now_ns() - begin_ns;
            if (took_ns >= micro_run_ns)
                break;
            rounds *= 2;
        }
        if (best == 0 || (double)took_ns / (double)rounds < best)
            best = (double)took_ns / (double)rounds;
    }
    return best;
}

/* `bytes` of a round: GB/s (10^9); 0: ns each of `count` in a round. */
static inline void micro_report(const char *name, micro_fn body, void *ctx, size_t bytes,
                                unsigned count)
{
    double round_ns = micro_time(body, ctx);

    if (bytes > 0)
        printf("%-44s %10.2f GB/s\n", name, (double)bytes / round_ns);
    else
        printf("%-44s %10.1f ns\n", name, round_ns / count);
    fflush(stdout);
}
