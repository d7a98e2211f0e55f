#include "pool/priority.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BOOSTED_NICE     (-5)
#define BOOSTED_SLICE_NS 100000 /* the least that the kernel takes */
#define RESET_ON_FORK    1      /* SCHED_FLAG_RESET_ON_FORK */

static bool set_attributes(const struct priority_attributes *attributes)
{
    return syscall(SYS_sched_setattr, 0, attributes, 0) == 0;
}

/* Nobody has chosen anything. */
static bool is_default(const struct priority_attributes *attributes)
{
    return attributes->policy == SCHED_OTHER && attributes->nice == 0 && attributes->flags == 0;
}

void priority_boost(struct priority *priority)
{
    const struct priority_attributes boosted = {
        .size = sizeof(boosted),
        .policy = SCHED_OTHER,
        .flags = RESET_ON_FORK,
        .nice = BOOSTED_NICE,
        .slice_ns = BOOSTED_SLICE_NS,
    };

    if (priority->is_on || priority->is_refused ||
        syscall(SYS_sched_getattr, 0, &priority->before, sizeof(priority->before), 0) != 0 ||
        !is_default(&priority->before))
        return;
    priority->is_on = set_attributes(&boosted);
    priority->is_refused = !priority->is_on;
}

void priority_restore(struct priority *priority)
{
    if (!priority->is_on)
        return;
    priority->is_on = false;
    if (set_attributes(&priority->before))
        return;
    /* RLIMIT_NICE allows to come here, but only CAP_SYS_NICE to take the flag off again. */
    priority->before.flags = RESET_ON_FORK;
    set_attributes(&priority->before);
}
