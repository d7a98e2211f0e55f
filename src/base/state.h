/*
 * State that outlives the process: the next file handle, and the frozen marker.
 *
 * STATEDIR/qga.state           key file "[global]\nfd_counter=N\n", replaced by rename
 * STATEDIR/qga.state.isfrozen  there while a filesystem may be frozen
 *
 * Threads    state_handle_next(): any thread (it locks). The rest: main at start and end, and
 *            whoever changes the frozen state.
 */
#pragma once

#include "base/defs.h"

struct state;

/* Reads the state file, or makes it; with a marker there nothing is written. -EINVAL: it is no key
 * file; else -errno: the directory is unusable. A missing key, or a number that is no int64 >= 0,
 * counts as 1000. */
int state_open(const char *dir, struct state **ret_state);

/* Writes the exact counter (a clean end) unless frozen, and frees. NULL is fine. */
void state_close(struct state *state);

/* The number of the next handle. Numbers are reserved on disk in blocks, so that most calls
 * write nothing; after a crash numbering goes on behind the block. -errno: the file cannot be
 * written ("failed to commit persistent state to disk"). */
int state_handle_next(struct state *state, int64_t *ret_handle);

/* `text` is kept in the marker (deadline of the automatic thaw); fsync'ed. 0 or -errno. */
int state_marker_set(struct state *state, const char *text);
/* Into `text` (may be NULL): true if there is a marker. */
bool state_marker_get(struct state *state, char *text, size_t size);
int state_marker_clear(struct state *state);
