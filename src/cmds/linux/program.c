/*
 * cmds/linux/program.c - the usual directories first, whatever PATH says: a service may have none. A
 * system that has its programs elsewhere (NixOS, Guix) says so in PATH.
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

/* `name` in a directory of `len` bytes; a directory that is not there, or not absolute, has none. */
static int check_in(const struct sysroot *root, const char *dir, size_t len, const char *name,
                    char ret_path[SYSROOT_PATH_MAX])
{
    char path[SYSROOT_PATH_MAX];
    int n = snprintf(path, sizeof(path), "%.*s/%s", (int)len, dir, name);

    if (len == 0 || dir[0] != '/' || n < 0 || (size_t)n >= sizeof(path))
        return -ENOENT;
    return check(root, path, ret_path);
}

/* In a list of directories as PATH has it. */
static int search(const struct sysroot *root, const char *dirs, const char *name,
                  char ret_path[SYSROOT_PATH_MAX])
{
    int found = -ENOENT;

    for (; *dirs; dirs += *dirs == ':') {
        size_t len = strcspn(dirs, ":");
        int r = check_in(root, dirs, len, name, ret_path);

        if (r == 0)
            return 0;
        if (r == -EACCES)
            found = r;
        dirs += len;
    }
    return found;
}

int program_find(const struct sysroot *root, const char *name, char ret_path[SYSROOT_PATH_MAX])
{
    const char *path = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    const char *slash = strrchr(name, '/');
    int found = slash ? check(root, name, ret_path) : -ENOENT, r;

    if (found == 0)
        return 0;
    if (slash)
        name = slash + 1;
    r = search(root, "/usr/sbin:/usr/bin:/sbin:/bin", name, ret_path);
    if (r == -ENOENT && path)
        r = search(root, path, name, ret_path);
    return r == -ENOENT ? found : r;
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
