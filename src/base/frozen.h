/*
 * The frozen state: one atomic, changed by the freeze commands and read by everybody.
 *
 * Threads    ga_frozen_state(), ga_is_frozen(): any thread, no lock. ga_set_frozen() and
 *            ga_thaw_begin() give the right to freeze and to thaw to one thread at a time;
 *            it ends with ga_unset_frozen() or ga_thaw_failed(). The rest: any thread.
 * Marker     made (and synced) before the first filesystem is frozen, removed after the last
 *            thaw; found at start, the agent begins frozen.
 * Log        held from ga_set_frozen() to ga_unset_frozen(). What waited is written when the state
 *            is thawed already and no lock of this file is held: a log that hangs holds up nothing
 *            but the next freeze.
 * End        ga_frozen_close() before the agent ends: whatever freeze has not marked anything yet
 *            fails from then on.
 */
#pragma once

#include "base/defs.h"
#include "base/state.h"

enum ga_frozen_state { GA_THAWED, GA_FREEZING, GA_FROZEN, GA_THAWING };

/* Reads the marker: GA_FROZEN if there is one, with the log held from the start. `state` is
 * borrowed for the life of the process. */
void ga_frozen_init(struct state *state);

enum ga_frozen_state ga_frozen_state(void);

/* True from the moment the state leaves GA_THAWED until it is back: only the whitelist runs. */
bool ga_is_frozen(void);

/* GA_THAWED -> GA_FREEZING: marker with `marker_text`, log held. -EBUSY in any other state, or
 * while a thaw still writes the log; -ESHUTDOWN once closed. ret_marker: 0, or -errno if there is
 * no marker, which is no reason not to freeze. */
int ga_set_frozen(const char *marker_text, int *ret_marker);
/* GA_FREEZING -> GA_FROZEN, once the last filesystem is frozen. -EBUSY: a thaw took over. */
int ga_frozen_complete(void);
/* GA_FREEZING or GA_FROZEN -> GA_THAWING, by one thread: 0, or -EBUSY. */
int ga_thaw_begin(void);
/* GA_THAWING -> GA_FROZEN: something could not be thawed. Marker and log stay as they are. */
void ga_thaw_failed(void);
/* GA_FREEZING or GA_THAWING -> GA_THAWED: marker removed (unless overtaken), log released. */
void ga_unset_frozen(void);

/* A thaw goes round a FIFREEZE that hangs: the state becomes thawed without it, and the marker
 * stays until that one is undone. */
void ga_overtaken_begin(void);
void ga_overtaken_end(void);
/* Once thawed: the marker that stays gets this text, unless the state directory is on the device
 * where the FIFREEZE hangs. */
void ga_overtaken_mark(const char *marker_text, unsigned major_number, unsigned minor_number);
/* True between the two: that freeze is settled, though its command has not ended. */
bool ga_is_overtaken(void);

/* No freeze begins from now on. True: thawed, the agent may end; false: frozen, so that it has to
 * go on until it is told of the thaw. */
bool ga_frozen_close(void);
bool ga_frozen_is_closed(void);

/* `thawed` is called after each change to GA_THAWED, by the thread that made it and under a lock:
 * it must not block. NULL: nobody. When this returns the one before is not called any more. */
void ga_frozen_watch(void (*thawed)(void *arg), void *arg);
