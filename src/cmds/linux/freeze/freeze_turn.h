/*
 * Whose turn it is: one freeze or thaw at a time, and how a thaw gets past a stuck freeze.
 *
 * Freeze  begin -> (hook) -> start -> enter/leave around each mount -> complete, or undo -> end
 * Thaw    thaw -> (FITHAW, hook) -> end
 *
 * Threads    any; no call waits but freeze_turn_thaw(), for `patience_ms` at most, and
 *            freeze_turn_await().
 */
#pragma once

#include "base/error.h"
#include "cmds/linux/freeze/freeze_job.h"
#include "cmds/linux/mounts.h"

/* 0, or -1: a freeze or thaw is in progress, the guest is frozen, or the agent is about to end. */
int freeze_turn_begin(struct cmd_error *reterr);

/* Before the first mount, and after the last: -1 if a thaw wants the freeze to stop. After complete
 * the guest is frozen and the turn over. */
int freeze_turn_start(struct cmd_error *reterr);
int freeze_turn_complete(struct cmd_error *reterr);

/* Around the open and the FIFREEZE of a mount. enter: -1 if a thaw wants the freeze to stop.
 * leave: false if a thaw went round this mount. The turn is that thaw's then: the caller thaws this
 * mount, calls freeze_turn_undone() and touches nothing else. */
int freeze_turn_enter(const struct mount *mount, struct cmd_error *reterr);
bool freeze_turn_leave(void);
void freeze_turn_undone(void);

/* The freeze goes back: from here on a thaw waits for its end and does not overtake it. */
void freeze_turn_undo(void);

/* 1: the thaw is the caller's to do; 0: a freeze that has frozen nothing yet was called off; -1: what
 * is in progress does not end. */
int freeze_turn_thaw(struct cmd_error *reterr);

/* Once no freeze can begin: waits for the end of whatever is in progress, `timeout_ms` at most. A
 * freeze that is at its filesystems is not waited for: a thaw stops it, or goes round it. */
void freeze_turn_await(int64_t timeout_ms);

/* True for the filesystem whose freeze was overtaken and has not come back. */
bool freeze_turn_is_stuck(const struct mount *mount);

/* Its device, as stat(2) shows it of files on it. False: none is overtaken, or it is a btrfs. */
bool freeze_turn_stuck_device(unsigned *ret_major, unsigned *ret_minor);

void freeze_turn_end(void);
