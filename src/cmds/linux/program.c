/*
 * cmds/linux/program.c - the agent's own PATH is not asked: a service may have none.
 */
#include "cmds/linux/program.h"

#include <errno.h>
#include <unistd.h>

#define ARGS_MAX 8

static int check(const struct sysroot *root, const char *path, char ret_path[SYSROOT_PATH_MAX])
{
    int r = sysroot_path(root, path, ret_path);

    if (r < 0)
        return r;
    return access(ret_path, X_OK) < 0 ? -errno : 0;
}

int program_find(const struct sysroot *root, const char *name, char ret_path[SYSROOT_PATH_MAX])
{
    static const char *const dirs[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin" };
    int found = -ENOENT;

    if (name[0] == '/')
        return check(root, name, ret_path);
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        char path[128];
        int r;

        snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
        r = check(root, path, ret_path);
        if (r == 0)
            return 0;
        if (r != -ENOENT)
            found = r;
    }
    return found;
}

int program_run(const struct sysroot *root, const char *const argv[], int timeout_ms,
                struct spawn_result *ret_result)
{
    const char *args[ARGS_MAX + 1] = { NULL };
    char path[SYSROOT_PATH_MAX];
    int r;

    r = program_find(root, argv[0], path);
    if (r < 0)
        return r;
    args[0] = path;
    for (size_t i = 1; argv[i]; i++) {
        CHECK(i < ARGS_MAX);
        args[i] = argv[i];
    }
    return spawn_run(args, NULL, timeout_ms, ret_result);
}
