/*
 * cmds/linux/freeze/freeze_hook.c - the owner's program that is told of freeze and thaw.
 */
#include "cmds/linux/freeze/freeze.h"

#include "base/log.h"
#include "base/spawn.h"

#include <errno.h>
#include <unistd.h>

#define OUTPUT_LOGGED_MAX 512

static void log_output(const char *action, const struct buf *output)
{
    size_t len = MIN_OF(output->len, (size_t)OUTPUT_LOGGED_MAX);

    while (len > 0 && output->data[len - 1] == '\n')
        len--;
    if (len > 0)
        log_warn("fsfreeze: hook '%s' said: %.*s", action, (int)len, output->data);
}

static int check_result(const struct freeze_job *job, const struct spawn_result *result,
                        struct cmd_error *reterr)
{
    if (result->timed_out)
        return cmd_fail(reterr, "fsfreeze hook did not end within %u s",
                        job->config->hook_timeout_sec);
    if (!result->exited)
        return cmd_fail(reterr, "fsfreeze hook has terminated abnormally");
    if (result->exit_code != 0)
        return cmd_fail(reterr, "fsfreeze hook has failed with status %d", result->exit_code);
    return 0;
}

static int timeout_ms(const struct freeze_config *config)
{
    int64_t ms = config->hook_timeout_sec * freeze_limits.second_in_ms;

    return ms == 0 || ms > INT32_MAX ? -1 : (int)ms;
}

int freeze_hook(const struct freeze_job *job, const char *action, bool *ret_ran,
                struct cmd_error *reterr)
{
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };
    const char *hook = job->config->hook;
    char path[SYSROOT_PATH_MAX];
    int r;

    *ret_ran = false;
    if (!hook)
        return 0;
    r = sysroot_path(job->root, hook, path);
    if (r == 0 && access(path, X_OK) < 0)
        r = -errno;
    if (r < 0)
        return cmd_fail_errno(reterr, r, "can't access fsfreeze hook '%s'", hook);
    log_audit("executing fsfreeze hook with arg '%s'", action);
    r = spawn_run((const char *const[]){ path, action, NULL }, NULL, timeout_ms(job->config),
                  &result);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to execute fsfreeze hook '%s'", hook);
    *ret_ran = true;
    r = check_result(job, &result, reterr);
    if (r < 0)
        log_output(action, &result.output);
    return r;
}
