/*
 * cmds/linux/power/power.c - guest-shutdown: the mode's own program, else shutdown(8).
 */
#include "cmds/linux/linux.h"
#include "cmds/linux/program.h"

#include <errno.h>

const struct arg_spec args_shutdown[] = {
    ARG_OPT(ARG_STR, shutdown_args, mode, "mode"),
    { 0 },
};

struct power_mode {
    const char *name;
    const char *program; /* called without arguments */
    const char *flag;    /* of shutdown(8), behind -h */
};

static const struct power_mode power_modes[] = {
    { "powerdown", "/sbin/poweroff", "-P" }, /* first: the default */
    { "halt", "/sbin/halt", "-H" },
    { "reboot", "/sbin/reboot", "-r" },
};

static const struct power_mode *find_mode(const struct shutdown_args *args)
{
    if (!args->has_mode)
        return &power_modes[0];
    for (size_t i = 0; i < ARRAY_LEN(power_modes); i++)
        if (strcmp(args->mode.text, power_modes[i].name) == 0)
            return &power_modes[i];
    return NULL;
}

/* Without a time limit: ending the program half way would leave the guest half way down. */
static int run_for_mode(const struct sysroot *root, const struct power_mode *mode,
                        struct spawn_result *ret_result)
{
    char path[SYSROOT_PATH_MAX];

    if (program_find(root, mode->program, path) == 0)
        return program_run(root, (const char *const[]){ mode->program, NULL }, -1, ret_result);
    return program_run(root,
                       (const char *const[]){ "/sbin/shutdown", "-h", mode->flag, "+0",
                                              "hypervisor initiated shutdown", NULL },
                       -1, ret_result);
}

int cmd_shutdown(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };
    const struct power_mode *mode = find_mode(args);
    int r;

    if (!mode)
        return cmd_fail(&reply->error, "mode is invalid (valid values are: "
                                       "halt|powerdown|reboot"); /* never closed in qemu-ga */
    r = run_for_mode(&env->root, mode, &result);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to execute %s or /sbin/shutdown",
                              mode->program);
    if (!result.exited)
        return cmd_fail(&reply->error, "child process has terminated abnormally");
    if (result.exit_code != 0)
        return cmd_fail(&reply->error, "child process has failed to shutdown");
    return 0;
}
