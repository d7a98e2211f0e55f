/*
 * Who may connect to a unix socket: a user of the guest is not the host.
 */
#include "fixture.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

enum outcome { NOT_CONNECTED = 1, DISCONNECTED, ANSWERED };

/* In a child: what a process of this user gets. */
static enum outcome try_as(const struct agent_process *agent, uid_t user)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char reply[64];

    memcpy(address.sun_path, agent->socket, strlen(agent->socket) + 1);
    if (setgid(user) < 0 || setuid(user) < 0)
        return 0;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return NOT_CONNECTED;
    (void)!send(fd, PING, strlen(PING), MSG_NOSIGNAL);
    return recv(fd, reply, sizeof(reply), 0) > 0 ? ANSWERED : DISCONNECTED;
}

static enum outcome connect_as(const struct agent_process *agent, uid_t user)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(PATIENCE_MS / 1000);
        _exit((int)try_as(agent, user));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return (enum outcome)WEXITSTATUS(status);
}

static void assert_mode(const struct agent_process *agent, mode_t mode)
{
    struct stat info;

    assert_int_equal(stat(agent->socket, &info), 0);
    assert_int_equal(info.st_mode & 07777, mode);
}

static void start(struct agent_process *agent, const char *general)
{
    if (getuid() != 0)
        skip();
    agent_make_dir(agent);
    assert_int_equal(chmod(agent->dir, 0755), 0);
    agent_spawn_configured(agent, general);
}

static void a_user_of_the_guest_is_not_heard(void **state)
{
    struct agent_process agent = { 0 };

    (void)state;
    start(&agent, "");
    assert_mode(&agent, 0600);
    assert_int_equal(connect_as(&agent, NOBODY), NOT_CONNECTED);
    /* Neither where the file lets him. */
    assert_int_equal(chmod(agent.socket, 0666), 0);
    assert_int_equal(connect_as(&agent, NOBODY), DISCONNECTED);
    assert_int_equal(connect_as(&agent, 0), ANSWERED);
    agent_end(&agent);
}

static void a_user_that_is_named_is_heard(void **state)
{
    struct agent_process agent = { 0 };

    (void)state;
    start(&agent, "unix-peers=0,65534\n");
    assert_mode(&agent, 0666);
    assert_int_equal(connect_as(&agent, NOBODY), ANSWERED);
    assert_int_equal(connect_as(&agent, NOBODY - 1), DISCONNECTED);
    assert_int_equal(connect_as(&agent, 0), ANSWERED);
    agent_end(&agent);
}

/* The mode of the file is one thing, who is heard another. */
static void the_socket_file_has_the_mode_that_is_set(void **state)
{
    struct agent_process agent = { 0 };

    (void)state;
    start(&agent, "unix-peers=0,65534\nunix-mode=0640\n");
    assert_mode(&agent, 0640);
    assert_int_equal(connect_as(&agent, NOBODY), NOT_CONNECTED);
    assert_int_equal(connect_as(&agent, 0), ANSWERED);
    agent_end(&agent);

    agent = (struct agent_process){ 0 };
    start(&agent, "unix-mode=0666\n");
    assert_mode(&agent, 0666);
    assert_int_equal(connect_as(&agent, NOBODY), DISCONNECTED);
    agent_end(&agent);
}

/* A list that is wrong must not leave the door open, nor be taken for the default. */
static void a_wrong_list_ends_the_start(void **state)
{
    struct agent_process agent = { 0 };
    const char *arguments[] = { "-m", "unix-listen", "-p", agent.socket, "-c", NULL, NULL };
    const char *text = "[general]\nunix-peers=no-such-user\n";
    int status;

    (void)state;
    agent_make_dir(&agent);
    arguments[5] = agent_path(&agent, "config");
    write_file(arguments[5], text, strlen(text));
    agent_spawn_raw(&agent, arguments);
    status = agent_wait(&agent);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    agent_remove_dir(&agent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_of_the_guest_is_not_heard),
        cmocka_unit_test(a_user_that_is_named_is_heard),
        cmocka_unit_test(the_socket_file_has_the_mode_that_is_set),
        cmocka_unit_test(a_wrong_list_ends_the_start),
    };

    return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
