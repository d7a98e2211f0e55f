/*
 * cmds/policy.c - the lists are turned into one flag a row when the policy is made, so that
 * asking is an array look-up.
 */
#include "cmds/policy.h"

#include "base/log.h"
#include "base/nearest.h"

struct policy {
    size_t count;
    bool allowed[]; /* by row of commands[] */
};

static bool list_has(const char *const *list, const char *name)
{
    for (; *list; list++) {
        if (strcmp(*list, name) == 0)
            return true;
    }
    return false;
}

static bool allowed_by(const char *const *allow, const char *const *block, const char *name)
{
    return (!allow || list_has(allow, name)) && (!block || !list_has(block, name));
}

struct policy *policy_new(const char *const *allow, const char *const *block)
{
    struct policy *policy;
    size_t i;

    policy = calloc(1, sizeof(*policy) + command_count * sizeof(policy->allowed[0]));
    if (!policy)
        return NULL;
    policy->count = command_count;
    for (i = 0; i < command_count; i++)
        policy->allowed[i] = allowed_by(allow, block, commands[i].name);
    return policy;
}

struct policy *policy_free(struct policy *policy)
{
    free(policy);
    return NULL;
}

bool policy_allows(const struct policy *policy, const struct command *command)
{
    size_t row = (size_t)(command - commands);

    CHECK(row < policy->count);
    return policy->allowed[row];
}

static void warn_of_name(const char *key, const char *name)
{
    struct nearest nearest = { .word = name };
    const char *meant;
    size_t i;

    for (i = 0; i < command_count; i++)
        nearest_offer(&nearest, commands[i].name);
    meant = nearest_name(&nearest);
    if (meant)
        log_warn("%s: '%s' is no command and does nothing, did you mean '%s'?", key, name, meant);
    else
        log_warn("%s: '%s' is no command and does nothing", key, name);
}

unsigned policy_check_names(const char *key, const char *const *names)
{
    unsigned unknown = 0;

    for (; names && *names; names++) {
        if (**names == '\0' || command_find(*names, strlen(*names)))
            continue;
        warn_of_name(key, *names);
        unknown++;
    }
    return unknown;
}

void policy_tell_refused(const char *const *allow, const char *const *block)
{
    CLEANUP(buf_done) struct buf names = { 0 };
    size_t i;

    for (i = 0; i < command_count; i++) {
        if (!allowed_by(allow, block, commands[i].name))
            buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", commands[i].name);
    }
    if (names.len > 0 && buf_terminate(&names))
        log_audit("refused by the configuration: %s", names.data);
}
