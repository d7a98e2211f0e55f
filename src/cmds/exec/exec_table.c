/*
 * cmds/exec/exec_table.c - processes in a hash by pid, and in two queues once they have finished.
 *
 *   field             written by               read by           order, and what it buys
 *   procs.*           any worker, watcher      any worker        procs.lock
 *   proc->finished    watcher                  any worker        procs.lock: the record's output
 *                                                                comes with it
 *   quota.held        any worker, watcher      any worker        relaxed: a count, no bytes come
 *                                                                with it
 *   proc->kept_bytes  watcher, who drops       any worker        relaxed: an estimate
 */
#include "cmds/exec/exec_table.h"

#include "base/log.h"

#include <errno.h>

#define BUCKETS 1024u

LIST_HEAD(proc_list, exec_proc);
TAILQ_HEAD(proc_queue, exec_proc);

struct exec_table {
    size_t max_execs;
    struct exec_quota quota;
    struct exec_watch *watch;
    struct exec_feeds feeds;
    struct {
        pthread_mutex_t lock;
        size_t count; /* records, or room admitted */
        struct proc_list buckets[BUCKETS];
        struct proc_queue finished, holders;   /* the oldest first */
        bool reported_record, reported_output; /* a line in the log is enough */
    } procs;
};

struct exec_table *exec_table_new(size_t max_execs, size_t max_output)
{
    struct exec_table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    if (exec_watch_new(&table->watch) < 0) {
        free(table);
        return NULL;
    }
    table->max_execs = max_execs;
    table->quota.max = max_output;
    exec_feeds_init(&table->feeds, table->watch, &table->quota);
    PTOK(pthread_mutex_init(&table->procs.lock, NULL));
    TAILQ_INIT(&table->procs.finished);
    TAILQ_INIT(&table->procs.holders);
    for (size_t i = 0; i < BUCKETS; i++)
        LIST_INIT(&table->procs.buckets[i]);
    return table;
}

struct exec_table *exec_table_free(struct exec_table *table)
{
    struct exec_proc *proc;

    if (!table)
        return NULL;
    table->watch = exec_watch_free(table->watch);
    for (size_t i = 0; i < BUCKETS; i++) {
        while ((proc = LIST_FIRST(&table->procs.buckets[i]))) {
            LIST_REMOVE(proc, link);
            exec_proc_free(proc);
        }
    }
    exec_feeds_done(&table->feeds);
    PTOK(pthread_mutex_destroy(&table->procs.lock));
    free(table);
    return NULL;
}

struct exec_watch *exec_table_watch(struct exec_table *table)
{
    return table->watch;
}

struct exec_feeds *exec_table_feeds(struct exec_table *table)
{
    return &table->feeds;
}

struct exec_quota *exec_table_quota(struct exec_table *table)
{
    return &table->quota;
}

/* --- records -------------------------------------------------------------------------- */

static struct proc_list *bucket_of(struct exec_table *table, int64_t pid)
{
    return &table->procs.buckets[(uint64_t)pid % BUCKETS];
}

static struct exec_proc *find_locked(struct exec_table *table, int64_t pid)
{
    struct exec_proc *proc;

    LIST_FOREACH (proc, bucket_of(table, pid), link) {
        if (proc->pid == pid)
            return proc;
    }
    return NULL;
}

static bool holds_output(const struct exec_proc *proc)
{
    return proc->out.data.len + proc->err.data.len > 0;
}

static void enqueue_locked(struct exec_table *table, struct exec_proc *proc)
{
    proc->finished = true;
    TAILQ_INSERT_TAIL(&table->procs.finished, proc, queue);
    if (holds_output(proc))
        TAILQ_INSERT_TAIL(&table->procs.holders, proc, holder);
}

/* A finished record. */
static void remove_locked(struct exec_table *table, struct exec_proc *proc)
{
    LIST_REMOVE(proc, link);
    TAILQ_REMOVE(&table->procs.finished, proc, queue);
    if (holds_output(proc))
        TAILQ_REMOVE(&table->procs.holders, proc, holder);
    table->procs.count--;
}

void exec_table_insert(struct exec_table *table, struct exec_proc *proc)
{
    PTOK(pthread_mutex_lock(&table->procs.lock));
    proc->table = table;
    LIST_INSERT_HEAD(bucket_of(table, proc->pid), proc, link);
    PTOK(pthread_mutex_unlock(&table->procs.lock));
}

void exec_table_finish(struct exec_proc *proc)
{
    struct exec_table *table = proc->table;

    PTOK(pthread_mutex_lock(&table->procs.lock));
    enqueue_locked(table, proc);
    PTOK(pthread_mutex_unlock(&table->procs.lock));
}

int exec_table_take(struct exec_table *table, int64_t pid, struct exec_proc **ret_proc)
{
    struct exec_proc *proc;
    bool finished;

    PTOK(pthread_mutex_lock(&table->procs.lock));
    proc = find_locked(table, pid);
    finished = proc && proc->finished;
    if (finished)
        remove_locked(table, proc);
    PTOK(pthread_mutex_unlock(&table->procs.lock));
    if (!proc)
        return -ESRCH;
    if (finished)
        *ret_proc = proc;
    return finished;
}

void exec_table_put_back(struct exec_table *table, struct exec_proc *proc)
{
    if (!proc)
        return;
    PTOK(pthread_mutex_lock(&table->procs.lock));
    table->procs.count++;
    LIST_INSERT_HEAD(bucket_of(table, proc->pid), proc, link);
    enqueue_locked(table, proc);
    PTOK(pthread_mutex_unlock(&table->procs.lock));
}

size_t exec_table_kept(struct exec_table *table, int64_t pid)
{
    struct exec_proc *proc;
    size_t kept = 0;

    PTOK(pthread_mutex_lock(&table->procs.lock));
    proc = find_locked(table, pid);
    if (proc)
        kept = atomic_load_explicit(&proc->kept_bytes, memory_order_relaxed);
    PTOK(pthread_mutex_unlock(&table->procs.lock));
    return kept;
}

/* --- limits --------------------------------------------------------------------------- */

/* True the first time. */
static bool first_time(bool *told)
{
    bool first = !*told;

    *told = true;
    return first;
}

bool exec_table_forget_oldest(struct exec_table *table)
{
    struct exec_proc *proc;
    bool first;

    PTOK(pthread_mutex_lock(&table->procs.lock));
    proc = TAILQ_FIRST(&table->procs.finished);
    if (proc)
        remove_locked(table, proc);
    first = proc && first_time(&table->procs.reported_record);
    PTOK(pthread_mutex_unlock(&table->procs.lock));
    if (first)
        log_warn("exec: no room for another program: process %d, the oldest that has ended and was "
                 "not asked for, is forgotten, and so will be others",
                 (int)proc->pid);
    exec_proc_free(proc);
    return proc != NULL;
}

/* Under the lock all the while: whoever asks for the process may take the record any moment. */
static bool drop_oldest_output(struct exec_table *table)
{
    struct exec_proc *proc;
    bool first;
    int pid = 0;

    PTOK(pthread_mutex_lock(&table->procs.lock));
    proc = TAILQ_FIRST(&table->procs.holders);
    first = proc && first_time(&table->procs.reported_output);
    if (proc) {
        pid = (int)proc->pid;
        TAILQ_REMOVE(&table->procs.holders, proc, holder);
        exec_proc_drop_output(proc);
    }
    PTOK(pthread_mutex_unlock(&table->procs.lock));
    if (first)
        log_warn("exec: no room for more output: that of process %d, the oldest that has ended and "
                 "was not asked for, is dropped, and so will be others",
                 pid);
    return proc != NULL;
}

size_t exec_table_charge(struct exec_table *table, size_t want)
{
    while (exec_quota_left(&table->quota) < want && drop_oldest_output(table))
        ;
    return exec_quota_take(&table->quota, want);
}

static bool admit_one(struct exec_table *table)
{
    bool room;

    PTOK(pthread_mutex_lock(&table->procs.lock));
    room = table->procs.count < table->max_execs;
    if (room)
        table->procs.count++;
    PTOK(pthread_mutex_unlock(&table->procs.lock));
    return room;
}

int exec_table_admit(struct exec_table *table, bool captures, struct cmd_error *reterr)
{
    int r = exec_watch_start(table->watch);

    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to start the thread that watches processes");
    while (captures && exec_quota_left(&table->quota) == 0)
        if (!drop_oldest_output(table))
            return cmd_fail(reterr, "running processes hold too much output (limit %zu bytes)",
                            table->quota.max);
    if (exec_feeds_count(&table->feeds) >= table->max_execs)
        return cmd_fail(reterr, "the input of too many processes waits to be read (limit %zu)",
                        table->max_execs);
    while (!admit_one(table))
        if (!exec_table_forget_oldest(table))
            return cmd_fail(reterr, "too many processes run (limit %zu)", table->max_execs);
    return 0;
}

void exec_table_unadmit(struct exec_table *table)
{
    PTOK(pthread_mutex_lock(&table->procs.lock));
    table->procs.count--;
    PTOK(pthread_mutex_unlock(&table->procs.lock));
}
