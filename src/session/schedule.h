/*
 * Scheduling of calls: memory first, in the order of the session, then a place among the scheduler's
 * jobs, of which each session has a share.
 *
 * Threads    the I/O thread; the jobs' own functions run on workers.
 * Memory     what a request needs at most (its command's reply_max) is taken before it is submitted,
 *            so that it is charged before it is made.
 */
#pragma once

#include "session/call.h"

/* The call becomes a job; it is answered by whoever runs it. */
void schedule_call(struct call *call);

/* Memory was freed, or jobs have finished: tries again what waits for that, clients whose input waits
 * too. */
void schedule_memory_freed(struct service *service);

/* The agent ends: what waits for memory is dropped. */
void schedule_give_up(struct service *service);

/* Gives large blocks back when no large request has come for a while. */
void schedule_init(struct service *service);
