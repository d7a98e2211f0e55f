/*
 * State that outlives the process: the next file handle, and the frozen marker.
 *
 * STATEDIR/qga.state           key file "[global]\nfd_counter=N\n", replaced by rename
 * STATEDIR/qga.state.isfrozen  there while a filesystem may be frozen
 * STATEDIR/qga.state.room      the marker's place while nothing is frozen; gone after a clean end
 *
 * Threads    state_handle_next(): any thread (it locks). The rest: main at start and end, and
 *            whoever changes the frozen state.
 * Faults     none of the directory or of what is in it is an error of the agent: it is warned of,
 *            what is no file of ours is set aside (NAME.bad), and counting goes on in memory.
 */
#pragma once

#include "base/defs.h"

struct state;

#define STATE_MARKER_MAX 256 /* bytes of the marker's text */

/* Reads the state file, or makes it; with a marker there nothing is written. A file that is no key
 * file, a missing key, or a number that is no int64 >= 0 counts as 1000. 0 or -ENOMEM. */
int state_open(const char *dir, struct state **ret_state);

/* Writes the exact counter (a clean end) unless frozen. For an agent that ends beside threads that
 * are stuck: they may go on using the state. Waits for no lock. */
void state_sync(struct state *state);

/* The same, and frees. NULL is fine. */
void state_close(struct state *state);

/* The number of the next handle. Numbers are reserved on disk in blocks, so that most calls
 * write nothing; after a crash numbering goes on behind the block. A file that cannot be written
 * is warned of, and numbering goes on. -EOVERFLOW: no number is left. */
int state_handle_next(struct state *state, int64_t *ret_handle);

/* `text` is kept in the marker (deadline of the automatic thaw); fsync'ed. On a full disk its room
 * is there since the start. 0, or -errno: there is no marker. */
int state_marker_set(struct state *state, const char *text);
/* Into `text` (may be NULL): true if there is a marker. One of another user is none. */
bool state_marker_get(struct state *state, char *text, size_t size);
int state_marker_clear(struct state *state);

/* True if the state directory is on that device, as stat(2) shows it. */
bool state_is_on(struct state *state, unsigned major_number, unsigned minor_number);
