/*
 * fixture.c - start and end of the agent.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 32

extern char **environ;

int64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / NSEC_PER_MSEC;
}

void nap_ms(int ms)
{
    struct timespec nap = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * NSEC_PER_MSEC };

    nanosleep(&nap, NULL);
}

const char *agent_path(const struct agent_process *agent, const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % ARRAY_LEN(paths)];

    snprintf(path, sizeof(paths[0]), "%s/%s", agent->dir, name);
    return path;
}

void agent_make_dir(struct agent_process *agent)
{
    strcpy(agent->dir, "/tmp/pqga-test-XXXXXX");
    assert_non_null(mkdtemp(agent->dir));
    snprintf(agent->socket, sizeof(agent->socket), "%s/socket", agent->dir);
}

/* A test that failed leaves its agent behind: no child of ours outlives us. */
static void end_children(void)
{
    char path[64], *text, *rest, *word;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    text = read_file(path, NULL);
    rest = text;
    while (rest && (word = strsep(&rest, " "))) {
        if (*word)
            kill((pid_t)strtol(word, NULL, 10), SIGKILL);
    }
    free(text);
}

static void spawn(struct agent_process *agent, const char *const *arguments)
{
    static bool registered;
    char *argv[ARGUMENTS_MAX + 2] = { strdup(PQGA_AGENT) };
    int n = 1;

    if (!registered)
        atexit(end_children);
    registered = true;
    for (; *arguments; arguments++, n++) {
        assert_in_range(n, 1, ARGUMENTS_MAX);
        argv[n] = strdup(*arguments);
    }
    assert_int_equal(posix_spawn(&agent->pid, argv[0], NULL, NULL, argv, environ), 0);
    while (n > 0)
        free(argv[--n]);
}

/* The agent serves when it answers a connection; a socket file alone may be an old one. */
static void wait_until_it_listens(const struct agent_process *agent)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    memcpy(address.sun_path, agent->socket, strlen(agent->socket) + 1);
    for (;;) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r = connect(fd, (struct sockaddr *)&address, sizeof(address));

        close(fd);
        if (r == 0)
            return;
        assert_int_equal(waitpid(agent->pid, NULL, WNOHANG), 0);
        assert_true(monotonic_ms() < deadline);
        nap_ms(5);
    }
}

void agent_respawn(struct agent_process *agent, const char *const *options)
{
    const char *arguments[ARGUMENTS_MAX] = { "-m",          "unix-listen", "-p",
                                             agent->socket, "-t",          agent->dir };
    int n = 6;

    for (; options && *options; options++) {
        assert_in_range(n, 0, ARGUMENTS_MAX - 2);
        arguments[n++] = *options;
    }
    spawn(agent, arguments);
    wait_until_it_listens(agent);
}

void agent_spawn(struct agent_process *agent, const char *const *options)
{
    if (agent->dir[0] == '\0')
        agent_make_dir(agent);
    agent_respawn(agent, options);
}

void agent_spawn_configured(struct agent_process *agent, const char *general)
{
    const char *options[] = { "-c", NULL, NULL };
    char *text;

    if (agent->dir[0] == '\0')
        agent_make_dir(agent);
    options[1] = agent_path(agent, "config");
    assert_true(asprintf(&text, "[general]\n%s", general) >= 0);
    write_file(options[1], text, strlen(text));
    free(text);
    agent_respawn(agent, options);
}

void agent_spawn_raw(struct agent_process *agent, const char *const *arguments)
{
    if (agent->dir[0] == '\0')
        agent_make_dir(agent);
    spawn(agent, arguments);
}

int agent_wait(struct agent_process *agent)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    int status;
    pid_t pid;

    while ((pid = waitpid(agent->pid, &status, WNOHANG)) == 0 && monotonic_ms() < deadline)
        nap_ms(2);
    if (pid == 0) {
        kill(agent->pid, SIGKILL);
        waitpid(agent->pid, &status, 0);
    }
    assert_int_not_equal(pid, 0); /* it ended by itself */
    agent->pid = 0;
    return status;
}

int agent_terminate(struct agent_process *agent)
{
    kill(agent->pid, SIGTERM);
    return agent_wait(agent);
}

void agent_kill9(struct agent_process *agent)
{
    kill(agent->pid, SIGKILL);
    agent_wait(agent);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    return remove(path);
}

void agent_remove_dir(struct agent_process *agent)
{
    nftw(agent->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void agent_end(struct agent_process *agent)
{
    int status = agent_terminate(agent);

    agent_remove_dir(agent);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int setup_dir(void **state)
{
    struct agent_process *agent = calloc(1, sizeof(*agent));

    assert_non_null(agent);
    agent_make_dir(agent);
    *state = agent;
    return 0;
}

int teardown_dir(void **state)
{
    agent_remove_dir(*state);
    free(*state);
    return 0;
}

int setup_agent(void **state)
{
    struct agent_process *agent = calloc(1, sizeof(*agent));

    assert_non_null(agent);
    agent_spawn(agent, NULL);
    *state = agent;
    return 0;
}

int teardown_agent(void **state)
{
    struct agent_process *agent = *state;

    agent_end(agent);
    free(agent);
    return 0;
}
