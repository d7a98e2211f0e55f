/*
 * Audit lines of commands: who reads the log sees what the host did to the guest, and what came of
 * it. One line a call of a row with CMD_AUDIT, when it is over; calls of such rows that may never
 * come back, or take the guest away, say so before, too. One line for each refusal.
 *
 *     guest-exec called, path: "/bin/sh", args: ["-c", "id"], outcome: ok, result: {"pid": 42}
 *     guest-file-open called, filename: "/x", mode: "r", outcome: GenericError "failed to ..."
 *     guest-exec refused, path: "/bin/sh", args: []
 *
 * Threads    any; nothing here waits (base/log.h).
 * Secrets    a row's `audit` shows the target, never passwords, keys, data or environments; rows
 *            with CMD_SECRET keep the text of an error to themselves.
 */
#pragma once

#include "cmds/command.h"

/* Before the command runs. */
void audit_begin(const struct command *command, const void *args);

/* After it. `error` with text NULL: it worked, and `value` (may be NULL) is the JSON text of what
 * the host gets, which is shown if it is short. */
void audit_end(const struct command *command, const void *args, const struct cmd_error *error,
               const char *value, size_t value_len);

/* It is not run. `args` NULL: they were not understood. */
void audit_refused(const struct command *command, const void *args);
