/*
 * cmds/policy.c - the lists are turned into one flag a row when the policy is made, so that
 * asking is an array look-up.
 */
#include "cmds/policy.h"

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

struct policy *policy_new(const char *const *allow, const char *const *block)
{
    struct policy *policy;
    size_t i;

    policy = calloc(1, sizeof(*policy) + command_count * sizeof(policy->allowed[0]));
    if (!policy)
        return NULL;
    policy->count = command_count;
    for (i = 0; i < command_count; i++)
        policy->allowed[i] = (!allow || list_has(allow, commands[i].name)) &&
                             (!block || !list_has(block, commands[i].name));
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

    assert(row < policy->count);
    return policy->allowed[row];
}
