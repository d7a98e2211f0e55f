/*
 * guest-exec, guest-exec-status.
 *
 * Children are watched by one thread (pidfds and pipes in epoll), started at the first exec and
 * asleep while nothing happens. The first 16 MiB of each captured stream are kept, the rest is
 * read and dropped with the truncated flag. With capture a process counts as exited when it has
 * ended and its pipes are closed (a background child may hold them), as in qemu-ga.
 *
 * Threads    commands: any worker. The table has one lock, held for look-ups only.
 * Limits     max_execs processes not yet reported to the host, max_output bytes of captured
 *            output in all. At the limit the oldest that has ended is forgotten, its output first;
 *            guest-exec answers with an error while that many run.
 */
#pragma once

#include "cmds/command.h"
#include "cmds/exec/exec_table.h"

#define EXEC_INLINE_MAX_BYTES (64 * KIB) /* a larger reply is left to a worker */

struct exec_args {
    struct arg_str path;
    struct arg_str_list arg, env;
    bool has_arg, has_env;
    struct arg_str input_data;
    bool has_input_data;
    int capture_output; /* enum exec_capture */
    bool has_capture_output;
};
enum exec_capture {
    CAPTURE_NONE,
    CAPTURE_STDOUT,
    CAPTURE_STDERR,
    CAPTURE_SEPARATED,
    CAPTURE_MERGED
};

struct exec_status_args {
    int64_t pid;
};

/* At most how many bytes the reply to a status can have now, for the memory limits. */
size_t exec_status_reply_max(struct exec_table *table, const struct exec_status_args *args);

extern const struct arg_spec args_exec[], args_exec_status[];

command_fn cmd_exec, cmd_exec_status;

/* As cmd_exec_status, without waiting (struct command, try_inline). */
command_fn cmd_exec_status_inline;
