/*
 * cmds/linux/power/suspend.c - guest-suspend-*: systemd, then pm-utils, then /sys/power/state.
 *
 * Each way is first asked whether it can, then used. One that can but fails is followed by the
 * next; if none succeeds, the last error of one that could is the answer.
 */
#include "cmds/linux/linux.h"
#include "cmds/linux/program.h"

#include <errno.h>

#define ASK_TIMEOUT_MS 30000 /* for a program that only says what is possible */

struct suspend_mode {
    const char *systemd_unit, *systemd_verb;
    const char *pm_flag, *pm_program;
    const char *sysfs_word; /* NULL: the kernel has no such state of its own */
};

static const struct suspend_mode suspend_disk = {
    "systemd-hibernate", "hibernate", "--hibernate", "pm-hibernate", "disk",
};
static const struct suspend_mode suspend_ram = {
    "systemd-suspend", "suspend", "--suspend", "pm-suspend", "mem",
};
static const struct suspend_mode suspend_hybrid = {
    "systemd-hybrid-sleep", "hybrid-sleep", "--suspend-hybrid", "pm-suspend-hybrid", NULL,
};

/* The exit status of a program that answers a question; -1 if it gave none. */
static int ask(const struct sysroot *root, const char *const argv[])
{
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };

    if (program_run(root, argv, ASK_TIMEOUT_MS, &result) < 0 || !result.exited)
        return -1;
    return result.exit_code;
}

static int act(const struct sysroot *root, const char *const argv[], struct cmd_error *reterr)
{
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };
    const char *verb = argv[1] ? argv[1] : "", *blank = argv[1] ? " " : "";
    int r;

    r = program_run(root, argv, -1, &result);
    if (r == -ENOENT)
        return cmd_fail(reterr, "the helper program '%s%s%s' was not found", argv[0], blank, verb);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to execute '%s'", argv[0]);
    if (!result.exited)
        return cmd_fail(reterr, "child process has terminated abnormally");
    if (result.exit_code != 0)
        return cmd_fail(reterr,
                        "the helper program '%s%s%s' returned an unexpected exit status code (%d)",
                        argv[0], blank, verb, result.exit_code);
    return 0;
}

/* systemctl status: 0 is a unit that runs, which a suspend that is asked for does not; 3 one that
 * does not run, 4 one that is not known. */
static bool systemd_can(const struct sysroot *root, const struct suspend_mode *mode)
{
    int status =
        ask(root, (const char *const[]){ "systemctl", "status", mode->systemd_unit, NULL });

    return status > 0 && status < 4;
}

static int systemd_do(const struct sysroot *root, const struct suspend_mode *mode,
                      struct cmd_error *reterr)
{
    return act(root, (const char *const[]){ "systemctl", mode->systemd_verb, NULL }, reterr);
}

static bool pm_can(const struct sysroot *root, const struct suspend_mode *mode)
{
    return ask(root, (const char *const[]){ "pm-is-supported", mode->pm_flag, NULL }) == 0;
}

static int pm_do(const struct sysroot *root, const struct suspend_mode *mode,
                 struct cmd_error *reterr)
{
    return act(root, (const char *const[]){ mode->pm_program, NULL }, reterr);
}

static bool sysfs_can(const struct sysroot *root, const struct suspend_mode *mode)
{
    char states[128], *word, *save = NULL;

    if (!mode->sysfs_word ||
        sysroot_read_line(root, states, sizeof(states), "/sys/power/state") < 0)
        return false;
    for (word = strtok_r(states, " ", &save); word; word = strtok_r(NULL, " ", &save))
        if (strcmp(word, mode->sysfs_word) == 0)
            return true;
    return false;
}

/* The write returns when the guest has woken up. */
static int sysfs_do(const struct sysroot *root, const struct suspend_mode *mode,
                    struct cmd_error *reterr)
{
    int r = sysroot_write(root, mode->sysfs_word, "/sys/power/state");

    return r < 0 ? cmd_fail_errno(reterr, r, "failed to write to /sys/power/state") : 0;
}

static const struct {
    bool (*can)(const struct sysroot *root, const struct suspend_mode *mode);
    int (*act)(const struct sysroot *root, const struct suspend_mode *mode,
               struct cmd_error *reterr);
} suspend_ways[] = {
    { systemd_can, systemd_do },
    { pm_can, pm_do },
    { sysfs_can, sysfs_do },
};

static int suspend(const struct sysroot *root, const struct suspend_mode *mode,
                   struct cmd_error *reterr)
{
    struct cmd_error last = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(suspend_ways); i++) {
        if (!suspend_ways[i].can(root, mode))
            continue;
        cmd_error_done(&last);
        if (suspend_ways[i].act(root, mode, &last) == 0)
            return 0;
    }
    if (!last.text)
        return cmd_fail(reterr, "the requested suspend mode is not supported by the guest");
    *reterr = last;
    return -1;
}

int cmd_suspend_disk(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    return suspend(&env->root, &suspend_disk, &reply->error);
}

int cmd_suspend_ram(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    return suspend(&env->root, &suspend_ram, &reply->error);
}

int cmd_suspend_hybrid(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    return suspend(&env->root, &suspend_hybrid, &reply->error);
}
