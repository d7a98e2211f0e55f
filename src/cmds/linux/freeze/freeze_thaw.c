/*
 * cmds/linux/freeze/freeze_thaw.c - kept descriptors first, then the mount table.
 *
 *   field         written by, read by                  order
 *   inherited.*   start; then whoever has the turn     the turn's lock
 */
#include "cmds/linux/freeze/freeze_thaw.h"

#include "base/frozen.h"
#include "base/log.h"
#include "cmds/linux/freeze/freeze_hook.h"
#include "cmds/linux/freeze/freeze_kept.h"
#include "cmds/linux/freeze/freeze_marker.h"
#include "cmds/linux/freeze/freeze_plan.h"
#include "cmds/linux/freeze/freeze_timer.h"
#include "cmds/linux/freeze/freeze_turn.h"
#include "cmds/linux/fs_ops.h"

#include <errno.h>
#include <inttypes.h>

/* Left by an earlier process, until the next thaw that succeeds. */
static struct {
    bool frozen;
    char marker[STATE_MARKER_MAX];
} inherited;

/* What a walk over the mount table is for. */
enum walk {
    WALK_OWN,       /* beside what is kept: what somebody else froze */
    WALK_INHERITED, /* all that an earlier process may have frozen: an error is an error */
    WALK_UNKNOWN,   /* nothing is known to be frozen */
};

static void retry_later(const struct freeze_job *job)
{
    int r = freeze_thaw_after(job, FREEZE_RETRY_SEC * freeze_limits.second_in_ms);

    if (r < 0)
        log_err("fsfreeze: no timer to try the thaw again: %s", err_text(r));
}

/* "what could not be done; and failed to thaw X: why" */
static void add_failure(struct cmd_error *reterr, const char *name, int r)
{
    CLEANUP(free_ptr) char *before = reterr->text;

    reterr->text = NULL;
    if (before)
        cmd_fail_errno(reterr, r, "%s; and failed to thaw %s", before, name);
    else
        cmd_fail_errno(reterr, r, "failed to thaw %s", name);
}

static void stay_frozen(const struct freeze_job *job)
{
    ga_thaw_failed();
    freeze_reserve_fill();
    retry_later(job);
}

/* A start that finds the marker of a freeze that was gone round thaws at once. */
static void remark_overtaken(const struct freeze_job *job)
{
    unsigned major_number, minor_number;
    char marker[STATE_MARKER_MAX];

    if (!freeze_turn_stuck_device(&major_number, &minor_number))
        return;
    freeze_marker_format(job, 0, marker);
    ga_overtaken_mark(marker, major_number, minor_number);
}

static void become_thawed(const struct freeze_job *job)
{
    inherited.frozen = false;
    ga_unset_frozen();
    remark_overtaken(job);
    freeze_timer_disarm();
}

int freeze_thaw_kept(const struct freeze_job *job, int64_t *ret_count, struct cmd_error *reterr)
{
    char name[256];
    int failed;

    freeze_reserve_use();
    *ret_count = freeze_kept_thaw(&failed, name, sizeof(name));
    if (failed < 0) {
        add_failure(reterr, name, failed);
        stay_frozen(job);
        return -1;
    }
    become_thawed(job);
    return 0;
}

/* Opens and thaws a filesystem of the table: 1: it was frozen; 0: it was not, or nothing can be
 * known of it; -errno. */
static int thaw_mount(const struct freeze_job *job, const struct mounts *mounts, size_t index)
{
    int fd = fs_open(job->root, mounts, index);
    int r;

    if (fd == -ESTALE) /* it may have been frozen before it was hidden */
        fd = fs_ops.open_hidden(job->root, &mounts->items[index]);
    if (fd < 0)
        return fd;
    r = freeze_kept_thaw_fd(fd);
    fs_ops.close(fd);
    return r;
}

/* True if the failure leaves the filesystem frozen as far as anybody knows. What no path
 * leads to, and no mount of its device either, was so when it was to be frozen; and who may not thaw could not freeze. */
static bool counts(enum walk walk, int r)
{
    return walk == WALK_INHERITED && r != -ESTALE && r != -ENXIO && r != -EACCES && r != -EPERM &&
           r != -ENOENT && r != -ENOTTY;
}

/* True if every way to the filesystem leads through what may not answer. */
static bool is_remote(const struct mounts *mounts, size_t first)
{
    bool remote = false;

    for (size_t i = first; i < mounts->count; i++) {
        if (mounts->items[i].first != first)
            continue;
        if (mounts->items[i].reach == MOUNT_REACHABLE)
            return false;
        remote = remote || mounts->items[i].reach == MOUNT_REMOTE;
    }
    return remote;
}

/* Those that are remote, or those that are not. */
static int walk_plan(const struct freeze_job *job, const struct freeze_plan *plan, enum walk walk,
                     bool remote, int64_t *ret_count, struct cmd_error *reterr)
{
    int result = 0;

    for (size_t i = plan->count; i-- > 0;) {
        const struct mount *mount = &plan->mounts.items[plan->order[i]];
        int r;

        if (freeze_turn_is_stuck(mount)) {
            log_warn("fsfreeze: '%s' still hangs in its freeze, left to the freezing thread",
                     mount->target);
            continue;
        }
        if (freeze_kept_has(mount) || is_remote(&plan->mounts, plan->order[i]) != remote)
            continue;
        r = thaw_mount(job, &plan->mounts, plan->order[i]);
        *ret_count += r > 0;
        if (r < 0 && walk != WALK_UNKNOWN)
            log_warn("fsfreeze: cannot thaw '%s': %s", mount->target, err_text(r));
        if (r < 0 && result == 0 && counts(walk, r))
            result = cmd_fail_errno(reterr, r, "failed to thaw %s", mount->target);
    }
    return result;
}

/* 0, or -1: something that was frozen may be so still. */
static int walk_table(const struct freeze_job *job, enum walk walk, bool remote, int64_t *ret_count,
                      struct cmd_error *reterr)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = { 0 };
    int r = freeze_plan_make(job->root, &plan);

    /* What somebody else froze may be excluded here. */
    if (r == 0 && walk == WALK_OWN)
        r = freeze_plan_drop(&plan, job->config->exclude);
    if (r == 0)
        return walk_plan(job, &plan, walk, remote, ret_count, reterr);
    if (walk == WALK_INHERITED)
        return cmd_fail_errno(reterr, r, "failed to read the mount table");
    log_warn("fsfreeze: cannot read the mount table: %s, what others froze is left", err_text(r));
    return 0;
}

static int thaw_inherited(const struct freeze_job *job, int64_t *ret_count,
                          struct cmd_error *reterr)
{
    int lingering = freeze_marker_lingers(job, inherited.marker);
    int r = walk_table(job, WALK_INHERITED, false, ret_count, reterr);

    if (r == 0)
        r = walk_table(job, WALK_INHERITED, true, ret_count, reterr);
    if (r == 0 && lingering)
        r = cmd_fail(reterr, "a freeze of the agent before (pid %d) has not come back", lingering);
    if (r < 0)
        stay_frozen(job);
    else
        become_thawed(job);
    return r;
}

static int thaw_own(const struct freeze_job *job, int64_t *ret_count, struct cmd_error *reterr)
{
    CLEANUP(cmd_error_done) struct cmd_error ignored = { 0 };
    char name[256];
    int failed;

    *ret_count = freeze_kept_thaw(&failed, name, sizeof(name));
    walk_table(job, WALK_OWN, false, ret_count, &ignored);
    if (failed < 0) {
        add_failure(reterr, name, failed);
        stay_frozen(job);
        return -1;
    }
    become_thawed(job);
    /* what may have to be waited for keeps nobody frozen */
    walk_table(job, WALK_OWN, true, ret_count, &ignored);
    return 0;
}

static int thaw_unknown(const struct freeze_job *job, int64_t *ret_count)
{
    CLEANUP(cmd_error_done) struct cmd_error ignored = { 0 };

    walk_table(job, WALK_UNKNOWN, false, ret_count, &ignored);
    return walk_table(job, WALK_UNKNOWN, true, ret_count, &ignored);
}

/* With the turn. */
static int thaw_all(const struct freeze_job *job, int64_t *ret_count, struct cmd_error *reterr)
{
    bool frozen = ga_is_frozen(), ran;
    int r;

    freeze_reserve_use();
    ga_thaw_begin();
    if (!frozen)
        r = thaw_unknown(job, ret_count);
    else if (inherited.frozen)
        r = thaw_inherited(job, ret_count, reterr);
    else
        r = thaw_own(job, ret_count, reterr);
    if (r < 0)
        return r;
    return frozen || *ret_count > 0 ? freeze_hook(job, "thaw", &ran, reterr) : 0;
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

/* The timer's: true if it is to be tried again. A hook that fails is no reason to. */
static bool thaw_by_itself(const struct freeze_job *job)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
    int64_t count;

    log_warn("fsfreeze: nobody thawed in time, thawing");
    if (freeze_thaw(job, &count, &error) < 0) {
        log_err("fsfreeze: the automatic thaw failed: %s", error.text ? error.text : "no memory");
        return ga_is_frozen();
    }
    log_warn("fsfreeze: thawed %" PRId64 " filesystems without the host", count);
    return false;
}

int freeze_thaw_after(const struct freeze_job *job, int64_t timeout_ms)
{
    return freeze_timer_arm(job, timeout_ms, thaw_by_itself);
}

void freeze_thaw_inherit(const char *marker_text)
{
    inherited.frozen = true;
    snprintf(inherited.marker, sizeof(inherited.marker), "%s", marker_text);
    freeze_reserve_fill();
}
