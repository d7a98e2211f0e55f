/*
 * Chains: jobs with the same key (a file, or the path of an open), one behind the other.
 *
 * The last job of each chain stands in a hash table, and each job knows the one behind it, so a
 * chain takes no memory of its own.
 *
 * Threads    the scheduler, with its lock held. A zeroed table is empty.
 */
#pragma once

#include "pool/job.h"

LIST_HEAD(chain_bucket, job);

struct chain_table {
    struct chain_bucket buckets[256];
};

/* Puts the job at the end of the chain of job->chain. True if it is the first there and may run. */
bool chain_join(struct chain_table *table, struct job *job);

/* The last job of a chain has finished (one that has job->next is not in the table any more). */
void chain_leave(struct job *job);
