/*
 * session/grant.c
 *
 *   field  written by   read by   order, and what it buys
 *   refs   all          all       relaxed to add; acq_rel to take: the last one frees
 *   others grant_new()  all       comes with the pointer, and never changes
 */
#include "session/grant.h"

#include <stdatomic.h>

struct grant *grant_new(struct policy *policy, struct path_rules *paths)
{
    struct grant *grant = calloc(1, sizeof(*grant));

    if (!grant) {
        policy_free(policy);
        path_rules_free(paths);
        return NULL;
    }
    atomic_init(&grant->refs, 1);
    grant->policy = policy;
    grant->paths = paths;
    return grant;
}

struct grant *grant_ref(struct grant *grant)
{
    atomic_fetch_add_explicit(&grant->refs, 1, memory_order_relaxed);
    return grant;
}

struct grant *grant_unref(struct grant *grant)
{
    if (grant && atomic_fetch_sub_explicit(&grant->refs, 1, memory_order_acq_rel) == 1) {
        policy_free(grant->policy);
        path_rules_free(grant->paths);
        free(grant);
    }
    return NULL;
}
