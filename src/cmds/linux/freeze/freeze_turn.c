/*
 * cmds/linux/freeze/freeze_turn.c - one lock, held for a few assignments.
 *
 *   field        written by                   read by        under
 *   op           whoever begins or ends one   the same       turn.lock, signalled by turn.changed
 *   stop         a thaw that waits            freeze         turn.lock: looked at between mounts
 *   in_mount,    freeze                       thaws          turn.lock: never held across the
 *   stuck_*                                                  open and FIFREEZE they stand for
 *   overtaken    thaw: true; freeze: false    both           turn.lock: from the thaw that went
 *                                                            round a mount until it is thawed too
 *
 * Since `overtaken` is set only while in_mount is, the freezing thread finds it when it comes back
 * from its FIFREEZE, whichever of the two happened first, and undoes that one freeze itself: a
 * FITHAW from another thread would hang behind the FIFREEZE.
 */
#include "cmds/linux/freeze/freeze_turn.h"

#include "base/frozen.h"
#include "base/now.h"

#include <pthread.h>
#include <time.h>

enum freeze_op {
    OP_NONE,
    OP_HOOK,   /* a freeze that has frozen nothing yet */
    OP_FREEZE, /* between two mounts, or in one */
    OP_THAW,   /* a thaw, or a freeze that undoes itself */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum freeze_op op;
    bool stop, in_mount, overtaken;
    bool stuck_is_btrfs;
    unsigned stuck_major, stuck_minor;
    char stuck_name[256];
} turn = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void lock(void)
{
    PTOK(pthread_mutex_lock(&turn.lock));
}

static void unlock(void)
{
    PTOK(pthread_mutex_unlock(&turn.lock));
}

static void set_op_locked(enum freeze_op op)
{
    turn.op = op;
    PTOK(pthread_cond_broadcast(&turn.changed));
}

static int check_stop_locked(struct cmd_error *reterr)
{
    return turn.stop ? cmd_fail(reterr, "the freeze was stopped by a thaw") : 0;
}

int freeze_turn_begin(struct cmd_error *reterr)
{
    int r = 0;

    lock();
    if (turn.overtaken)
        r = cmd_fail(reterr, "an earlier freeze still hangs on %s", turn.stuck_name);
    else if (turn.op != OP_NONE)
        r = cmd_fail(reterr, "a freeze or thaw is in progress");
    else if (ga_frozen_is_closed())
        r = cmd_fail(reterr, "the agent is about to end");
    else if (ga_is_frozen())
        r = cmd_fail(reterr, "the guest is frozen already");
    if (r == 0) {
        turn.op = OP_HOOK;
        turn.stop = false;
    }
    unlock();
    return r;
}

int freeze_turn_start(struct cmd_error *reterr)
{
    int r;

    lock();
    r = check_stop_locked(reterr);
    if (r == 0)
        turn.op = OP_FREEZE;
    unlock();
    return r;
}

int freeze_turn_complete(struct cmd_error *reterr)
{
    int r;

    lock();
    r = check_stop_locked(reterr);
    if (r == 0 && ga_frozen_complete() < 0)
        r = cmd_fail(reterr, "the freeze was stopped by a thaw");
    if (r == 0)
        set_op_locked(OP_NONE);
    unlock();
    return r;
}

int freeze_turn_enter(const struct mount *mount, struct cmd_error *reterr)
{
    int r;

    lock();
    r = check_stop_locked(reterr);
    if (r == 0) {
        turn.in_mount = true;
        turn.stuck_major = mount->major;
        turn.stuck_minor = mount->minor;
        turn.stuck_is_btrfs = strcmp(mount->fstype, "btrfs") == 0;
        snprintf(turn.stuck_name, sizeof(turn.stuck_name), "%s", mount->target);
    }
    unlock();
    return r;
}

bool freeze_turn_leave(void)
{
    bool ours;

    lock();
    ours = !turn.overtaken;
    turn.in_mount = false;
    unlock();
    return ours;
}

void freeze_turn_undone(void)
{
    ga_overtaken_end(); /* the marker goes before another freeze can begin */
    lock();
    turn.overtaken = false;
    unlock();
}

void freeze_turn_undo(void)
{
    lock();
    set_op_locked(OP_THAW);
    unlock();
}

static void wait_locked(void)
{
    struct timespec limit = now_plus_ms(freeze_limits.patience_ms);
    int r = 0;

    while (turn.op != OP_NONE && r == 0) {
        if (turn.op != OP_THAW)
            turn.stop = true;
        r = pthread_cond_clockwait(&turn.changed, &turn.lock, CLOCK_MONOTONIC, &limit);
    }
}

static int thaw_locked(struct cmd_error *reterr)
{
    wait_locked();
    if (turn.op == OP_FREEZE && turn.in_mount) {
        turn.overtaken = true;
        ga_overtaken_begin();
    } else if (turn.op != OP_NONE) {
        if (!ga_is_frozen())
            return 0; /* a freeze that is still in its hook has been told to stop */
        return cmd_fail(reterr, "a freeze or thaw in progress does not end");
    }
    turn.op = OP_THAW;
    return 1;
}

int freeze_turn_thaw(struct cmd_error *reterr)
{
    int r;

    lock();
    r = thaw_locked(reterr);
    unlock();
    return r;
}

void freeze_turn_await(int64_t timeout_ms)
{
    struct timespec limit = now_plus_ms(timeout_ms);
    int r = 0;

    lock();
    while (turn.op != OP_NONE && !(turn.op == OP_FREEZE && ga_is_frozen()) && r == 0)
        r = pthread_cond_clockwait(&turn.changed, &turn.lock, CLOCK_MONOTONIC, &limit);
    unlock();
}

bool freeze_turn_is_stuck(const struct mount *mount)
{
    bool stuck;

    lock();
    stuck = turn.overtaken && turn.stuck_major == mount->major && turn.stuck_minor == mount->minor;
    unlock();
    return stuck;
}

bool freeze_turn_stuck_device(unsigned *ret_major, unsigned *ret_minor)
{
    bool known;

    lock();
    known = turn.overtaken && !turn.stuck_is_btrfs;
    *ret_major = turn.stuck_major;
    *ret_minor = turn.stuck_minor;
    unlock();
    return known;
}

void freeze_turn_end(void)
{
    lock();
    set_op_locked(OP_NONE);
    unlock();
}
