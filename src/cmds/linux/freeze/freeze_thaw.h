/*
 * Thawing: what this agent froze by the descriptors it kept, and then whatever the mount table
 * shows, until nothing is left.
 *
 * thaw     against the order of freezing, marker removed, hook "thaw". A freeze in progress is
 *          asked to stop first; one that does not within `patience_ms`, since a FIFREEZE hangs, is
 *          overtaken: the thaw goes round that one filesystem, and the freezing thread thaws it
 *          when its FIFREEZE returns at last. Until then there is no new freeze, and the marker
 *          stays.
 * resists  what this agent (or the one before, found by the marker) froze and what cannot be thawed
 *          keeps state, marker and timer, is an error that names it, and is tried again every
 *          FREEZE_RETRY_SEC.
 * hidden   what was mounted over meanwhile is reached by another mount of its device.
 * remote   what only leads through a network filesystem comes last, when what this agent froze is
 *          thawed and told so: to look there may mean to wait for ever.
 * thawed   a thaw that nothing is known to be frozen for walks the mount table all the same: after
 *          a crash, or a change of agents, it is the host's only way out.
 *
 * Threads  any.
 */
#pragma once

#include "base/error.h"
#include "cmds/linux/freeze/freeze_job.h"

/* 0 and how many filesystems this call thawed, or -1. */
int freeze_thaw(const struct freeze_job *job, int64_t *ret_count, struct cmd_error *reterr);

/* For whoever has the turn and the right to thaw: thaws what is kept and becomes thawed, or stays
 * frozen, with the timer armed: -1, and what resists is added to `reterr`'s text. */
int freeze_thaw_kept(const struct freeze_job *job, int64_t *ret_count, struct cmd_error *reterr);

/* Arms the automatic thaw: after `timeout_ms`, or never yet (< 0). 0 or -errno. */
int freeze_thaw_after(const struct freeze_job *job, int64_t timeout_ms);

/* The frozen state comes from an earlier process: `marker_text` is what it left. Before threads
 * run. */
void freeze_thaw_inherit(const char *marker_text);
