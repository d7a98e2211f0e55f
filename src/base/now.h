/*
 * The time that only goes on (CLOCK_MONOTONIC), in nanoseconds since some past moment.
 *
 * Threads    any.
 */
#pragma once

#include "base/defs.h"

#include <time.h>

static inline int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}
