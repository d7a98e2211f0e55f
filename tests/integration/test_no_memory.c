/*
 * A guest without memory: what does not fit is an error, and the agent goes on. The agent's address
 * space is limited from outside, which a sanitizer's shadow memory does not survive.
 */
#include "fixture.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE      (48 * MIB)
#define ROOM_BYTES (24 * MIB)
#define NO_MEMORY  GE("not enough memory for the request")
#define WRITE_BEGIN                                                                                \
    "{\"execute\":\"guest-file-write\",\"arguments\":{\"handle\":1000,\"buf-b64\":\""
#define WRITE_END "\"}}\n"
#define READ_LARGE                                                                                 \
    "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":1000,\"count\":50331648}}\n"
#define WRITTEN_LINE "{\"return\": {\"count\": 37748736, \"eof\": false}}"

#if defined(__SANITIZE_ADDRESS__) || defined(PQGA_TSAN)
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* What the agent uses now, and `room` bytes more; 0: no limit. */
static void limit_memory(const struct agent_process *agent, uint64_t room)
{
    struct rlimit limit = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
    char path[64], *statm;

    if (room > 0) {
        snprintf(path, sizeof(path), "/proc/%d/statm", agent->pid);
        statm = read_file(path, NULL);
        assert_non_null(statm);
        limit.rlim_cur = strtoull(statm, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) + room;
        free(statm);
    }
    assert_int_equal(prlimit(agent->pid, RLIMIT_AS, &limit, NULL), 0);
}

/* A guest-file-write of LARGE characters, which decode to three quarters of that. */
static char *large_write(void)
{
    size_t begin = strlen(WRITE_BEGIN);
    char *text = malloc(begin + LARGE + sizeof(WRITE_END));

    assert_non_null(text);
    memcpy(text, WRITE_BEGIN, begin);
    memset(text + begin, 'A', LARGE);
    memcpy(text + begin + LARGE, WRITE_END, sizeof(WRITE_END));
    return text;
}

/* Reads errors up to the answer of a sync: the first one is that of the request. */
static void expect_error_and_more(struct client *client, const char *error)
{
    assert_string_equal(client_line(client), error);
    client_send(client, "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":5}}\n");
    while (strcmp(client_line(client), "{\"return\": 5}") != 0)
        ;
    client_expect(client, PING, PONG);
}

static void request_that_does_not_fit_is_an_error(void **state)
{
    struct agent_process *agent = *state;
    struct client client, other;
    char *request;

    if (SANITIZED)
        skip();
    request = large_write();
    client_open(&client, agent);
    client_open(&other, agent);
    client_expect(&other, PING, PONG);
    assert_int_equal(client_file_open(&client, agent_path(agent, "f"), "w+"), 1000);
    limit_memory(agent, ROOM_BYTES);
    client_send(&client, request);
    expect_error_and_more(&client, NO_MEMORY);
    client_expect(&other, PING, PONG);
    limit_memory(agent, 0);
    client_expect(&client, request, WRITTEN_LINE);
    client_close(&other);
    client_close(&client);
    free(request);
}

static void reply_that_does_not_fit_is_an_error(void **state)
{
    struct agent_process *agent = *state;
    struct client client;

    if (SANITIZED)
        skip();
    client_open(&client, agent);
    assert_int_equal(client_file_open(&client, agent_path(agent, "f"), "w+"), 1000);
    assert_int_equal(truncate(agent_path(agent, "f"), LARGE), 0);
    limit_memory(agent, ROOM_BYTES);
    client_send(&client, READ_LARGE);
    expect_error_and_more(&client, GE("failed to read file: Cannot allocate memory"));
    limit_memory(agent, 0);
    client_send(&client, READ_LARGE);
    assert_true(reply_has(client_line(&client), "\"count\": 50331648"));
    client_close(&client);
}

/* True if it answers a ping within the patience; false if it has ended. */
static bool serves(struct agent_process *agent, int *ret_status)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    struct client client;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", agent->socket);
    while (monotonic_ms() < deadline) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const char *line = NULL;

        client_from_fd(&client, fd);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
            send(fd, PING "\n", strlen(PING) + 1, MSG_NOSIGNAL) > 0)
            line = client_line_or_end(&client);
        if (line)
            assert_string_equal(line, PONG);
        client_close(&client);
        if (line)
            return true;
        if (waitpid(agent->pid, ret_status, WNOHANG) == agent->pid)
            return false;
        nap_ms(2);
    }
    fail_msg("neither serves nor ends");
    return false;
}

/* Each amount of address space, from far too little to enough: wherever it is used up (memory,
 * threads), the start fails with a status, and never by a signal. */
static void a_start_without_memory_ends_in_order(void **state)
{
    struct agent_process *agent = *state;
    struct rlimit before, limit;
    bool served = false;
    size_t failed = 0;

    if (SANITIZED)
        skip();
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    for (uint64_t room = 8 * MIB; !served && room < 1024 * MIB; room += room / 16) {
        const char *options[] = {
            "-m", "unix-listen", "-p", agent->socket, "-t", agent->dir, NULL
        };
        int status = 0;

        limit = (struct rlimit){ .rlim_cur = room, .rlim_max = before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
        agent_spawn_raw(agent, options);
        assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
        served = serves(agent, &status);
        if (served)
            status = agent_terminate(agent);
        else
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
        failed += !served;
    }
    assert_true(served);
    assert_true(failed > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(request_that_does_not_fit_is_an_error, setup_agent,
                                        teardown_agent),
        cmocka_unit_test_setup_teardown(reply_that_does_not_fit_is_an_error, setup_agent,
                                        teardown_agent),
        cmocka_unit_test_setup_teardown(a_start_without_memory_ends_in_order, setup_dir,
                                        teardown_dir),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
