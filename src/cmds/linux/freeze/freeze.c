/*
 * cmds/linux/freeze/freeze.c - the filesystems one after the other; freeze_turn.c says who may.
 *
 * What a freeze has frozen stands at the front of its plan's order, so that undoing it means to go
 * back over the front. Nothing is shared here: a plan has one owner.
 */
#include "cmds/linux/freeze/freeze.h"

#include "base/frozen.h"
#include "base/log.h"
#include "cmds/linux/freeze/freeze_plan.h"
#include "cmds/linux/freeze/freeze_turn.h"
#include "cmds/linux/fs_ops.h"

#include <errno.h>
#include <inttypes.h>

enum outcome {
    FREEZE_DONE,
    FREEZE_FAILED,
    FREEZE_OVERTAKEN, /* the operation is a thaw's now: nothing is ours to end */
};

/* FITHAW until it fails: true if it did anything. */
static bool thaw_fd(int fd, const char *name)
{
    bool thawed = false;
    int r;

    while ((r = fs_ops.thaw(fd)) == 0)
        thawed = true;
    if (!thawed && r != -EINVAL && r != -EOPNOTSUPP)
        log_warn("fsfreeze: cannot thaw '%s': %s, ignoring", name, err_text(r));
    return thawed;
}

/* Thaws the first `count` of the plan from its end; how many there were to thaw. */
static int64_t thaw_plan(const struct freeze_job *job, const struct freeze_plan *plan, size_t count)
{
    int64_t thawed = 0;

    for (size_t i = count; i-- > 0;) {
        const struct mount *mount = &plan->mounts.items[plan->order[i]];
        int fd;

        if (freeze_turn_is_stuck(mount)) {
            log_warn("fsfreeze: '%s' still hangs in its freeze, left to the freezing thread",
                     mount->target);
            continue;
        }
        fd = fs_open(job->root, &plan->mounts, plan->order[i]);
        if (fd < 0) {
            log_warn("fsfreeze: cannot open '%s' to thaw it: %s, ignoring", mount->target,
                     err_text(fd));
            continue;
        }
        if (thaw_fd(fd, mount->target))
            thawed++;
        fs_ops.close(fd);
    }
    return thawed;
}

static int plan_freeze(const struct freeze_job *job, const struct arg_str_list *names,
                       struct freeze_plan *ret_plan)
{
    int r = freeze_plan_make(job->root, ret_plan);

    if (r == 0 && names)
        r = freeze_plan_keep(ret_plan, names);
    if (r == 0)
        r = freeze_plan_drop(ret_plan, job->config->exclude);
    return r;
}

/* 1: frozen, 0: ignored, -1: an error. */
static int judge_freeze(const struct mount *mount, int fd, int result, struct cmd_error *reterr)
{
    if (fd == -ESTALE) {
        log_warn("fsfreeze: '%s' is hidden by another mount, not frozen", mount->target);
        return 0;
    }
    if (fd < 0)
        return cmd_fail_errno(reterr, fd, "failed to open %s", mount->target);
    if (result == -EOPNOTSUPP || result == -EBUSY) {
        log_warn("fsfreeze: '%s' (%s) was not frozen: %s, ignoring", mount->target, mount->fstype,
                 result == -EBUSY ? "it is frozen already" : err_text(result));
        return 0;
    }
    if (result < 0)
        return cmd_fail_errno(reterr, result, "failed to freeze %s", mount->target);
    return 1;
}

static enum outcome freeze_one(const struct freeze_job *job, const struct freeze_plan *plan,
                               size_t index, bool *ret_frozen, struct cmd_error *reterr)
{
    const struct mount *mount = &plan->mounts.items[index];
    int fd, r;
    bool ours;

    if (freeze_turn_enter(mount, reterr) < 0)
        return FREEZE_FAILED;
    fd = fs_open(job->root, &plan->mounts, index);
    r = fd < 0 ? fd : fs_ops.freeze(fd);
    ours = freeze_turn_leave();
    if (!ours && r == 0)
        thaw_fd(fd, mount->target);
    if (fd >= 0)
        fs_ops.close(fd);
    if (!ours) {
        log_warn("fsfreeze: the freeze of '%s' came back after the thaw, undone", mount->target);
        freeze_turn_undone();
        cmd_fail(reterr, "failed to freeze %s in time: the guest was thawed meanwhile",
                 mount->target);
        return FREEZE_OVERTAKEN;
    }
    r = judge_freeze(mount, fd, r, reterr);
    *ret_frozen = r == 1;
    return r < 0 ? FREEZE_FAILED : FREEZE_DONE;
}

/* Freezes along the plan. What is frozen moves to the front of the order: `ret_count` of them. */
static enum outcome freeze_each(const struct freeze_job *job, struct freeze_plan *plan,
                                size_t *ret_count, struct cmd_error *reterr)
{
    enum outcome outcome = FREEZE_DONE;

    *ret_count = 0;
    for (size_t i = 0; i < plan->count && outcome == FREEZE_DONE; i++) {
        bool frozen = false;

        outcome = freeze_one(job, plan, plan->order[i], &frozen, reterr);
        if (frozen)
            plan->order[(*ret_count)++] = plan->order[i];
    }
    return outcome;
}

static void undo_freeze(const struct freeze_job *job, const struct freeze_plan *plan, size_t frozen)
{
    freeze_turn_undo();
    ga_thaw_begin();
    thaw_plan(job, plan, frozen);
    ga_unset_frozen();
    freeze_timer_disarm();
}

/* Timer and marker: from here on the guest counts as frozen. */
static int begin_frozen(const struct freeze_job *job, struct cmd_error *reterr)
{
    int64_t timeout_ms = job->config->freeze_timeout_sec * freeze_limits.second_in_ms;
    char marker[FREEZE_MARKER_MAX];
    int r = 0, marker_error = 0;

    if (freeze_turn_start(reterr) < 0)
        return -1;
    if (timeout_ms > 0)
        r = freeze_timer_arm(job, timeout_ms);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to start the timer of the automatic thaw");
    freeze_marker_format(job, marker);
    r = ga_set_frozen(marker, &marker_error);
    if (r < 0) {
        freeze_timer_disarm();
        return r == -ESHUTDOWN ? cmd_fail(reterr, "the agent is about to end")
                               : cmd_fail(reterr, "an earlier thaw still writes the log");
    }
    if (marker_error < 0)
        log_warn("fsfreeze: cannot write the marker of the frozen state: %s, an agent that starts "
                 "now would not know of it",
                 err_text(marker_error));
    return 0;
}

static enum outcome freeze_all(const struct freeze_job *job, const struct arg_str_list *names,
                               int64_t *ret_count, struct cmd_error *reterr)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = { 0 };
    enum outcome outcome;
    size_t frozen;
    int r;

    r = plan_freeze(job, names, &plan);
    if (r < 0) {
        cmd_fail_errno(reterr, r, "failed to read the mount table");
        return FREEZE_FAILED;
    }
    if (begin_frozen(job, reterr) < 0)
        return FREEZE_FAILED;
    outcome = freeze_each(job, &plan, &frozen, reterr);
    if (outcome == FREEZE_DONE && frozen > 0 && freeze_turn_complete(reterr) < 0)
        outcome = FREEZE_FAILED;
    if (outcome == FREEZE_OVERTAKEN)
        return outcome;
    if (outcome == FREEZE_FAILED || frozen == 0)
        undo_freeze(job, &plan, frozen);
    *ret_count = (int64_t)frozen;
    return outcome;
}

/* The thaw hook behind a freeze that came to nothing: the freeze's own error is the one to tell. */
static void pair_hook(const struct freeze_job *job)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
    bool ran;

    if (freeze_hook(job, "thaw", &ran, &error) < 0)
        log_warn("fsfreeze: %s, ignoring", error.text ? error.text : "no memory");
}

int freeze_run(const struct freeze_job *job, const struct arg_str_list *names, int64_t *ret_count,
               struct cmd_error *reterr)
{
    enum outcome outcome = FREEZE_FAILED;
    int64_t count = 0;
    bool hook_ran;

    if (freeze_turn_begin(reterr) < 0)
        return -1;
    log_audit("guest-fsfreeze called");
    if (freeze_hook(job, "freeze", &hook_ran, reterr) == 0)
        outcome = freeze_all(job, names, &count, reterr);
    if (outcome == FREEZE_OVERTAKEN)
        return -1;
    if (outcome == FREEZE_FAILED || count == 0) {
        if (hook_ran)
            pair_hook(job);
        freeze_turn_end();
    }
    *ret_count = count;
    return outcome == FREEZE_FAILED ? -1 : 0;
}

static int thaw_all(const struct freeze_job *job, int64_t *ret_count, struct cmd_error *reterr)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = { 0 };
    bool ran;
    int r;

    r = freeze_plan_make(job->root, &plan);
    /* What the earlier process froze need not be what this one's configuration excludes. */
    if (r == 0 && !freeze_turn_is_inherited())
        r = freeze_plan_drop(&plan, job->config->exclude);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to read the mount table");
    ga_thaw_begin();
    *ret_count = thaw_plan(job, &plan, plan.count);
    ga_unset_frozen();
    freeze_timer_disarm();
    log_audit("guest-fsthaw called, thawed: %" PRId64, *ret_count);
    return freeze_hook(job, "thaw", &ran, reterr);
}

int freeze_thaw(const struct freeze_job *job, int64_t *ret_count, struct cmd_error *reterr)
{
    int r;

    *ret_count = 0;
    r = freeze_turn_thaw(reterr);
    if (r <= 0)
        return r;
    r = thaw_all(job, ret_count, reterr);
    freeze_turn_end();
    return r;
}

void freeze_resume(const struct freeze_job *job, const char *marker_text)
{
    int64_t left_ms = freeze_marker_left_ms(job, marker_text);
    int r;

    freeze_turn_inherit();
    if (left_ms < 0)
        return;
    r = freeze_timer_arm(job, left_ms);
    if (r < 0)
        log_err("fsfreeze: no timer for the automatic thaw: %s", err_text(r));
}
