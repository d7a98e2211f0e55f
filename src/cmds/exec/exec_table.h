/*
 * Records of started processes by pid, and what they may hold together.
 *
 * Threads    any, except where said.
 * Full       the oldest finished record that nobody has asked for goes: first its output, when
 *            bytes are needed; then all of it, when a process is to be started.
 */
#pragma once

#include "base/error.h"
#include "cmds/exec/exec_feed.h"
#include "cmds/exec/exec_proc.h"

struct exec_table;

/* At most max_execs records, and max_output bytes in all. */
struct exec_table *exec_table_new(size_t max_execs, size_t max_output);
/* Ends the watcher; children go on. */
struct exec_table *exec_table_free(struct exec_table *table);

/* Room for one more process, and the watcher to watch it: 0, or -1 with the error. `captures`:
 * it may add to the bytes that are held. */
int exec_table_admit(struct exec_table *table, bool captures, struct cmd_error *reterr);
void exec_table_unadmit(struct exec_table *table);

/* The oldest finished record goes, and the process it has kept: false if there is none. */
bool exec_table_forget_oldest(struct exec_table *table);

/* How many of `want` bytes are granted, to be given back to the quota of the table. */
size_t exec_table_charge(struct exec_table *table, size_t want);
struct exec_quota *exec_table_quota(struct exec_table *table);

struct exec_watch *exec_table_watch(struct exec_table *table);
struct exec_feeds *exec_table_feeds(struct exec_table *table);

/* Keeps an admitted process. It is followed after this. */
void exec_table_insert(struct exec_table *table, struct exec_proc *proc);

/* The watcher: all there is to know about the process is known. */
void exec_table_finish(struct exec_proc *proc);

/* 1 and the finished record, which is forgotten and becomes the caller's; 0: it still runs;
 * -ESRCH: no such process. */
int exec_table_take(struct exec_table *table, int64_t pid, struct exec_proc **ret_proc);
/* A taken record that could not be reported after all. NULL is fine. */
void exec_table_put_back(struct exec_table *table, struct exec_proc *proc);

/* Bytes of output kept of a process until now; 0 for one that is not there. */
size_t exec_table_kept(struct exec_table *table, int64_t pid);
