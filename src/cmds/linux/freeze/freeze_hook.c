/*
 * cmds/linux/freeze/freeze_hook.c - the owner's program that is told of freeze and thaw.
 */
#include "cmds/linux/freeze/freeze_hook.h"

#include "base/log.h"
#include "base/spawn.h"
#include "base/trust.h"

#include <errno.h>
#include <unistd.h>

#define OUTPUT_TOLD_MAX 1024

/* The end of what it said, from a whole character on, without the last newlines. */
static void last_words(const struct buf *output, const char **ret_text, int *ret_len)
{
    size_t end = output->len, start;

    while (end > 0 && strchr("\n\r ", output->data[end - 1]))
        end--;
    start = end > OUTPUT_TOLD_MAX ? end - OUTPUT_TOLD_MAX : 0;
    while (start > 0 && start < end && (output->data[start] & 0xc0) == 0x80)
        start++;
    *ret_text = output->len > 0 ? output->data + start : "";
    *ret_len = (int)(end - start);
}

static int fail(struct cmd_error *reterr, const char *what, const struct spawn_result *result)
{
    char words[OUTPUT_TOLD_MAX];
    const char *text;
    int len;

    last_words(&result->output, &text, &len);
    for (int i = 0; i < len; i++)
        words[i] = text[i] ? text[i] : ' '; /* a NUL would end the error's text */
    return len > 0 ? cmd_fail(reterr, "%s: %.*s", what, len, words) : cmd_fail(reterr, "%s", what);
}

static int check_result(const struct freeze_job *job, const struct spawn_result *result,
                        struct cmd_error *reterr)
{
    char what[128];

    if (result->timed_out)
        snprintf(what, sizeof(what), "fsfreeze hook did not end within %u s",
                 job->config->hook_timeout_sec);
    else if (!result->exited)
        snprintf(what, sizeof(what), "fsfreeze hook has terminated abnormally");
    else if (result->exit_code != 0)
        snprintf(what, sizeof(what), "fsfreeze hook has failed with status %d", result->exit_code);
    else
        return 0;
    return fail(reterr, what, result);
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
    char path[SYSROOT_PATH_MAX], reason[TRUST_REASON_MAX];
    int r;

    *ret_ran = false;
    if (!hook)
        return 0;
    r = sysroot_path(job->root, hook, path);
    if (r == 0 && access(path, X_OK) < 0)
        r = -errno;
    if (r < 0)
        return cmd_fail_errno(reterr, r, "can't access fsfreeze hook '%s'", hook);
    if (path_is_trusted(path, reason) == -EPERM)
        return cmd_fail(reterr, "fsfreeze hook '%s' is not run: %s", hook, reason);
    log_audit("executing fsfreeze hook with arg '%s'", action);
    r = spawn_run((const char *const[]){ path, action, NULL }, NULL, timeout_ms(job->config),
                  &result);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to execute fsfreeze hook '%s'", hook);
    *ret_ran = true;
    return check_result(job, &result, reterr);
}
