/*
 * Signals, the daemon and its launcher, sockets that a service manager passes.
 */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void signals_end_the_agent_with_status_zero(void **state)
{
    static const int signals[] = { SIGTERM, SIGINT };

    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        struct agent_process agent = { 0 };
        struct client client;

        agent_spawn(&agent, NULL);
        client_open(&client, &agent);
        client_expect(&client, PING, PONG);
        kill(agent.pid, signals[i]);
        client_expect_end(&client);
        client_close(&client);
        assert_int_equal(agent_wait(&agent), 0);
        assert_int_equal(access(agent_path(&agent, "qga.state"), F_OK), 0);
        assert_int_equal(access(agent.socket, F_OK), 0);
        agent_remove_dir(&agent);
    }
}

/* -d -m unix-listen -p socket -t dir -f pid, and the exit status of the launcher. */
static int launch_daemon(struct agent_process *agent, const char *socket, const char *statedir)
{
    const char *arguments[] = { "-d", "-m",     "unix-listen", "-p", socket,
                                "-t", statedir, "-f",          NULL, NULL };
    int status;

    arguments[8] = agent_path(agent, "pid");
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* so that the daemon becomes ours */
    agent_spawn_raw(agent, arguments);
    status = agent_wait(agent);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static pid_t pid_in_file(const struct agent_process *agent)
{
    char *text = read_file(agent_path(agent, "pid"), NULL), expected[16];
    pid_t pid;

    assert_non_null(text);
    pid = (pid_t)strtol(text, NULL, 10);
    snprintf(expected, sizeof(expected), "%d\n", (int)pid);
    assert_string_equal(text, expected);
    free(text);
    return pid;
}

static void a_daemon_serves_when_its_launcher_has_ended(void **state)
{
    struct agent_process *agent = *state;
    char link[64], cwd[64] = "";
    struct client client;
    struct stat info;

    assert_int_equal(launch_daemon(agent, agent->socket, agent->dir), 0);
    agent->pid = pid_in_file(agent);
    assert_int_equal(stat(agent_path(agent, "pid"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(stat(agent->socket, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(getsid(agent->pid), agent->pid);
    snprintf(link, sizeof(link), "/proc/%d/cwd", (int)agent->pid);
    assert_int_equal(readlink(link, cwd, sizeof(cwd) - 1), 1);
    assert_string_equal(cwd, "/");
    client_open(&client, agent);
    client_expect(&client, PING, PONG);
    client_close(&client);
    assert_int_equal(agent_terminate(agent), 0);
    assert_int_equal(access(agent_path(agent, "pid"), F_OK), -1);
}

static void a_second_daemon_fails_and_leaves_the_first_alone(void **state)
{
    struct agent_process *agent = *state;
    struct client client;
    pid_t first;

    assert_int_equal(launch_daemon(agent, agent->socket, agent->dir), 0);
    first = pid_in_file(agent);
    assert_int_equal(launch_daemon(agent, agent_path(agent, "other"), agent->dir), 1);
    assert_int_equal(pid_in_file(agent), first);
    assert_int_equal(access(agent_path(agent, "other"), F_OK), -1);
    agent->pid = first;
    client_open(&client, agent);
    client_expect(&client, PING, PONG);
    client_close(&client);
    assert_int_equal(agent_terminate(agent), 0);
}

static void a_stale_pid_file_is_used_again(void **state)
{
    struct agent_process *agent = *state;

    assert_int_equal(launch_daemon(agent, agent->socket, agent->dir), 0);
    agent->pid = pid_in_file(agent);
    agent_kill9(agent);
    assert_int_equal(launch_daemon(agent, agent->socket, agent->dir), 0);
    agent->pid = pid_in_file(agent);
    assert_int_equal(agent_terminate(agent), 0);
}

static void a_daemon_that_cannot_start_tells_its_launcher(void **state)
{
    struct agent_process *agent = *state;

    assert_int_equal(launch_daemon(agent, "/no/such/socket", agent->dir), 1);
    assert_int_equal(access(agent_path(agent, "pid"), F_OK), -1);
}

/* A counter of handles is no reason to lock the host out. */
static void a_daemon_starts_whatever_its_state_directory_is(void **state)
{
    struct agent_process *agent = *state;

    write_file(agent_path(agent, "qga.state"), "not a key file\n", 15);
    for (int missing = 0; missing <= 1; missing++) {
        const char *statedir = missing ? agent_path(agent, "none") : agent->dir;

        assert_int_equal(launch_daemon(agent, agent->socket, statedir), 0);
        agent->pid = pid_in_file(agent);
        assert_int_equal(agent_terminate(agent), 0);
    }
}

/* The one child that this process has: a daemon whose launcher has ended. */
static pid_t only_child(void)
{
    char *text = read_file("/proc/thread-self/children", NULL), *end;
    pid_t pid;

    assert_non_null(text);
    pid = (pid_t)strtol(text, &end, 10);
    assert_true(pid > 0);
    assert_int_equal(end[strspn(end, " ")], '\0');
    free(text);
    return pid;
}

/* All at once: one serves, and the others have not touched its socket. */
static void of_several_daemons_at_once_one_serves(void **state)
{
    struct agent_process *agent = *state;
    struct agent_process launchers[4];
    const char *arguments[] = { "-d", "-m",       "unix-listen", "-p", agent->socket,
                                "-t", agent->dir, "-f",          NULL, NULL };
    int started = 0;
    struct client client;

    arguments[8] = agent_path(agent, "pid");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (size_t i = 0; i < ARRAY_LEN(launchers); i++) {
        launchers[i] = *agent;
        agent_spawn_raw(&launchers[i], arguments);
    }
    for (size_t i = 0; i < ARRAY_LEN(launchers); i++)
        started += agent_wait(&launchers[i]) == 0;
    assert_int_equal(started, 1);
    agent->pid = pid_in_file(agent);
    client_open(&client, agent);
    client_expect(&client, PING, PONG);
    client_close(&client);
    assert_int_equal(agent_terminate(agent), 0);
}

static void a_pid_file_that_the_host_reads_stays_locked(void **state)
{
    struct agent_process *agent = *state;
    struct client client;
    int64_t handle;

    assert_int_equal(launch_daemon(agent, agent->socket, agent->dir), 0);
    agent->pid = pid_in_file(agent);
    client_open(&client, agent);
    handle = client_file_open(&client, agent_path(agent, "pid"), "r");
    client_ask(&client, "{\"execute\":\"guest-file-close\",\"arguments\":{\"handle\":%" PRId64 "}}",
               handle);
    client_close(&client);
    assert_int_equal(launch_daemon(agent, agent_path(agent, "other"), agent->dir), 1);
    agent->pid = pid_in_file(agent);
    assert_int_equal(agent_terminate(agent), 0);
}

static void a_pid_file_that_is_none_is_left_alone(void **state)
{
    struct agent_process *agent = *state;
    const char *pid = agent_path(agent, "pid"), *victim = agent_path(agent, "victim");
    char *text;

    write_file(victim, "precious", 8);
    assert_int_equal(symlink("victim", pid), 0);
    assert_int_equal(launch_daemon(agent, agent->socket, agent->dir), 1);
    assert_int_equal(unlink(pid), 0);
    assert_int_equal(link(victim, pid), 0);
    assert_int_equal(launch_daemon(agent, agent->socket, agent->dir), 1);
    assert_int_equal(unlink(pid), 0);
    assert_int_equal(mkfifo(pid, 0600), 0);
    assert_int_equal(launch_daemon(agent, agent->socket, agent->dir), 1);
    text = read_file(victim, NULL);
    assert_string_equal(text, "precious");
    free(text);
}

/* A marker of a freeze that an earlier agent left: there is no pid file to lock yet. */
static void of_two_daemons_in_a_frozen_guest_one_serves(void **state)
{
    struct agent_process *agent = *state;
    struct agent_process second = *agent;
    const char *arguments[] = { "-m",       "unix-listen", "-p", agent->socket, "-t",
                                agent->dir, "-f",          NULL, "-d",          NULL };
    struct client client;

    arguments[7] = agent_path(agent, "pid");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    write_file(agent_path(agent, "qga.state.isfrozen"), "", 0);
    agent_spawn_raw(agent, arguments);
    assert_int_equal(agent_wait(agent), 0);
    assert_int_equal(access(agent_path(agent, "pid"), F_OK), -1);
    arguments[3] = agent_path(agent, "other");
    agent_spawn_raw(&second, arguments);
    assert_int_equal(agent_wait(&second), 1 << 8);
    client_open(&client, agent);
    client_expect(&client, "{\"execute\":\"guest-fsfreeze-status\"}", "{\"return\": \"frozen\"}");
    client_close(&client);
    agent->pid = only_child();
    agent_kill9(agent);
}

static void assert_at_null(pid_t pid, int fd)
{
    char link[64], target[64] = "";

    snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, fd);
    assert_true(readlink(link, target, sizeof(target) - 1) > 0);
    assert_string_equal(target, "/dev/null");
}

static void a_daemon_starts_with_its_standard_descriptors_closed(void **state)
{
    struct agent_process *agent = *state;
    const char *const argv[] = { "/bin/sh",
                                 "-c",
                                 "exec \"$0\" -d -m unix-listen -p \"$1/socket\" -t \"$1\" -f "
                                 "\"$1/pid\" <&- >&- 2>&-",
                                 PQGA_AGENT,
                                 agent->dir,
                                 NULL };
    struct client client;
    char *output;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    assert_int_equal(run_program(argv, &output), 0);
    free(output);
    agent->pid = pid_in_file(agent);
    for (int fd = 0; fd <= 2; fd++)
        assert_at_null(agent->pid, fd);
    client_open(&client, agent);
    client_file_open(&client, "/dev/null", "r"); /* takes a number from the state directory */
    client_close(&client);
    assert_int_equal(agent_terminate(agent), 0);
}

/* --- sockets that are passed ------------------------------------------------------------ */

static int listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

/* Starts the agent with `fd` as descriptor 3 and LISTEN_FDS=count, as a service manager does. */
static void spawn_activated(struct agent_process *agent, int fd, int count)
{
    char script[200], shell[] = "/bin/sh", option[] = "-c", program[] = PQGA_AGENT;
    char statedir[] = "-t";
    char *argv[] = { shell, option, script, program, statedir, agent->dir, NULL };
    posix_spawn_file_actions_t actions;

    snprintf(script, sizeof(script), "LISTEN_PID=$$ LISTEN_FDS=%d exec \"$0\" \"$@\"", count);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, 3); /* glibc keeps it open if it is 3 already */
    posix_spawn_file_actions_adddup2(&actions, 2, 4);
    assert_int_equal(posix_spawn(&agent->pid, shell, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
}

static void a_passed_socket_is_served(void **state)
{
    struct agent_process *agent = *state;
    int fd = listen_at(agent->socket);
    struct client client;

    spawn_activated(agent, fd, 1);
    close(fd);
    client_open(&client, agent);
    client_expect(&client, PING, PONG);
    client_close(&client);
    assert_int_equal(agent_terminate(agent), 0);
}

static void more_than_one_passed_socket_is_an_error(void **state)
{
    struct agent_process *agent = *state;
    int fd = listen_at(agent->socket);

    spawn_activated(agent, fd, 2);
    close(fd);
    assert_int_equal(agent_wait(agent), 1 << 8);
}

static void a_passed_descriptor_has_to_be_a_listening_socket(void **state)
{
    struct agent_process *agent = *state;
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    spawn_activated(agent, fd, 1);
    close(fd);
    assert_int_equal(agent_wait(agent), 1 << 8);
}

#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, setup_dir, teardown_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_end_the_agent_with_status_zero),
        IN_DIR(a_daemon_serves_when_its_launcher_has_ended),
        IN_DIR(a_second_daemon_fails_and_leaves_the_first_alone),
        IN_DIR(a_stale_pid_file_is_used_again),
        IN_DIR(a_daemon_that_cannot_start_tells_its_launcher),
        IN_DIR(a_daemon_starts_whatever_its_state_directory_is),
        IN_DIR(of_several_daemons_at_once_one_serves),
        IN_DIR(a_pid_file_that_the_host_reads_stays_locked),
        IN_DIR(a_pid_file_that_is_none_is_left_alone),
        IN_DIR(of_two_daemons_in_a_frozen_guest_one_serves),
        IN_DIR(a_daemon_starts_with_its_standard_descriptors_closed),
        IN_DIR(a_passed_socket_is_served),
        IN_DIR(more_than_one_passed_socket_is_an_error),
        IN_DIR(a_passed_descriptor_has_to_be_a_listening_socket),
    };

    return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}
