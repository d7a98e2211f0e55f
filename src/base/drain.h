/*
 * Drain: pipes whose readers have gone on, read to their end so that those who still write to them
 * neither die by SIGPIPE nor wait. What comes is dropped.
 *
 * Threads    any. One thread of its own reads, while there is a pipe to read.
 * Limit      DRAIN_MAX pipes; for one more the oldest is closed.
 * Cost       a pipe nobody writes to costs its descriptor; a flood is read at a pipe-full each
 *            10 ms.
 */
#pragma once

#include "base/defs.h"

#define DRAIN_MAX 64

/* Takes the read end of a pipe, which does not block. */
void drain_add(int fd);

/* How many pipes have writers still, as far as is known. */
size_t drain_count(void);
