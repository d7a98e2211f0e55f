/*
 * Scheduling of calls: budget first, in the order of the session, then the scheduler.
 *
 * Threads    the I/O thread; the jobs' own functions run on workers.
 */
#pragma once

#include "agent/state.h"

/* The call becomes a job; it is answered by whoever runs it. */
void schedule_call(struct client *client, struct call *call);

/* Tries again what waits for the budget. */
void schedule_waiting(struct session *session);

/* The agent ends: what waits for the budget is dropped. */
void schedule_give_up(struct session *session);
