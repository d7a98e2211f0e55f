/*
 * cmds/exec/exec_table.c - processes in a hash by pid.
 *
 *   field             written by               read by           order, and what it buys
 *   procs.*           any worker, watcher      any worker        procs.lock
 *   proc->finished    watcher                  any worker        procs.lock: the record's output
 *                                                                comes with it
 *   feeds             any worker, watcher      exec_table_free   procs.lock
 *   held_bytes        any worker, watcher      any worker        relaxed: a count, no bytes come
 *                                                                with it
 *   proc->kept_bytes  watcher                  any worker        relaxed: an estimate
 */
#include "cmds/exec/exec_table.h"

#include "proto/base64.h"

#include <errno.h>
#include <pthread.h>

#define BUCKETS 1024u

LIST_HEAD(proc_list, exec_proc);
LIST_HEAD(feed_list, exec_feed);

struct exec_table {
    size_t max_execs, max_bytes;
    _Atomic size_t held_bytes;
    struct exec_watch *watch;
    struct {
        pthread_mutex_t lock;
        size_t count; /* records, or room admitted */
        size_t feed_count;
        struct proc_list buckets[BUCKETS];
        struct feed_list feeds;
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
    table->max_bytes = max_output;
    PTOK(pthread_mutex_init(&table->procs.lock, NULL));
    LIST_INIT(&table->procs.feeds);
    for (size_t i = 0; i < BUCKETS; i++)
        LIST_INIT(&table->procs.buckets[i]);
    return table;
}

struct exec_table *exec_table_free(struct exec_table *table)
{
    struct exec_proc *proc;
    struct exec_feed *feed;

    if (!table)
        return NULL;
    table->watch = exec_watch_free(table->watch);
    for (size_t i = 0; i < BUCKETS; i++) {
        while ((proc = LIST_FIRST(&table->procs.buckets[i]))) {
            LIST_REMOVE(proc, link);
            exec_proc_free(proc);
        }
    }
    while ((feed = LIST_FIRST(&table->procs.feeds))) {
        exec_table_remove_feed(table, feed);
        exec_feed_free(feed);
    }
    PTOK(pthread_mutex_destroy(&table->procs.lock));
    free(table);
    return NULL;
}

struct exec_watch *exec_table_watch(struct exec_table *table)
{
    return table->watch;
}

/* --- limits --------------------------------------------------------------------------- */

static bool admit(struct exec_table *table)
{
    bool admitted;

    PTOK(pthread_mutex_lock(&table->procs.lock));
    admitted = table->procs.count < table->max_execs && table->procs.feed_count < table->max_execs;
    if (admitted)
        table->procs.count++;
    PTOK(pthread_mutex_unlock(&table->procs.lock));
    return admitted;
}

int exec_table_admit(struct exec_table *table, bool captures, struct cmd_error *reterr)
{
    int r = exec_watch_start(table->watch);

    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to start the thread that watches processes");
    if (captures &&
        atomic_load_explicit(&table->held_bytes, memory_order_relaxed) >= table->max_bytes)
        return cmd_fail(reterr, "too much output waits for guest-exec-status (limit %zu bytes)",
                        table->max_bytes);
    if (!admit(table))
        return cmd_fail(reterr, "too many processes wait for guest-exec-status (limit %zu)",
                        table->max_execs);
    return 0;
}

void exec_table_unadmit(struct exec_table *table)
{
    PTOK(pthread_mutex_lock(&table->procs.lock));
    table->procs.count--;
    PTOK(pthread_mutex_unlock(&table->procs.lock));
}

size_t exec_table_charge(struct exec_table *table, size_t want)
{
    size_t held = atomic_load_explicit(&table->held_bytes, memory_order_relaxed);
    size_t granted;

    do {
        granted = held >= table->max_bytes ? 0 : MIN_OF(want, table->max_bytes - held);
    } while (!atomic_compare_exchange_weak_explicit(&table->held_bytes, &held, held + granted,
                                                    memory_order_relaxed, memory_order_relaxed));
    return granted;
}

void exec_table_discharge(struct exec_table *table, size_t bytes)
{
    atomic_fetch_sub_explicit(&table->held_bytes, bytes, memory_order_relaxed);
}

/* --- records -------------------------------------------------------------------------- */

static struct proc_list *bucket_of(struct exec_table *table, int64_t pid)
{
    return &table->procs.buckets[(uint64_t)pid % BUCKETS];
}

/* The newest: records go in at the head. */
static struct exec_proc *find_locked(struct exec_table *table, int64_t pid)
{
    struct exec_proc *proc;

    LIST_FOREACH (proc, bucket_of(table, pid), link) {
        if (proc->pid == pid)
            return proc;
    }
    return NULL;
}

static void remove_locked(struct exec_table *table, struct exec_proc *proc)
{
    LIST_REMOVE(proc, link);
    table->procs.count--;
}

void exec_table_insert(struct exec_table *table, struct exec_proc *proc)
{
    struct exec_proc *former;

    PTOK(pthread_mutex_lock(&table->procs.lock));
    former = find_locked(table, proc->pid);
    if (former && former->finished)
        remove_locked(table, former);
    else
        former = NULL;
    LIST_INSERT_HEAD(bucket_of(table, proc->pid), proc, link);
    PTOK(pthread_mutex_unlock(&table->procs.lock));
    exec_proc_free(former);
}

void exec_table_finish(struct exec_proc *proc)
{
    struct exec_table *table = proc->table;

    PTOK(pthread_mutex_lock(&table->procs.lock));
    proc->finished = true;
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
    PTOK(pthread_mutex_unlock(&table->procs.lock));
}

/* For a process that still runs this is what it has written until now: a guess, and what it
 * writes beyond is within the limit of held output at any rate. */
size_t exec_status_reply_max(struct exec_table *table, const struct exec_status_args *args)
{
    struct exec_proc *proc;
    size_t kept = 0;

    PTOK(pthread_mutex_lock(&table->procs.lock));
    proc = find_locked(table, args->pid);
    if (proc)
        kept = atomic_load_explicit(&proc->kept_bytes, memory_order_relaxed);
    PTOK(pthread_mutex_unlock(&table->procs.lock));
    return base64_encoded_len(kept) + 512;
}

/* --- feeds ---------------------------------------------------------------------------- */

void exec_table_add_feed(struct exec_table *table, struct exec_feed *feed)
{
    PTOK(pthread_mutex_lock(&table->procs.lock));
    LIST_INSERT_HEAD(&table->procs.feeds, feed, link);
    table->procs.feed_count++;
    PTOK(pthread_mutex_unlock(&table->procs.lock));
}

void exec_table_remove_feed(struct exec_table *table, struct exec_feed *feed)
{
    PTOK(pthread_mutex_lock(&table->procs.lock));
    LIST_REMOVE(feed, link);
    table->procs.feed_count--;
    PTOK(pthread_mutex_unlock(&table->procs.lock));
}
