/*
 * cmds/policy.c - profile and lists are turned into one flag a row when the policy is made, so that
 * asking is an array look-up.
 */
#include "cmds/policy.h"

#include "base/log.h"
#include "base/nearest.h"

struct policy {
    const struct command_table *commands;
    unsigned classes; /* of the profile */
    bool allowed[];   /* by row */
};

static bool list_has(const char *const *list, const char *name)
{
    for (; *list; list++) {
        if (strcmp(*list, name) == 0)
            return true;
    }
    return false;
}

enum policy_verdict policy_judge(const struct policy_config *config, const struct command *command)
{
    if (config->block && list_has(config->block, command->name))
        return POLICY_BLOCK_LIST;
    if (config->allow && !list_has(config->allow, command->name))
        return POLICY_ALLOW_LIST;
    return profile_allows(&config->profile, command) ? POLICY_ALLOWED : POLICY_PROFILE;
}

struct policy *policy_new(const struct command_table *commands, const struct policy_config *config)
{
    struct policy *policy;
    size_t i;

    policy = calloc(1, sizeof(*policy) + commands->count * sizeof(policy->allowed[0]));
    if (!policy)
        return NULL;
    policy->commands = commands;
    policy->classes = config->profile.classes;
    for (i = 0; i < commands->count; i++)
        policy->allowed[i] = policy_judge(config, &commands->rows[i]) == POLICY_ALLOWED;
    return policy;
}

struct policy *policy_free(struct policy *policy)
{
    free(policy);
    return NULL;
}

const struct command_table *policy_commands(const struct policy *policy)
{
    return policy->commands;
}

bool policy_allows(const struct policy *policy, const struct command *command)
{
    size_t row = (size_t)(command - policy->commands->rows);

    CHECK(row < policy->commands->count);
    return policy->allowed[row];
}

bool policy_allows_class(const struct policy *policy, enum cmd_class class)
{
    return (policy->classes & class) != 0;
}

const char *policy_beyond(const struct policy *policy, const struct policy *other)
{
    for (size_t i = 0; i < policy->commands->count; i++) {
        if (policy->allowed[i] && !other->allowed[i])
            return policy->commands->rows[i].name;
    }
    return (policy->classes & ~other->classes) != 0 ? "more classes" : NULL;
}

static bool is_command(const struct command_table *commands, const char *name)
{
    for (size_t i = 0; i < commands->count; i++) {
        if (strcmp(commands->rows[i].name, name) == 0)
            return true;
    }
    return false;
}

static void warn_of_name(const struct command_table *commands, const char *key, const char *name)
{
    struct nearest nearest = { .word = name };
    const char *meant;
    size_t i;

    for (i = 0; i < commands->count; i++)
        nearest_offer(&nearest, commands->rows[i].name);
    meant = nearest_name(&nearest);
    if (meant)
        log_warn("%s: '%s' is no command and does nothing, did you mean '%s'?", key, name, meant);
    else
        log_warn("%s: '%s' is no command and does nothing", key, name);
}

unsigned policy_check_names(const struct command_table *commands, const char *key,
                            const char *const *names)
{
    unsigned unknown = 0;

    for (; names && *names; names++) {
        if (**names == '\0' || is_command(commands, *names))
            continue;
        warn_of_name(commands, key, *names);
        unknown++;
    }
    return unknown;
}

void policy_log_refused(const struct command_table *commands, const struct policy_config *config)
{
    CLEANUP(buf_done) struct buf names = { 0 };
    size_t i;

    for (i = 0; i < commands->count; i++) {
        if (policy_judge(config, &commands->rows[i]) != POLICY_ALLOWED)
            buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", commands->rows[i].name);
    }
    if (names.len > 0 && buf_terminate(&names))
        log_audit("refused by the configuration: %s", names.data);
}
