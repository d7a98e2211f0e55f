/*
 * Bytes that started programs hold together: output that was not reported yet, input that waits to be
 * read.
 *
 * Threads    any.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>

struct exec_quota {
    size_t max;
    _Atomic size_t held; /* relaxed: a count, no bytes come with it */
};

/* How many of `want` bytes are granted. */
size_t exec_quota_take(struct exec_quota *quota, size_t want);
void exec_quota_give(struct exec_quota *quota, size_t bytes);
size_t exec_quota_left(struct exec_quota *quota);
