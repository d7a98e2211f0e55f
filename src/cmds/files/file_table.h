/*
 * Open files by handle: the part of guest-file-* that knows no command.
 *
 * Threads    any. The table's lock is held for look-ups only, never across a system call on a
 *            file. Each file has a lock of its own, held while a request uses its descriptor.
 * Ownership  the table holds one reference and each user one. A closed file has fd -1: a user
 *            that waited for its lock finds it closed and answers as for an unknown handle.
 * Lock order file, then scratch. The table's lock is never held together with another.
 */
#pragma once

#include "cmds/files/file.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

/* What one read(2) takes at most: large enough to make calls cheap, small enough to be encoded
 * out of the cache; whole pages, and a multiple of 3, so that pieces need no padding. */
#define FILE_PIECE_BYTES (252 * KIB)

struct file {
    LIST_ENTRY(file) link;
    int64_t handle;
    struct file_key key;
    bool positioned; /* has positions of its own to read at: pread, pwrite */
    bool append;
    bool in_memory; /* on a tmpfs: what the I/O thread may do itself (file_inline.c) */
    _Atomic unsigned refs;
    struct {
        pthread_mutex_t lock;
        int fd; /* -1: closed */
        int64_t position;
    } io;
};

/* Takes `fd` even on failure. 0, -ENOMEM, or -errno of fstat. */
int file_new(int fd, bool append, struct file **ret_file);
struct file *file_unref(struct file *file);
void file_unrefp(struct file **file);

/* Room for one more handle, before the file is opened: 0, or -EMFILE. */
int file_table_reserve(struct file_table *table);
void file_table_unreserve(struct file_table *table);

/* Gives the file its handle: 0, or -errno (the number cannot be stored). */
int file_table_number(struct file_table *table, struct file *file);

/* Keeps the numbered file, in the room reserved before; takes a reference of its own. Returns the
 * handle. */
int64_t file_table_add(struct file_table *table, struct file *file);

size_t file_table_limit(const struct file_table *table);
mode_t file_table_new_mode(const struct file_table *table);

/* The file with its lock held and its descriptor open, or NULL: "handle 'N' has not been found". */
struct file *file_table_lock(struct file_table *table, int64_t handle, struct cmd_error *reterr);
/* As file_table_lock(), without waiting: NULL also when the file is in use. */
struct file *file_table_trylock(struct file_table *table, int64_t handle);

/* For CLEANUP(): unlocks and gives back the reference; NULL is fine. */
void file_unlockp(struct file **file);

/* As file_table_lock(), and the handle is gone: whoever calls it closes the descriptor. */
struct file *file_table_remove(struct file_table *table, int64_t handle, struct cmd_error *reterr);

/* FILE_PIECE_BYTES to read into, reused while it is warm. NULL: no memory. */
char *file_scratch_get(struct file_table *table);
void file_scratch_put(struct file_table *table, char *scratch);
