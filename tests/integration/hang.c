/*
 * hang.c - starts slowfs and talks to its control socket.
 */
#include "hang.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#ifdef PQGA_SLOWFS

/* True when it says that it is mounted. */
static bool wait_mounted(int fd)
{
    struct pollfd pollfd = { .fd = fd, .events = POLLIN };
    char text[16] = "";

    return poll(&pollfd, 1, PATIENCE_MS) == 1 && read(fd, text, sizeof(text) - 1) > 0 &&
           strncmp(text, "ready", 5) == 0;
}

bool hang_mount(struct hang *hang, const struct agent_process *agent)
{
    posix_spawn_file_actions_t actions;
    char program[] = PQGA_SLOWFS, control[] = "--control", with_parent[] = "--with-parent";
    char *argv[] = { program, control, hang->control, with_parent, hang->mountpoint, NULL };
    int fds[2];
    bool mounted;

    if (access("/dev/fuse", R_OK | W_OK) != 0)
        return false;
    snprintf(hang->mountpoint, sizeof(hang->mountpoint), "%s/hang", agent->dir);
    snprintf(hang->control, sizeof(hang->control), "%s/control", agent->dir);
    assert_int_equal(mkdir(hang->mountpoint, 0700), 0);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    assert_int_equal(posix_spawn(&hang->pid, argv[0], &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    mounted = wait_mounted(fds[0]);
    close(fds[0]);
    if (!mounted)
        hang_unmount(hang);
    return mounted;
}

#else

bool hang_mount(struct hang *hang, const struct agent_process *agent)
{
    return false;
}

#endif

void hang_unmount(struct hang *hang)
{
    kill(hang->pid, SIGTERM);
    waitpid(hang->pid, NULL, 0);
}

/* One command, one line back. */
static void control(const struct hang *hang, const char *command, char answer[128])
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd pollfd = { .fd = fd, .events = POLLIN };
    ssize_t n;

    memcpy(address.sun_path, hang->control, strlen(hang->control) + 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_true(dprintf(fd, "%s\n", command) > 0);
    assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
    n = read(fd, answer, 127);
    assert_true(n > 0);
    answer[n] = '\0';
    close(fd);
}

void hang_tell(const struct hang *hang, const char *command)
{
    char answer[128];

    control(hang, command, answer);
    assert_string_equal(answer, "ok\n");
}

int hang_count(const struct hang *hang)
{
    char answer[128];
    int hanging;

    control(hang, "status", answer);
    assert_int_equal(sscanf(answer, "hung=%d", &hanging), 1);
    return hanging;
}

void hang_wait(const struct hang *hang, int count)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;

    while (hang_count(hang) < count) {
        assert_true(monotonic_ms() < deadline);
        nap_ms(2);
    }
}

const char *hang_file(const struct hang *hang, int number)
{
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % ARRAY_LEN(paths)];

    snprintf(path, sizeof(paths[0]), "%s/f%d", hang->mountpoint, number);
    return path;
}
