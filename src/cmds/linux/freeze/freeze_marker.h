/*
 * The marker's text: when to thaw, on a clock that goes on after this process, and who froze.
 *
 *     thaw-at-ms=N boot=ID pid=P start=T
 *
 * N is of CLOCK_BOOTTIME (-1: never); T is the start time of P as /proc/P/stat has it. An empty
 * text is qemu-ga's. Threads: any.
 */
#pragma once

#include "base/state.h"
#include "cmds/linux/freeze/freeze_job.h"

/* `timeout_ms` from now; < 0: never. */
void freeze_marker_format(const struct freeze_job *job, int64_t timeout_ms,
                          char ret_text[STATE_MARKER_MAX]);

/* How long until then; 0: now; -1: never. */
int64_t freeze_marker_left_ms(const struct freeze_job *job, const char *text);

/* The pid of the process that froze, if it has ended but for a thread in the kernel, which may be a
 * FIFREEZE that hangs; else 0. */
int freeze_marker_lingers(const struct freeze_job *job, const char *text);
