/*
 * Priority boost: a worker that starts programs comes before the programs.
 *
 * The kernel wakes the caller of posix_spawn(3) at the exec, while the new program runs on the
 * processor that the caller was on, and lets the program go on. A worker that starts many would queue
 * behind each of them while other processors idle, and with it all that waits for the barrier.
 * So it takes a better nice value and a short time slice while it starts programs; they inherit
 * neither (SCHED_FLAG_RESET_ON_FORK, sched_setattr(2)).
 *
 * Where somebody has chosen the agent's scheduling, the choice stands, for its programs too.
 * Without CAP_SYS_NICE nothing changes, and who was refused once does not ask again: a refusal
 * may be a line in the guest's audit log.
 *
 * Threads    each worker for itself.
 */
#pragma once

#include "base/defs.h"

/* struct sched_attr of sched_setattr(2), which glibc 2.36 does not declare. */
struct priority_attributes {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t slice_ns; /* sched_runtime: of a normal thread the time slice, since Linux 6.12 */
    uint64_t deadline_ns;
    uint64_t period_ns;
};

/* Zeroed: none. */
struct priority {
    bool is_on;
    bool is_refused;
    struct priority_attributes before;
};

/* Twice is once. */
void priority_boost(struct priority *priority);
/* Puts everything back; without a boost nothing. */
void priority_restore(struct priority *priority);
