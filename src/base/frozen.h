/*
 * The frozen state: one atomic, changed by the freeze commands and read by everybody.
 *
 * Threads    ga_frozen_state(), ga_is_frozen(): any thread, no lock. ga_set_frozen() and
 *            ga_thaw_begin() give the right to freeze and to thaw to one thread at a time;
 *            it ends with ga_unset_frozen().
 * Marker     made (and synced) before the first filesystem is frozen, removed after the last
 *            thaw; found at start, the agent begins frozen.
 * Log        held from ga_set_frozen() to ga_unset_frozen().
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

/* GA_THAWED -> GA_FREEZING: marker with `marker_text`, log held. -EBUSY in any other state,
 * -errno if the marker cannot be made (the state is GA_THAWED again then). */
int ga_set_frozen(const char *marker_text);
/* GA_FREEZING -> GA_FROZEN, once the last filesystem is frozen. -EBUSY: a thaw took over. */
int ga_frozen_complete(void);
/* GA_FREEZING or GA_FROZEN -> GA_THAWING, by one thread: 0, or -EBUSY. */
int ga_thaw_begin(void);
/* GA_FREEZING or GA_THAWING -> GA_THAWED: marker removed, log released. */
void ga_unset_frozen(void);
