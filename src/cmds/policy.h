/*
 * Policy: which commands the owner of the guest allows.
 *
 * An allow list that was given means that everything else is refused; the block list wins over
 * it. Unknown names do nothing: policy_check_names() warns of them.
 *
 * Threads    set up before threads run, then read by any thread without a lock.
 */
#pragma once

#include "base/defs.h"
#include "cmds/command.h"

struct policy;

/* Lists as in the configuration, NULL-terminated; NULL: not given. The table outlives the policy.
 * NULL result: no memory. */
struct policy *policy_new(const struct command_table *commands, const char *const *allow,
                          const char *const *block);
struct policy *policy_free(struct policy *policy);

const struct command_table *policy_commands(const struct policy *policy);
/* `command` is a row of the policy's table. */
bool policy_allows(const struct policy *policy, const struct command *command);

/* Warns of names that are no command, in the list that `key` names; NULL: no list. How many. */
unsigned policy_check_names(const struct command_table *commands, const char *key,
                            const char *const *names);

/* An audit line with the commands that the lists refuse, if there are any. */
void policy_log_refused(const struct command_table *commands, const char *const *allow,
                        const char *const *block);
