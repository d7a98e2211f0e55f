/*
 * The clocks that guest-set-time sets and reads, as calls that unit tests replace: no test sets a real one.
 *
 * Threads    any; the table itself is changed by tests only. Errors are -errno.
 */
#pragma once

#include <sys/time.h>
#include <time.h>

struct rtc_time;

struct clock_ops {
    int (*set_system)(const struct timeval *now);
    int (*set_rtc)(int fd, const struct rtc_time *now);
    int (*read_rtc)(int fd, struct rtc_time *ret_now);
    int (*read_ptp)(int fd, struct timespec *ret_now);
};
extern struct clock_ops clock_ops;
