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

/* `ms` from now, for calls that wait until a time of this clock. */
static inline struct timespec now_plus_ms(int64_t ms)
{
    int64_t at_ns = now_ns() + ms * NSEC_PER_MSEC;

    return (struct timespec){ .tv_sec = (time_t)(at_ns / NSEC_PER_SEC),
                              .tv_nsec = (long)(at_ns % NSEC_PER_SEC) };
}
