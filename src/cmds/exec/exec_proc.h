/*
 * The record of a started process.
 *
 * It lives from the start of its process until its end was reported to the host, or until its place is
 * needed. While it is not finished the watcher owns its descriptors and its output; from then on
 * nothing changes it but who holds the table's lock, and whoever takes it out of the table owns it.
 *
 * The record owns the pid too: a process that has ended is not reaped before its record goes, so
 * that no other process can have the pid meanwhile.
 */
#pragma once

#include "base/buf.h"
#include "cmds/exec/exec_quota.h"
#include "cmds/exec/exec_watch.h"

#include <sys/types.h>

struct exec_table;
struct exec_proc;

/* One captured stream. */
struct exec_output {
    struct exec_source source;
    struct exec_proc *proc;
    struct buf data;
    bool truncated;
};

struct exec_proc {
    LIST_ENTRY(exec_proc) link;    /* of its pid's bucket */
    TAILQ_ENTRY(exec_proc) queue;  /* of finished records */
    TAILQ_ENTRY(exec_proc) holder; /* of finished records with output */
    struct exec_table *table;      /* that it is kept in */
    struct exec_quota *quota;
    pid_t pid;
    struct exec_source end; /* the pidfd */
    struct exec_output out, err;
    unsigned open_sources;     /* the watcher's, once they are added */
    _Atomic size_t kept_bytes; /* of both streams; watcher and any worker: relaxed, an estimate */
    bool finished;             /* the table's lock */
    bool ended;                /* a zombie holds the pid */
    bool lost;                 /* how it ended cannot be known */
    bool signaled;
    int status; /* exit code, or the signal */
};

/* A record with no descriptors; freeing closes them, gives its bytes back and reaps the process if
 * it has ended. `quota` outlives it. NULL: no memory. */
struct exec_proc *exec_proc_new(struct exec_quota *quota);
void exec_proc_free(struct exec_proc *proc);
void exec_proc_freep(struct exec_proc **proc);

/* Frees the output, as if all of it had been too much. Only of a finished record. */
void exec_proc_drop_output(struct exec_proc *proc);
