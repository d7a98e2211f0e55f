/*
 * proc.c - processes and what /proc says of them, files, random numbers.
 */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void write_file(const char *path, const void *data, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

char *read_file(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "r");
    size_t len = 0, cap = 0, n = 1;
    char *text = NULL;

    if (!file)
        return NULL;
    for (; n > 0; len += n) {
        if (cap - len < 2) {
            cap = cap * 2 + 4096;
            text = realloc(text, cap);
            assert_non_null(text);
        }
        n = fread(text + len, 1, cap - len - 1, file);
    }
    fclose(file);
    text[len] = '\0';
    if (ret_len)
        *ret_len = len;
    return text;
}

/* Numerical Recipes' generator: its high bits are good enough for choosing. */
uint32_t random_next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* The number behind "key:" in a status file; 0: not there. */
static uint64_t status_number(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static uint64_t switches_of(const char *path)
{
    char *text = read_file(path, NULL);
    uint64_t count;

    if (!text) /* the thread has ended */
        return 0;
    count = status_number(text, "\nvoluntary_ctxt_switches:") +
            status_number(text, "\nnonvoluntary_ctxt_switches:");
    free(text);
    return count;
}

uint64_t agent_switches(const struct agent_process *agent)
{
    char path[512];
    struct dirent *entry;
    uint64_t count = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)agent->pid);
    dir = opendir(path);
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)agent->pid, entry->d_name);
        if (entry->d_name[0] != '.')
            count += switches_of(path);
    }
    closedir(dir);
    return count;
}

uint64_t agent_cpu_ms(const struct agent_process *agent)
{
    uint64_t user = 0, system = 0;
    char path[64], *text, *at;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)agent->pid);
    text = read_file(path, NULL);
    assert_non_null(text);
    at = strrchr(text, ')'); /* fields 14 and 15, see proc(5); the name is the second */
    assert_non_null(at);
    assert_int_equal(sscanf(at + 1,
                            " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
                            &user, &system),
                     2);
    free(text);
    return (user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

uint64_t agent_resident_kib(const struct agent_process *agent)
{
    char path[64], *text;
    uint64_t kib;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)agent->pid);
    text = read_file(path, NULL);
    assert_non_null(text);
    kib = status_number(text, "\nVmRSS:");
    free(text);
    return kib;
}

bool agent_is_running(const struct agent_process *agent)
{
    return waitpid(agent->pid, NULL, WNOHANG) == 0;
}

uint64_t agent_settled(const struct agent_process *agent,
                       uint64_t (*number)(const struct agent_process *agent), int pause_ms)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    uint64_t before, after = number(agent);

    do {
        assert_true(monotonic_ms() < deadline);
        before = after;
        nap_ms(pause_ms);
        after = number(agent);
    } while (after != before);
    return after;
}

/* All that comes until the end of `fd`, within the patience. */
static char *read_to_end(int fd, pid_t pid)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    size_t len = 0, cap = 64 * KIB;
    char *text = malloc(cap);
    ssize_t n = 1;

    assert_non_null(text);
    while (n > 0 && len + 1 < cap) {
        struct pollfd pollfd = { .fd = fd, .events = POLLIN };

        if (poll(&pollfd, 1, (int)MAX_OF(0, deadline - monotonic_ms())) != 1) {
            kill(pid, SIGKILL);
            fail_msg("process %d does not end; it printed: %.*s", (int)pid, (int)len, text);
        }
        n = read(fd, text + len, cap - len - 1);
        len += n > 0 ? (size_t)n : 0;
    }
    text[len] = '\0';
    return text;
}

int run_program(const char *const *argv, char **ret_output)
{
    posix_spawn_file_actions_t actions;
    char *copies[16] = { NULL };
    int fds[2], status;
    pid_t pid;

    for (size_t i = 0; argv[i]; i++) {
        assert_in_range(i, 0, ARRAY_LEN(copies) - 2);
        copies[i] = strdup(argv[i]);
    }
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDERR_FILENO);
    assert_int_equal(posix_spawn(&pid, copies[0], &actions, NULL, copies, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    *ret_output = read_to_end(fds[0], pid);
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    for (size_t i = 0; copies[i]; i++)
        free(copies[i]);
    return status;
}
