/*
 * base/frozen.c - the frozen state.
 *
 *   field       written by                  read by            order, and what it buys
 *   value       holder of `change`: release any thread:        a request that sees thawed sees the
 *                                           acquire            marker as it is then
 *   overtaken   holder of `change`: release any thread:        who sees it sees what the thaw did
 *                                           acquire
 *   closed      holder of `change`: release any thread:        a hint; what counts is looked at
 *                                           acquire            under `change`
 *   store       ga_frozen_init(), before    holder of change   plain: the mutex orders it
 *               threads run
 *   releasing,  holder of `change`          holder of change   plain: the mutex orders it
 *   watch
 *
 * `change` makes the state, the marker and the hold of the log change together: without it a
 * thaw that takes over a freeze could remove the marker before the freeze has made it. No
 * filesystem is frozen or thawed under it, and no line of the log is written: `releasing` keeps
 * the next hold away while that is done.
 */
#include "base/frozen.h"

#include "base/error.h"
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

static struct {
    _Atomic enum ga_frozen_state value;
    _Atomic bool overtaken, closed;
    pthread_mutex_t change;
    struct state *store;
    bool releasing;
    struct {
        void (*thawed)(void *arg);
        void *arg;
    } watch;
} frozen = { .change = PTHREAD_MUTEX_INITIALIZER };

static void lock(void)
{
    PTOK(pthread_mutex_lock(&frozen.change));
}

static void unlock(void)
{
    PTOK(pthread_mutex_unlock(&frozen.change));
}

static void set_state(enum ga_frozen_state value)
{
    atomic_store_explicit(&frozen.value, value, memory_order_release);
}

void ga_frozen_init(struct state *state)
{
    bool marked = state_marker_get(state, NULL, 0);

    lock();
    if (ga_is_frozen())
        log_release();
    frozen.store = state;
    atomic_store_explicit(&frozen.overtaken, false, memory_order_release);
    atomic_store_explicit(&frozen.closed, false, memory_order_release);
    set_state(marked ? GA_FROZEN : GA_THAWED);
    if (marked)
        log_hold();
    unlock();
}

enum ga_frozen_state ga_frozen_state(void)
{
    return atomic_load_explicit(&frozen.value, memory_order_acquire);
}

bool ga_is_frozen(void)
{
    return ga_frozen_state() != GA_THAWED;
}

static int set_frozen_locked(const char *marker_text, int *ret_marker)
{
    if (ga_frozen_is_closed())
        return -ESHUTDOWN;
    if (ga_frozen_state() != GA_THAWED || frozen.releasing)
        return -EBUSY;
    set_state(GA_FREEZING);
    *ret_marker = state_marker_set(frozen.store, marker_text);
    log_hold();
    return 0;
}

int ga_set_frozen(const char *marker_text, int *ret_marker)
{
    int r;

    lock();
    r = set_frozen_locked(marker_text, ret_marker);
    unlock();
    return r;
}

int ga_frozen_complete(void)
{
    int r = -EBUSY;

    lock();
    if (ga_frozen_state() == GA_FREEZING) {
        set_state(GA_FROZEN);
        r = 0;
    }
    unlock();
    return r;
}

int ga_thaw_begin(void)
{
    enum ga_frozen_state now;
    int r = -EBUSY;

    lock();
    now = ga_frozen_state();
    if (now == GA_FREEZING || now == GA_FROZEN) {
        set_state(GA_THAWING);
        r = 0;
    }
    unlock();
    return r;
}

void ga_thaw_failed(void)
{
    lock();
    if (ga_frozen_state() == GA_THAWING)
        set_state(GA_FROZEN);
    unlock();
}

static void warn_of_marker(int r)
{
    if (r < 0)
        log_warn("fsfreeze: cannot remove the frozen marker: %s, the next start begins frozen",
                 err_text(r));
}

/* True: thawed now, and the log is the caller's to release. */
static bool unset_frozen_locked(int *ret_marker)
{
    enum ga_frozen_state now = ga_frozen_state();

    if (now != GA_FREEZING && now != GA_THAWING)
        return false;
    *ret_marker = ga_is_overtaken() ? 0 : state_marker_clear(frozen.store);
    frozen.releasing = true;
    set_state(GA_THAWED);
    if (frozen.watch.thawed)
        frozen.watch.thawed(frozen.watch.arg);
    return true;
}

void ga_unset_frozen(void)
{
    int marker = 0;
    bool thawed;

    lock();
    thawed = unset_frozen_locked(&marker);
    unlock();
    if (!thawed)
        return;
    log_release();
    lock();
    frozen.releasing = false;
    unlock();
    warn_of_marker(marker);
}

void ga_overtaken_begin(void)
{
    lock();
    atomic_store_explicit(&frozen.overtaken, true, memory_order_release);
    unlock();
}

void ga_overtaken_end(void)
{
    int marker = 0;

    lock();
    atomic_store_explicit(&frozen.overtaken, false, memory_order_release);
    if (frozen.store && ga_frozen_state() == GA_THAWED)
        marker = state_marker_clear(frozen.store);
    unlock();
    warn_of_marker(marker);
}

void ga_overtaken_mark(const char *marker_text, unsigned major_number, unsigned minor_number)
{
    int r = 0;

    lock();
    if (ga_is_overtaken() && ga_frozen_state() == GA_THAWED &&
        !state_is_on(frozen.store, major_number, minor_number))
        r = state_marker_set(frozen.store, marker_text);
    unlock();
    if (r < 0)
        log_warn("fsfreeze: cannot write to the frozen marker: %s, it keeps its text", err_text(r));
}

bool ga_is_overtaken(void)
{
    return atomic_load_explicit(&frozen.overtaken, memory_order_acquire);
}

bool ga_frozen_close(void)
{
    bool thawed;

    lock();
    atomic_store_explicit(&frozen.closed, true, memory_order_release);
    thawed = ga_frozen_state() == GA_THAWED;
    unlock();
    return thawed;
}

bool ga_frozen_is_closed(void)
{
    return atomic_load_explicit(&frozen.closed, memory_order_acquire);
}

void ga_frozen_watch(void (*thawed)(void *arg), void *arg)
{
    lock();
    frozen.watch.thawed = thawed;
    frozen.watch.arg = arg;
    unlock();
}
