/*
 * Becoming a daemon: pid file, session, standard descriptors; readiness for a service manager.
 *
 *     daemon_prepare() -> agent_start() -> daemon_detach() -> agent_serve() -> daemon_end()
 *
 * Threads    main, which becomes the I/O thread: daemon_detach() forks, so no other thread may
 *            run yet.
 * Verdict    the parent exits 0 only when the child has the pid file and is on its own; if the
 *            child fails before, the parent exits 1. All that agent_start() opens was opened
 *            before, so the exit status covers it too. Descriptors stay valid over the fork, but a
 *            signalfd reports the signals of the process that put it into an epoll set: make it
 *            after daemon_detach().
 * Pid file   decimal and newline, mode 0600, a regular file with one name, never a link. It is
 *            locked before anything else is opened, by a lock of the open file description that
 *            goes to the child, which writes its pid; whoever does not get the lock has touched
 *            nothing. Removed at the end.
 * Frozen     a guest found frozen at start may have its pid file on a frozen filesystem, where
 *            creating it would block before the thaw can be asked for. So the file waits, and the
 *            frozen marker in the state directory is locked (flock, which writes nothing) in its
 *            place: daemon_pidfile_late() makes the file once the guest is thawed.
 */
#pragma once

#include "base/defs.h"

/* First thing in main(): /dev/null at 0, 1 and 2 where they are closed, so that nothing else gets
 * these numbers. */
void daemon_open_standard_fds(void);

/* Before anything is opened: locks `pidfile` (borrowed until daemon_end()), or the marker of a
 * frozen guest; sets the umask. 0, or -1 with a log line: another process holds it, or it is no
 * file to be written over. */
int daemon_prepare(const char *pidfile, const char *statedir);

/* 0 in the child, with the pid file written, or put off. -1 with a log line: the caller cleans up
 * and exits 1. The parent does not return from a fork that worked. */
int daemon_detach(void);

/* Makes a pid file that was put off, if the guest is thawed by now; else nothing, cheaply. The I/O
 * thread calls it after a thaw. A failure is logged and the agent goes on without. */
void daemon_pidfile_late(void);

/* Removes the pid file if this process holds it; not while frozen, when that could block. */
void daemon_end(void);

/* Tells the service manager that the agent serves: the datagram of sd_notify(3) to $NOTIFY_SOCKET;
 * nothing without one. A failure is logged. The environment is changed: before threads run. */
void daemon_notify_ready(void);
