/*
 * A deadline with a thread of its own, for the automatic thaw.
 *
 * Threads    any. The thread is there from the first arm until a disarm, so that a deadline that is
 *            moved needs nothing new; `fire` runs on it, with no lock held.
 */
#pragma once

#include "cmds/linux/freeze/freeze_job.h"

/* True: to be tried again after FREEZE_RETRY_SEC. */
typedef bool freeze_timer_fn(const struct freeze_job *job);

/* Fires after `timeout_ms`, counted while the guest runs; < 0: never, the thread only stands by.
 * `job->root` is copied. 0, or -errno if there can be no thread. Arming again moves the deadline. */
int freeze_timer_arm(const struct freeze_job *job, int64_t timeout_ms, freeze_timer_fn *fire);
/* Waits for nothing: a thaw that has begun goes on. */
void freeze_timer_disarm(void);
/* Disarms and waits for the thread's end, so long as it does not take over `patience_ms`: false if
 * it is still in a thaw then. */
bool freeze_timer_finish(void);
