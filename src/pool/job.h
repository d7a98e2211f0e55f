/*
 * A job: what the pool runs. Opaque but for its ordering class and its key.
 *
 * Threads    filled in by the submitter (the I/O thread) and handed over whole. run(), done() and
 *            flush() are called on one worker, in this order, each exactly once. Between done() and
 *            flush() the worker may run a few other quick jobs.
 * Ownership  the submitter embeds the struct; the pool's last touch is the call of flush(),
 *            which may free it.
 */
#pragma once

#include "base/defs.h"

#include <sys/queue.h>

enum job_class {
    JOB_SHARED,  /* at once, beside anything but a barrier */
    JOB_OPEN,    /* as shared, but in order among the opens of its stream */
    JOB_FILE,    /* as shared, but in order among jobs with the same key, of all streams */
    JOB_BARRIER, /* after all earlier jobs of its stream, before all later ones */
    JOB_URGENT,  /* on the reserved worker; waits for freeze operations only */
};

#define JOB_KINDS 64
/* A pace for each kind, and some for kinds on the device that files are on. */
#define JOB_FILE_PACES_LOG2 9
#define JOB_PACES           (JOB_KINDS + (1 << JOB_FILE_PACES_LOG2))

struct job_key {
    uint64_t dev, ino;
};

struct job {
    enum job_class class;
    bool freeze_op;   /* a freeze or thaw: urgent jobs wait for it */
    bool spawns;      /* starts a program: its worker boosts its priority (pool/priority.h) */
    bool nonblocking; /* looks into memory only: quicker than a wake-up, and never blocks */
    bool file;        /* works on a file: some workers are kept from it (struct sched_config) */
    bool writes;      /* changes a file */
    bool looks;       /* looks at the guest's files: after earlier writes of its stream */
    /* Jobs of one kind take about as long, and get stuck at the same; < JOB_KINDS. What ended
     * streams have left running of a kind is limited. */
    unsigned char kind;
    void (*run)(struct job *job);
    void (*done)(struct job *job);  /* what run() made becomes visible to others */
    void (*flush)(struct job *job); /* others are told; the last touch */
    /* Jobs with the same key run in order, of all streams; NULL: it has none. 0 and the key, or
     * -ENOENT when it is not known yet: then a JOB_FILE is ordered as a barrier, since an earlier job
     * may be about to make it known. Called with the scheduler's lock held, on any thread: it must
     * only look up. Not asked of JOB_SHARED and JOB_URGENT. */
    int (*key)(struct job *job, struct job_key *ret_key);
    /* NULL, or tried on the submitter's thread when the job could start at once: true if it has run.
     * It must not wait. */
    bool (*run_inline)(struct job *job);
    /* Its turn has come, or an urgent job behind it is about to change the guest's state: what it
     * will see of that is settled now. Under the lock; the first call counts. */
    void (*admitted)(struct job *job);

    /* the scheduler's */
    struct stream *stream;
    TAILQ_ENTRY(job) link;      /* held, running, waiting for a file worker, or urgent */
    TAILQ_ENTRY(job) left_link; /* left running by an ended stream, in the order of leaving */
    int64_t left_at_ns;
    struct job *next;       /* behind it in the chain of its key */
    struct job *next_open;  /* behind it among the opens of its stream */
    LIST_ENTRY(job) bucket; /* the last job of a chain stands in the hash table */
    struct job_key chain;
    uint64_t seq;   /* in its stream */
    unsigned waits; /* unfinished earlier jobs of its stream it needs: freeze operations for
                     * an urgent job, urgent jobs for any other */
    bool barrier;   /* runs as a barrier */
    bool keyed;     /* `chain` is its key */
    bool chained;   /* is in the chain of its key */
    bool left;      /* counted as left running by an ended stream */
    uint16_t pace;  /* jobs of one pace are measured together; < JOB_PACES */
};

TAILQ_HEAD(job_list, job);
