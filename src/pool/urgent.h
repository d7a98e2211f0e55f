/*
 * The urgent worker: one thread in reserve, for jobs that must run however many workers are stuck.
 *
 * Threads    urgent_push(): any.
 * Ownership  a job belongs to the worker that runs it, until its flush().
 */
#pragma once

#include "pool/job.h"

struct urgent;

/* `finish` tells the scheduler that a job has run. NULL: no memory, or no thread. */
struct urgent *urgent_new(void (*finish)(void *arg, struct job *job), void *arg);

/* Runs the job after those pushed before it. */
void urgent_push(struct urgent *urgent, struct job *job);

/* Waits until what was pushed is done. False: it is blocked for good; then nothing is freed and the
 * process is about to end. */
bool urgent_stop(struct urgent *urgent, int timeout_ms);
