/*
 * What the watcher does for a process: keeps its output, takes its end.
 *
 * Threads    any.
 */
#pragma once

#include "cmds/exec/exec_proc.h"

/* The first so many bytes of each stream are kept, the rest is read and dropped. */
#define EXEC_STREAM_MAX (16 * MIB)

/* Starts to follow a process that is in the table: `proc` may be gone when this returns. */
void exec_follow(struct exec_proc *proc);
