/*
 * Freezing and thawing: one operation at a time, which a stuck one cannot hold up.
 *
 * freeze   hook "freeze", mount table, marker, FIFREEZE one after the other. Whatever ends it early
 *          thaws what was frozen and runs the hook "thaw" if the hook "freeze" ran.
 * thaw     FITHAW in the opposite order until nothing is left, marker removed, hook "thaw". A
 *          freeze in progress is asked to stop first; one that does not within
 *          `patience_ms`, since a FIFREEZE hangs, is overtaken: the thaw goes round that one
 *          filesystem, and the freezing thread thaws it when its FIFREEZE returns at last. Until
 *          then there is no new freeze.
 * timer    a thaw by itself, from a thread that exists only while something may be frozen.
 *
 * Threads    any. Ownership: `root` is copied, `config` lives as long as the process.
 */
#pragma once

#include "cmds/linux/freeze/fsfreeze.h"

struct freeze_job {
    const struct sysroot *root;
    const struct freeze_config *config;
};

/* Limits that tests shorten. */
struct freeze_limits {
    int patience_ms;      /* how long a thaw waits for a freeze in progress, or for another thaw */
    int64_t second_in_ms; /* the unit of the configured times */
};
extern struct freeze_limits freeze_limits;

/* Freezes the filesystems in `names` (NULL: all): 0 and how many, or -1 and nothing is frozen. */
int freeze_run(const struct freeze_job *job, const struct arg_str_list *names, int64_t *ret_count,
               struct cmd_error *reterr);

/* 0 and how many filesystems this call thawed (0: none was frozen), or -1. */
int freeze_thaw(const struct freeze_job *job, int64_t *ret_count, struct cmd_error *reterr);

/* The frozen state comes from an earlier process: `marker_text` is what it left. */
void freeze_resume(const struct freeze_job *job, const char *marker_text);

/* freeze_hook.c: runs the hook with `action` ("freeze", "thaw"). 0, also without a hook, or -1;
 * ret_ran says whether it was started. */
int freeze_hook(const struct freeze_job *job, const char *action, bool *ret_ran,
                struct cmd_error *reterr);

/* freeze_timer.c: thaws by itself after `timeout_ms`, counted while the guest runs.
 * 0, or -errno if there can be no thread. Arming again moves the deadline. */
int freeze_timer_arm(const struct freeze_job *job, int64_t timeout_ms);
/* Waits for nothing: a thaw that has begun goes on. */
void freeze_timer_disarm(void);
/* Disarms and waits for the thread's end, so long as it does not take over `patience_ms`. */
void freeze_timer_finish(void);

/* The marker's text: when to thaw, on a clock that goes on after this process. */
#define FREEZE_MARKER_MAX 128
void freeze_marker_format(const struct freeze_job *job, char text[FREEZE_MARKER_MAX]);
/* How long until then; 0: now; -1: never. */
int64_t freeze_marker_left_ms(const struct freeze_job *job, const char *text);
