/*
 * Records of started processes, and what they may hold together.
 *
 * A record lives from the start of its process until the host was told its end. While it is not
 * finished the watcher owns its descriptors and its output; from then on nothing changes it, and
 * whoever takes it out of the table owns it.
 *
 * A pid can come back while the record of its former owner still waits to be asked for. The
 * newest process is found then, and a finished record of the same pid is dropped: nobody could
 * ask for it without meaning the other.
 *
 * Threads    any, except where said.
 */
#pragma once

#include "base/error.h"
#include "cmds/exec/exec.h"
#include "cmds/exec/exec_watch.h"

#include <stdatomic.h>

struct exec_proc;

/* One captured stream. */
struct exec_output {
    struct exec_source source;
    struct exec_proc *proc;
    struct buf data;
    bool truncated;
};

struct exec_proc {
    LIST_ENTRY(exec_proc) link;
    struct exec_table *table;
    pid_t pid;
    struct exec_source end; /* the pidfd */
    struct exec_output out, err;
    unsigned open_sources;     /* the watcher's, once they are added */
    _Atomic size_t kept_bytes; /* of both streams */
    bool finished;             /* the table's lock */
    bool signaled;
    int status; /* exit code, or the signal */
};

/* Room for one more process, and the watcher to watch it: 0, or -1 with the error. `captures`:
 * it may add to the bytes that are held. */
int exec_table_admit(struct exec_table *table, bool captures, struct cmd_error *reterr);
void exec_table_unadmit(struct exec_table *table);

/* Bytes to be held, of output or of input that waits to be read: how many of `want` are granted. */
size_t exec_table_charge(struct exec_table *table, size_t want);
void exec_table_discharge(struct exec_table *table, size_t bytes);

struct exec_watch *exec_table_watch(struct exec_table *table);

/* Keeps an admitted process. Its sources are added after this. */
void exec_table_insert(struct exec_table *table, struct exec_proc *proc);

/* The watcher: all there is to know about the process is known. */
void exec_table_finish(struct exec_proc *proc);

/* 1 and the finished record, which is forgotten and becomes the caller's; 0: it still runs;
 * -ESRCH: no such process. */
int exec_table_take(struct exec_table *table, int64_t pid, struct exec_proc **ret_proc);
/* A taken record that could not be reported after all. NULL is fine. */
void exec_table_put_back(struct exec_table *table, struct exec_proc *proc);

/* exec_proc.c: a record with no descriptors; freeing closes them and gives its bytes back. */
struct exec_proc *exec_proc_new(struct exec_table *table);
void exec_proc_free(struct exec_proc *proc);
void exec_proc_freep(struct exec_proc **proc);

/* Starts to watch a process that is in the table: `proc` may be gone when this returns. */
void exec_proc_watch(struct exec_proc *proc);

/* What a process has not yet read of its input: fed by the watcher, which frees it. */
struct exec_feed {
    struct exec_source source;
    LIST_ENTRY(exec_feed) link; /* the table's */
    struct exec_table *table;
    char *data;
    size_t len, done;
};

/* Copies `len` bytes to feed into `fd`, which it takes even on failure. 0, or -1 with the error. */
int exec_feed_new(struct exec_table *table, int fd, const void *data, size_t len,
                  struct exec_feed **ret_feed, struct cmd_error *reterr);
void exec_feed_free(struct exec_feed *feed);
void exec_feed_freep(struct exec_feed **feed);
void exec_feed_watch(struct exec_feed *feed);

void exec_table_add_feed(struct exec_table *table, struct exec_feed *feed);
void exec_table_remove_feed(struct exec_table *table, struct exec_feed *feed);
