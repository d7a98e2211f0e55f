/*
 * base/spawn.c - which program is started, and with what: the rest is base/spawn_exec.c.
 */
#include "base/spawn.h"

#include "base/fdio.h"
#include "base/spawn_env.h"
#include "base/spawn_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define DEFAULT_PATH   "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PATH_MAX_BYTES 4096

static void raise_files(size_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = MIN_OF(limit.rlim_max, (rlim_t)wanted);
    setrlimit(RLIMIT_NOFILE, &limit);
}

void spawn_init(size_t files_wanted)
{
    /* Ignored, as some parent may leave it, it would have the kernel throw the statuses away. */
    signal(SIGCHLD, SIG_DFL);
    spawn_exec_init();
    spawn_env_init();
    raise_files(files_wanted);
}

/* --- one program ---------------------------------------------------------------------- */

/* What every try of a search has in common. */
struct attempt {
    const struct spawn_options *options;
    char *const *envp;
    int fds[3];
    struct spawn_child child;
};

static int spawn_file(struct attempt *attempt, const char *file, char *const *argv)
{
    struct spawn_exec exec = {
        .file = file,
        .argv = argv,
        .envp = attempt->envp,
        .fds = { attempt->fds[0], attempt->fds[1], attempt->fds[2] },
        .new_group = attempt->options->new_group,
    };

    return spawn_exec(&exec, &attempt->child.pid, &attempt->child.pidfd);
}

static int spawn_by_shell(struct attempt *attempt, const char *file)
{
    char *const *given = attempt->options->argv;
    CLEANUP(free_ptr) char **argv = NULL;
    size_t count = 0;
    int r;

    while (given[count])
        count++;
    argv = calloc(count + 3, sizeof(*argv));
    if (!argv)
        return -ENOMEM;
    argv[0] = strdup("/bin/sh");
    argv[1] = strdup(file);
    for (size_t i = 1; i < count; i++)
        argv[i + 1] = given[i];
    r = argv[0] && argv[1] ? spawn_file(attempt, argv[0], argv) : -ENOMEM;
    free(argv[0]);
    free(argv[1]);
    return r;
}

static int spawn_path(struct attempt *attempt, const char *file)
{
    int r = spawn_file(attempt, file, attempt->options->argv);

    if (r == -ENOEXEC && attempt->options->shell_fallback)
        r = spawn_by_shell(attempt, file);
    return r;
}

/* What makes execvp(3) try the next directory. */
static bool is_search_error(int r)
{
    return r == -ENOENT || r == -ENOTDIR || r == -EACCES || r == -ESTALE || r == -ENODEV ||
           r == -ETIMEDOUT || r == -ENAMETOOLONG || r == -ELOOP;
}

/* The child's, else the agent's. */
static const char *search_path(char *const *envp)
{
    const char *path = spawn_env_get(envp, "PATH");

    if (!path)
        path = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    return path ? path : DEFAULT_PATH;
}

/* An empty element would be the working directory, which is never searched. */
static int spawn_search(struct attempt *attempt)
{
    const char *dirs = search_path(attempt->envp);
    char file[PATH_MAX_BYTES];
    int result = -ENOENT;

    for (; *dirs; dirs += *dirs == ':') {
        size_t len = strcspn(dirs, ":");
        int n = snprintf(file, sizeof(file), "%.*s/%s", (int)len, dirs, attempt->options->path);
        int r;

        dirs += len;
        if (len == 0 || n < 0 || (size_t)n >= sizeof(file))
            continue;
        /* A look is cheaper than a child that finds nothing. */
        r = faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) < 0 ? -errno : 0;
        if (r == 0)
            r = spawn_path(attempt, file);
        if (!is_search_error(r))
            return r;
        if (r == -EACCES)
            result = r;
    }
    return result;
}

/* --- spawn_start() -------------------------------------------------------------------- */

/* A descriptor below 3 could be overwritten by an earlier dup2: it moves up. */
static int lift_fd(int fd, int *ret_lifted)
{
    if (fd < 0 || fd > 2)
        return fd;
    *ret_lifted = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return *ret_lifted < 0 ? -errno : *ret_lifted;
}

static int spawn_with_fds(struct attempt *attempt)
{
    const struct spawn_options *options = attempt->options;
    CLEANUP(fd_closep) int lifted_in = -1;
    CLEANUP(fd_closep) int lifted_out = -1;
    CLEANUP(fd_closep) int lifted_err = -1;

    attempt->fds[0] = lift_fd(options->fd_in, &lifted_in);
    attempt->fds[1] = lift_fd(options->fd_out, &lifted_out);
    attempt->fds[2] = lift_fd(options->fd_err, &lifted_err);
    for (int i = 0; i < 3; i++) {
        if (attempt->fds[i] < SPAWN_NULL)
            return attempt->fds[i];
    }
    if (!*options->path)
        return -ENOENT;
    return strchr(options->path, '/') ? spawn_path(attempt, options->path) : spawn_search(attempt);
}

int spawn_start(const struct spawn_options *options, struct spawn_child *ret_child)
{
    CLEANUP(free_ptr) char **own_env = options->envp ? NULL : spawn_env_new();
    struct attempt attempt = { .options = options, .envp = own_env };
    int r;

    if (options->envp)
        attempt.envp = options->envp;
    if (!attempt.envp)
        return -ENOMEM;
    r = spawn_with_fds(&attempt);
    if (r == 0)
        *ret_child = attempt.child;
    return r;
}
