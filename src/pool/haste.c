#include "pool/haste.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HASTY_NICE     (-5)
#define HASTY_SLICE_NS 100000 /* the least that the kernel takes */
#define RESET_ON_FORK  1      /* SCHED_FLAG_RESET_ON_FORK */

static bool set_attributes(const struct haste_attributes *attributes)
{
    return syscall(SYS_sched_setattr, 0, attributes, 0) == 0;
}

/* Nobody has chosen anything. */
static bool is_default(const struct haste_attributes *attributes)
{
    return attributes->policy == SCHED_OTHER && attributes->nice == 0 && attributes->flags == 0;
}

void haste_begin(struct haste *haste)
{
    const struct haste_attributes hasty = {
        .size = sizeof(hasty),
        .policy = SCHED_OTHER,
        .flags = RESET_ON_FORK,
        .nice = HASTY_NICE,
        .slice_ns = HASTY_SLICE_NS,
    };

    if (haste->is_on || haste->is_refused ||
        syscall(SYS_sched_getattr, 0, &haste->before, sizeof(haste->before), 0) != 0 ||
        !is_default(&haste->before))
        return;
    haste->is_on = set_attributes(&hasty);
    haste->is_refused = !haste->is_on;
}

void haste_end(struct haste *haste)
{
    if (!haste->is_on)
        return;
    haste->is_on = false;
    if (set_attributes(&haste->before))
        return;
    /* RLIMIT_NICE allows to come here, but only CAP_SYS_NICE to take the flag off again. */
    haste->before.flags = RESET_ON_FORK;
    set_attributes(&haste->before);
}
