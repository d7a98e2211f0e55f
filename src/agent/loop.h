/*
 * The I/O thread's loop: events, timers, and whose turn it is.
 *
 * Threads    the I/O thread, but for agent_kick() (any; agent/state.h).
 * Wake-ups   by descriptors only, and by time only while something is pending: a sync that waits,
 *            jobs that wait for a worker, a port to be opened again; once when large requests end,
 *            to give their memory back. An idle agent sleeps for good.
 */
#pragma once

#include "agent/state.h"

/* epoll, signals, the wake-up. 0 or -errno. Signals must be blocked in all threads by now. */
int loop_init(struct agent *agent);
void loop_done(struct agent *agent);

/* Serves until the end: the exit status of the process. */
int loop_run(struct agent *agent);

/* Into the epoll set: 0 or -errno. */
int loop_add(struct agent *agent, int fd, uint32_t events, struct source *source);

/* retry-path: the channel is opened again in a while. */
void loop_reopen_later(struct agent *agent);

/* A large request came in: its memory is kept for the next one (base/block.h) until none has come
 * for a second. */
void loop_keep_blocks(struct agent *agent);

/* The client gets a turn soon. */
void loop_run_client(struct client *client);
void loop_forget_client(struct client *client);
