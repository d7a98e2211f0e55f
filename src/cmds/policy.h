/*
 * Policy: which commands the owner of the guest allows.
 *
 * A command must be allowed by all three: by the profile; by the allow list, if one was given; and by
 * the block list. Unknown names do nothing: policy_check_names() warns of them.
 *
 * Threads    set up before threads run, then read by any thread without a lock.
 */
#pragma once

#include "base/defs.h"
#include "cmds/profile.h"

struct policy;

/* As the configuration has it; lists are NULL-terminated; NULL: not given. */
struct policy_config {
    struct profile profile;
    const char *const *allow, *const *block;
};

/* Who refuses a command first. */
enum policy_verdict {
    POLICY_ALLOWED,
    POLICY_PROFILE,
    POLICY_ALLOW_LIST, /* it is not in there */
    POLICY_BLOCK_LIST,
};

enum policy_verdict policy_judge(const struct policy_config *config, const struct command *command);

/* The table outlives the policy; the lists need not. NULL result: no memory. */
struct policy *policy_new(const struct command_table *commands, const struct policy_config *config);
struct policy *policy_free(struct policy *policy);

const struct command_table *policy_commands(const struct policy *policy);
/* `command` is a row of the policy's table. */
bool policy_allows(const struct policy *policy, const struct command *command);

/* False: the profile leaves this class out, whatever the command's row says. For a command that is of
 * one class or another by its arguments. */
bool policy_allows_class(const struct policy *policy, enum cmd_class class);

/* What `policy` allows and `other` (of the same table) does not, in a word or two; NULL: nothing. */
const char *policy_beyond(const struct policy *policy, const struct policy *other);

/* Warns of names that are no command, in the list that `key` names; NULL: no list. How many. */
unsigned policy_check_names(const struct command_table *commands, const char *key,
                            const char *const *names);

/* An audit line with the commands that are refused, if there are any. */
void policy_log_refused(const struct command_table *commands, const struct policy_config *config);
