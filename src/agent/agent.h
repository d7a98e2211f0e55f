/*
 * The agent: builds the stages, serves until a signal ends it, stops them in order.
 *
 * Threads    agent_start() and agent_serve() are main's; agent_serve() is the I/O thread.
 */
#pragma once

#include "config/load.h"

struct agent;

/* State directory, frozen marker, log, channel: everything that can fail at start, before the
 * process detaches and before any thread is started. 0, or -1 with a log line that says why.
 * SIGHUP has `source` read again (agent/reload.h). `config` and `source` are borrowed for the life of the agent. */
int agent_start(const struct config *config, const struct config_input *source,
                struct agent **ret_agent);

/* Starts the threads and serves until SIGTERM or SIGINT, or until the channel is lost for good.
 * The exit status of the process. */
int agent_serve(struct agent *agent);

/* Frees what agent_start() made: NULL. If a worker is blocked for good, only the state is written and the
 * agent returned: the process must end by _exit(2), with the configuration left alone. */
struct agent *agent_free(struct agent *agent);
