/*
 * base/frozen.c - the frozen state.
 *
 *   field   written by                  read by            order, and what it buys
 *   value   holder of `change`: release any thread:        a request that sees thawed sees the
 *                                       acquire            log and the marker as they are then
 *   store   ga_frozen_init(), before    holder of change   plain: the mutex orders it
 *           threads run
 *
 * `change` makes the state, the marker and the hold of the log change together: without it a
 * thaw that takes over a freeze could remove the marker before the freeze has made it. No
 * filesystem is frozen or thawed under it.
 */
#include "base/frozen.h"

#include "base/error.h"
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

static struct {
    _Atomic enum ga_frozen_state value;
    pthread_mutex_t change;
    struct state *store;
} frozen = { .change = PTHREAD_MUTEX_INITIALIZER };

static void set_state(enum ga_frozen_state value)
{
    atomic_store_explicit(&frozen.value, value, memory_order_release);
}

void ga_frozen_init(struct state *state)
{
    bool marked = state_marker_get(state, NULL, 0);

    PTOK(pthread_mutex_lock(&frozen.change));
    if (ga_is_frozen())
        log_release();
    frozen.store = state;
    set_state(marked ? GA_FROZEN : GA_THAWED);
    if (marked)
        log_hold();
    PTOK(pthread_mutex_unlock(&frozen.change));
}

enum ga_frozen_state ga_frozen_state(void)
{
    return atomic_load_explicit(&frozen.value, memory_order_acquire);
}

bool ga_is_frozen(void)
{
    return ga_frozen_state() != GA_THAWED;
}

static int set_frozen_locked(const char *marker_text)
{
    int r;

    if (ga_frozen_state() != GA_THAWED)
        return -EBUSY;
    set_state(GA_FREEZING);
    r = state_marker_set(frozen.store, marker_text);
    if (r < 0) {
        set_state(GA_THAWED);
        return r;
    }
    log_hold();
    return 0;
}

int ga_set_frozen(const char *marker_text)
{
    int r;

    PTOK(pthread_mutex_lock(&frozen.change));
    r = set_frozen_locked(marker_text);
    PTOK(pthread_mutex_unlock(&frozen.change));
    return r;
}

int ga_frozen_complete(void)
{
    int r = -EBUSY;

    PTOK(pthread_mutex_lock(&frozen.change));
    if (ga_frozen_state() == GA_FREEZING) {
        set_state(GA_FROZEN);
        r = 0;
    }
    PTOK(pthread_mutex_unlock(&frozen.change));
    return r;
}

int ga_thaw_begin(void)
{
    enum ga_frozen_state now;
    int r = -EBUSY;

    PTOK(pthread_mutex_lock(&frozen.change));
    now = ga_frozen_state();
    if (now == GA_FREEZING || now == GA_FROZEN) {
        set_state(GA_THAWING);
        r = 0;
    }
    PTOK(pthread_mutex_unlock(&frozen.change));
    return r;
}

static void unset_frozen_locked(void)
{
    enum ga_frozen_state now = ga_frozen_state();
    int r;

    if (now != GA_FREEZING && now != GA_THAWING)
        return;
    r = state_marker_clear(frozen.store);
    if (r < 0)
        log_warn("fsfreeze: cannot remove the frozen marker: %s, the next start begins frozen",
                 err_text(r));
    log_release();
    set_state(GA_THAWED);
}

void ga_unset_frozen(void)
{
    PTOK(pthread_mutex_lock(&frozen.change));
    unset_frozen_locked();
    PTOK(pthread_mutex_unlock(&frozen.change));
}
