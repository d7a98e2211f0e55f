/*
 * Freezing: one filesystem after the other, each kept by the descriptor it was frozen through.
 *
 * freeze   hook "freeze", mount table, marker, FIFREEZE one after the other. Whatever ends it early
 *          thaws what was frozen and runs the hook "thaw" if the hook "freeze" ran.
 * Left out what cannot be reached when all are to be frozen: hidden by other mounts everywhere, in
 *          a FUSE, mounted on what is no directory and no regular file. The log tells. A name of a
 *          list that cannot be reached is an error.
 *
 * Threads  any. Ownership: `root` is copied, `config` lives as long as the process.
 */
#pragma once

#include "cmds/linux/freeze/freeze_job.h"
#include "proto/bind.h"

/* Freezes the filesystems in `names` (NULL: all): 0 and how many, or -1 and nothing is frozen (or
 * what could not be thawed again is named, and tried again by the timer). */
int freeze_run(const struct freeze_job *job, const struct arg_str_list *names, int64_t *ret_count,
               struct cmd_error *reterr);
