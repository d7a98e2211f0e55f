/*
 * guest-file-*: handles on the guest's files.
 *
 * Regular files are read and written with pread and pwrite at a position that the handle keeps;
 * FIFOs, ttys and other devices are non-blocking. There is no buffering: a write has reached
 * the kernel when it is answered, and a full disk is reported at once.
 *
 * Threads    any worker. Requests on one file arrive one at a time (ordering class file), and
 *            each handle has a lock of its own besides, so that two sessions cannot tear its
 *            position. file_table_key() only looks up: it never blocks on a file.
 * Limits     max_handles open at once: "too many open files (limit N)".
 */
#pragma once

#include "base/state.h"
#include "cmds/command.h"

#include <sys/types.h>

#define FILE_READ_DEFAULT     4096
#define FILE_READ_MAX         (48 * MIB)
#define FILE_INLINE_MAX_BYTES (64 * KIB) /* more than this is left to a worker */

struct file_table;

/* `new_mode`: the permissions of files that open makes, whatever the umask. */
struct file_table *file_table_new(struct state *state, size_t max_handles, mode_t new_mode);
/* Closes every handle. No request may be running. */
struct file_table *file_table_free(struct file_table *table);

/* What orders requests on a handle: 0 and the file it is open on, or -ENOENT (no such handle). */
struct file_key {
    uint64_t dev, ino;
};
int file_table_key(struct file_table *table, int64_t handle, struct file_key *ret_key);
/* What orders opens: the path as the host wrote it, as the inode of no device. */
struct file_open_args;
void file_open_key(const struct file_open_args *args, struct file_key *ret_key);

/* Argument structs the scheduler looks into. `handle` stands first in every one that has it. */
struct file_open_args {
    struct arg_str path, mode;
    bool has_mode;
};
struct file_handle_args {
    int64_t handle;
};
struct file_read_args {
    int64_t handle;
    int64_t count;
    bool has_count;
};
struct file_write_args {
    int64_t handle;
    struct arg_str buf_b64;
    int64_t count;
    bool has_count;
};
struct file_seek_args {
    int64_t handle;
    int64_t offset;
    int64_t whence; /* 0, 1, 2, or what the host sent */
};

/* True if such an open changes nothing (mode "r" and its spellings, or an invalid one). */
bool file_open_only_reads(const struct file_open_args *args);

/* At most how many bytes the reply to a read can have, for the memory limits. */
size_t file_read_reply_max(const struct file_read_args *args);

extern const struct arg_spec args_file_open[], args_file_handle[], args_file_read[],
    args_file_write[], args_file_seek[];

command_fn cmd_file_open, cmd_file_close, cmd_file_read, cmd_file_write, cmd_file_seek,
    cmd_file_flush;

/* The same without waiting (struct command, try_inline). */
command_fn cmd_file_read_inline, cmd_file_seek_inline;

/* The value of a read's reply for `len` bytes. 0 or -ENOMEM. */
int file_read_reply(struct buf *text, const char *data, size_t len, bool eof);
/* The value of the reply to a seek. Errors: the text's (base/buf.h). */
void file_seek_reply(struct cmd_reply *reply, int64_t position);
