/*
 * pool/chain.c
 */
#include "pool/chain.h"

static struct chain_bucket *bucket_of(struct chain_table *table, const struct job_key *key)
{
    uint64_t hash = (key->ino ^ key->dev << 32) * 0x9E3779B97F4A7C15u;

    return &table->buckets[hash >> 56];
}

static struct job *last_of(const struct chain_bucket *bucket, const struct job_key *key)
{
    struct job *job;

    LIST_FOREACH (job, bucket, bucket)
        if (job->chain.dev == key->dev && job->chain.ino == key->ino)
            return job;
    return NULL;
}

bool chain_join(struct chain_table *table, struct job *job)
{
    struct chain_bucket *bucket = bucket_of(table, &job->chain);
    struct job *last = last_of(bucket, &job->chain);

    job->chained = true;
    if (last) {
        LIST_REMOVE(last, bucket);
        last->next = job;
    }
    LIST_INSERT_HEAD(bucket, job, bucket);
    return !last;
}

void chain_leave(struct job *job)
{
    LIST_REMOVE(job, bucket);
}
