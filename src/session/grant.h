/*
 * A grant: what a way in may do. It never changes; a reload of the configuration makes another one for
 * requests to come, and those that are under way keep theirs.
 *
 * Threads    any. The last reference frees it.
 */
#pragma once

#include "cmds/files/path_rules.h"
#include "cmds/policy.h"

struct grant {
    _Atomic unsigned refs;
    struct policy *policy;
    struct path_rules *paths; /* NULL: all files */
};

/* Takes policy and rules, also when there is no memory: NULL. */
struct grant *grant_new(struct policy *policy, struct path_rules *paths);
struct grant *grant_ref(struct grant *grant);
/* NULL in, NULL out. */
struct grant *grant_unref(struct grant *grant);
