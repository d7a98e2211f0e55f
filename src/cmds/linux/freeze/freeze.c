/*
 * cmds/linux/freeze/freeze.c - the filesystems one after the other; freeze_turn.c says who may.
 */
#include "cmds/linux/freeze/freeze.h"

#include "base/frozen.h"
#include "base/log.h"
#include "cmds/linux/freeze/freeze_hook.h"
#include "cmds/linux/freeze/freeze_kept.h"
#include "cmds/linux/freeze/freeze_marker.h"
#include "cmds/linux/freeze/freeze_plan.h"
#include "cmds/linux/freeze/freeze_thaw.h"
#include "cmds/linux/freeze/freeze_timer.h"
#include "cmds/linux/freeze/freeze_turn.h"
#include "cmds/linux/fs_ops.h"

#include <errno.h>
#include <time.h>

enum outcome {
    FREEZE_DONE,
    FREEZE_FAILED,
    FREEZE_OVERTAKEN, /* the operation is a thaw's now: nothing is ours to end */
};

struct freeze_round {
    const struct freeze_job *job;
    struct freeze_plan plan;
    bool named; /* by a list: what cannot be reached is an error */
    int64_t frozen;
};

static void round_done(struct freeze_round *round)
{
    freeze_plan_done(&round->plan);
}

static int plan_freeze(struct freeze_round *round, const struct arg_str_list *names)
{
    int r = freeze_plan_make(round->job->root, &round->plan);

    if (r == 0 && names)
        r = freeze_plan_keep(&round->plan, names);
    if (r == 0)
        r = freeze_plan_drop(&round->plan, round->job->config->exclude);
    if (r == 0)
        r = freeze_kept_reserve(round->plan.count);
    return r;
}

/* True if a path that fails so says nothing of the filesystem, only of what is in its way. */
static bool is_out_of_reach(int r)
{
    return r == -ESTALE || r == -EACCES || r == -ENOENT || r == -ENXIO || r == -ENOTDIR ||
           r == -ELOOP;
}

/* 0: left out, -1: an error. */
static int judge_open(const struct freeze_round *round, const struct mount *mount, int r,
                      struct cmd_error *reterr)
{
    const char *why = mount->reach == MOUNT_IN_FUSE ? "it is in a FUSE filesystem"
                      : r == -ESTALE                ? "it is hidden by another mount"
                      : r == -ENXIO                 ? "it is mounted on a special file"
                                                    : err_text(r);

    if (round->named || !is_out_of_reach(r))
        return cmd_fail(reterr, "failed to open %s: %s", mount->target, why);
    log_warn("fsfreeze: '%s' (%s) is not frozen: %s", mount->target, mount->fstype, why);
    return 0;
}

/* 1: frozen, 0: ignored, -1: an error. */
static int judge_freeze(const struct mount *mount, int r, struct cmd_error *reterr)
{
    if (r == -EOPNOTSUPP || r == -EBUSY) {
        log_warn("fsfreeze: '%s' (%s) was not frozen: %s, ignoring", mount->target, mount->fstype,
                 r == -EBUSY ? "it is frozen already" : err_text(r));
        return 0;
    }
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to freeze %s", mount->target);
    return 1;
}

/* A descriptor to freeze and to thaw by: through a mount of our own where that can be had, so that
 * it does not keep anybody from unmounting. */
static int open_to_keep(const struct freeze_round *round, size_t index)
{
    int fd = fs_open(round->job->root, &round->plan.mounts, index);
    int detached;

    if (fd < 0)
        return fd;
    detached = fs_ops.detach(fd);
    if (detached < 0)
        return fd;
    fs_ops.close(fd);
    return detached;
}

/* A FIFREEZE that came back after the thaw. Nobody else can undo it, so this thread goes on until
 * it has. */
static enum outcome undo_overtaken(const struct mount *mount, int fd, int r,
                                   struct cmd_error *reterr)
{
    int64_t pause_ms = FREEZE_RETRY_SEC * freeze_limits.second_in_ms;

    while (r == 0 && (r = freeze_kept_thaw_fd(fd)) < 0) {
        log_err("fsfreeze: the freeze of '%s' came back after the thaw and cannot be undone: %s, "
                "trying again",
                mount->target, err_text(r));
        nanosleep(&(struct timespec){ .tv_sec = pause_ms / 1000,
                                      .tv_nsec = (long)(pause_ms % 1000 * NSEC_PER_MSEC) },
                  NULL);
        r = 0;
    }
    if (fd >= 0)
        fs_ops.close(fd);
    log_warn("fsfreeze: the freeze of '%s' came back after the thaw, undone", mount->target);
    freeze_turn_undone();
    cmd_fail(reterr, "failed to freeze %s in time: the guest was thawed meanwhile", mount->target);
    return FREEZE_OVERTAKEN;
}

static enum outcome freeze_one(struct freeze_round *round, size_t index, struct cmd_error *reterr)
{
    const struct mount *mount = &round->plan.mounts.items[index];
    struct freeze_kept kept = { .fd = -1, .major = mount->major, .minor = mount->minor };
    int r = 0;

    if (freeze_turn_enter(mount, reterr) < 0)
        return FREEZE_FAILED;
    kept.name = strdup(mount->target);
    kept.fd = kept.name ? open_to_keep(round, index) : -ENOMEM;
    if (kept.fd >= 0)
        r = fs_ops.freeze(kept.fd);
    if (!freeze_turn_leave()) {
        free(kept.name);
        return undo_overtaken(mount, kept.fd, kept.fd < 0 ? kept.fd : r, reterr);
    }
    r = kept.fd < 0 ? judge_open(round, mount, kept.fd, reterr) : judge_freeze(mount, r, reterr);
    if (r == 1) {
        freeze_kept_add(kept);
        round->frozen++;
        return FREEZE_DONE;
    }
    if (kept.fd >= 0)
        fs_ops.close(kept.fd);
    free(kept.name);
    return r < 0 ? FREEZE_FAILED : FREEZE_DONE;
}

static enum outcome freeze_each(struct freeze_round *round, struct cmd_error *reterr)
{
    enum outcome outcome = FREEZE_DONE;

    for (size_t i = 0; i < round->plan.count && outcome == FREEZE_DONE; i++)
        outcome = freeze_one(round, round->plan.order[i], reterr);
    return outcome;
}

/* What resists is added to the error, and is the timer's to thaw. */
static void undo_freeze(const struct freeze_round *round, struct cmd_error *reterr)
{
    int64_t count;

    freeze_turn_undo();
    ga_thaw_begin();
    freeze_thaw_kept(round->job, &count, reterr);
}

static int mark(const struct freeze_job *job, int64_t timeout_ms, struct cmd_error *reterr)
{
    char marker[STATE_MARKER_MAX];
    int marker_error = 0, r;

    freeze_marker_format(job, timeout_ms, marker);
    r = ga_set_frozen(marker, &marker_error);
    if (r == -ESHUTDOWN)
        return cmd_fail(reterr, "the agent is about to end");
    if (r < 0)
        return cmd_fail(reterr, "an earlier thaw still writes the log");
    if (marker_error < 0)
        log_warn("fsfreeze: cannot write the marker of the frozen state: %s, an agent that starts "
                 "now would not know of it",
                 err_text(marker_error));
    return 0;
}

/* Reserve, timer and marker: from here on the guest counts as frozen. */
static int begin_frozen(const struct freeze_job *job, struct cmd_error *reterr)
{
    int64_t timeout_ms = job->config->freeze_timeout_sec * freeze_limits.second_in_ms;
    int r;

    if (freeze_turn_start(reterr) < 0)
        return -1;
    timeout_ms = timeout_ms > 0 ? timeout_ms : -1;
    r = freeze_thaw_after(job, timeout_ms);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to start the timer of the automatic thaw");
    if (mark(job, timeout_ms, reterr) < 0) {
        freeze_timer_disarm();
        return -1;
    }
    freeze_reserve_fill();
    return 0;
}

static enum outcome freeze_all(struct freeze_round *round, const struct arg_str_list *names,
                               struct cmd_error *reterr)
{
    enum outcome outcome;
    int r = plan_freeze(round, names);

    if (r < 0) {
        cmd_fail_errno(reterr, r, "failed to read the mount table");
        return FREEZE_FAILED;
    }
    if (begin_frozen(round->job, reterr) < 0)
        return FREEZE_FAILED;
    outcome = freeze_each(round, reterr);
    if (outcome == FREEZE_DONE && round->frozen > 0 && freeze_turn_complete(reterr) < 0)
        outcome = FREEZE_FAILED;
    if (outcome == FREEZE_DONE && round->frozen == 0 && !names)
        log_warn("fsfreeze: none of %zu filesystems was frozen", round->plan.count);
    if (outcome == FREEZE_FAILED || (outcome == FREEZE_DONE && round->frozen == 0))
        undo_freeze(round, reterr);
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
    CLEANUP(round_done) struct freeze_round round = { .job = job, .named = names != NULL };
    enum outcome outcome = FREEZE_FAILED;
    bool hook_ran;

    if (freeze_turn_begin(reterr) < 0)
        return -1;
    if (freeze_hook(job, "freeze", &hook_ran, reterr) == 0)
        outcome = freeze_all(&round, names, reterr);
    if (outcome == FREEZE_OVERTAKEN)
        return -1;
    if (outcome == FREEZE_FAILED || round.frozen == 0) {
        /* While something resists, the thaw hook is the next thaw's. */
        if (hook_ran && !ga_is_frozen())
            pair_hook(job);
        freeze_turn_end();
    }
    *ret_count = round.frozen;
    return outcome == FREEZE_FAILED ? -1 : 0;
}
