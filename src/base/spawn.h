/*
 * Child processes: the only place that creates any.
 *
 * Threads    any; spawn_init() before there are any. SIGPIPE is ignored.
 * Children   get default signal dispositions and an empty mask, no descriptors but 0, 1, 2, the
 *            limit of descriptors that the agent was started with, umask 022, and the agent's
 *            working directory. Whoever starts one reaps it.
 */
#pragma once

#include "base/buf.h"
#include "base/defs.h"

#include <sys/types.h>

/* What a child's standard stream is. */
#define SPAWN_NULL (-1) /* /dev/null */

struct spawn_options {
    const char *path;  /* without '/': searched in PATH of envp, if it has one, else of the agent */
    char *const *argv; /* argv[0] included; NULL-terminated */
    char *const *envp; /* NULL: base/spawn_env.h; else exactly this */
    int fd_in, fd_out, fd_err; /* dup'ed to 0, 1, 2; or SPAWN_NULL; fd_out may equal fd_err */
    bool new_group;            /* own process group, so that a deadline can end all of it */
    bool shell_fallback;       /* ENOEXEC: run by /bin/sh, as execvp(3) does */
};

struct spawn_child {
    pid_t pid;
    int pidfd; /* close-on-exec; readable when the child has ended; owned by the caller */
};

/* 0, or -errno of the failed exec (ENOENT, EACCES, ENOTDIR, E2BIG, ...): nothing is left then. */
int spawn_start(const struct spawn_options *options, struct spawn_child *ret_child);

/* At the start of the agent: the ends of children are told from now on, whatever its parent has
 * left SIGCHLD at, and its soft limit of descriptors is raised to `files_wanted`, or to the hard
 * limit if that is lower. Children keep the old one: programs that use select(2) rely on it. */
void spawn_init(size_t files_wanted);

/* A helper program run to its end with its output caught. */
struct spawn_result {
    bool exited; /* else ended by `signal` */
    int exit_code;
    int signal;
    bool timed_out;    /* the deadline passed: the group was sent SIGKILL */
    struct buf output; /* stdout and stderr in the order written; the first 60 KiB and the last 4 */
};

/* Feeds `input` by a pipe (NULL: /dev/null), waits at most timeout_ms (< 0: for ever). 0 or -errno if the
 * program cannot be started or waited for. A background child that keeps the pipe open does not
 * make it wait: the program's own end counts, and what the child writes later is dropped
 * (base/drain.h). */
int spawn_run(const char *const argv[], const struct buf *input, int timeout_ms,
              struct spawn_result *ret_result);
void spawn_result_done(struct spawn_result *result);

/* "exit status 3", "signal 9", "no end within its time limit": for error texts. */
const char *spawn_result_text(const struct spawn_result *result, char *text, size_t size);
