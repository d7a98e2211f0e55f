/*
 * Signals: SIGHUP opens the log and has the configuration read again, SIGTERM and SIGINT end the agent (while frozen, its owner
 * waits for the thaw).
 *
 * Threads    signals_block(): main, before any other thread runs. The rest: the I/O thread.
 */
#pragma once

#include "io/loop.h"

struct signals {
    int fd;
    struct source source;
    void (*stop)(void *arg);
    void (*reload)(void *arg);
    void *arg;
};

/* In every thread: they are read from a descriptor. */
void signals_block(void);

/* Calls stop(arg) when the process is asked to end, reload(arg) on SIGHUP. After daemon_detach() (agent/daemon.h). 0 or
 * -errno. */
int signals_start(struct signals *signals, struct loop *loop, void (*stop)(void *arg),
                  void (*reload)(void *arg), void *arg);
/* After the loop. fd -1 is fine. */
void signals_done(struct signals *signals);
