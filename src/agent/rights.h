/*
 * What the owner of the guest wrote to protect it, and whether it does.
 *
 * Threads    main, before threads run.
 */
#pragma once

#include "cmds/policy.h"
#include "config/config.h"

/* Profile and lists. 0, or -1 with a log line: the profile is wrong. */
int rights_policy(const struct config *config, struct policy_config *ret_policy);

/* Prints for each command of config->explain, with its class, whether it is allowed, and what says
 * so. The exit status. */
int rights_explain(const struct config *config);

/* Warns of names of commands that there are not, and of hook and state directory that others than root
 * may change. 0, or -1 with a log line: the profile is wrong, or there was something and the
 * configuration is strict. */
int rights_check(const struct config *config);

/* An audit line with the commands that are refused, if there are any. After log_init(). */
void rights_log(const struct config *config);
