/*
 * One exec: a child made by clone(2) that shares the agent's memory until its exec, so that its
 * price does not grow with the agent's, and that reports the errno of a failed exec.
 *
 * Threads    any; spawn_exec_init() before there are any. The calling thread stands still until the
 *            child has called execve(2) or given up.
 * Children   see base/spawn.h.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct spawn_exec {
    const char *file; /* exactly this one, searched nowhere */
    char *const *argv, *const *envp;
    int fds[3];     /* what becomes descriptors 0, 1, 2: above 2, or -1 for /dev/null */
    bool new_group; /* a process group of its own */
};

/* Keeps the limit of descriptors as it is now: children get this one. */
void spawn_exec_init(void);

/* 0, the pid and a close-on-exec pidfd; or -errno, and no child is left. */
int spawn_exec(const struct spawn_exec *exec, pid_t *ret_pid, int *ret_pidfd);
