/*
 * Latencies in bounded memory: 32 steps for each doubling, so a quantile is right to 1.6 %.
 *
 * Threads    none.
 */
#pragma once

#include "base/defs.h"

#define LATENCY_CELLS 64u /* of each shift; above shift 0 the upper half is used */

struct latency {
    uint64_t count;
    uint64_t cells[59 * LATENCY_CELLS];
};

static inline void latency_add(struct latency *latency, uint64_t nsec)
{
    unsigned shift = nsec < LATENCY_CELLS ? 0 : 58u - (unsigned)__builtin_clzll(nsec);

    latency->cells[shift * LATENCY_CELLS + (nsec >> shift)]++;
    latency->count++;
}

/* Nanoseconds that the given share (0..1) did not exceed. */
static inline double latency_quantile(const struct latency *latency, double share)
{
    uint64_t wanted = (uint64_t)((double)latency->count * share), seen = 0;
    size_t i;

    for (i = 0; i < ARRAY_LEN(latency->cells); i++) {
        seen += latency->cells[i];
        if (seen > wanted) {
            uint64_t shift = i / LATENCY_CELLS, low = i % LATENCY_CELLS;

            return (double)(low << shift) + (double)((1ull << shift) - 1) / 2;
        }
    }
    return 0;
}
