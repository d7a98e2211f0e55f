/*
 * Sessions: many clients at once, clients that leave, clients that do not read, limits.
 */
#include "fixture.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENTS  24
#define REQUESTS 60

/* What a client that never reads may cost the agent in a second of waiting. */
#define WAITING_CPU_MS 100
/* Beyond the configured limit: buffers of sockets, the allocator, a sanitizer's shadow. */
#define RESIDENT_SLACK_KIB (uint64_t)(100 * 1024)

#define READ_REQUEST                                                                               \
    "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":%" PRId64 ",\"count\":%d},"        \
    "\"id\":%d}"
#define REWIND_REQUEST                                                                             \
    "{\"execute\":\"guest-file-seek\",\"arguments\":{\"handle\":%" PRId64 ",\"offset\":0,"         \
    "\"whence\":0}}"

static void many_clients_have_an_order_of_their_own(void **state)
{
    static const char *const commands[] = {
        "guest-ping", "guest-get-host-name", "guest-get-vcpus", "guest-info",
        "nope",       "guest-get-load"
    };
    struct client clients[CLIENTS];

    for (int i = 0; i < CLIENTS; i++)
        client_open(&clients[i], *state);
    for (int n = 0; n < REQUESTS; n++) {
        for (int i = 0; i < CLIENTS; i++)
            client_request(&clients[i], "{\"execute\":\"%s\",\"id\":%d}",
                           commands[(unsigned)(n + i) % ARRAY_LEN(commands)], i * 1000 + n);
    }
    for (int i = CLIENTS - 1; i >= 0; i--) {
        for (int n = 0; n < REQUESTS; n++)
            assert_int_equal(reply_int(client_line(&clients[i]), "id"), i * 1000 + n);
        client_sync(&clients[i]);
    }
    for (int i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
}

static void all_requests_before_a_half_close_are_answered(void **state)
{
    struct client client;

    client_open(&client, *state);
    for (int i = 0; i < 20; i++)
        client_request(&client, "{\"execute\":\"guest-get-vcpus\",\"id\":%d}" PING, i);
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(reply_int(client_line(&client), "id"), i);
        assert_string_equal(client_line(&client), PONG);
    }
    client_expect_end(&client);
    client_close(&client);
}

static void a_sync_before_a_half_close_is_answered(void **state)
{
    struct client client;

    client_open(&client, *state);
    client_send(&client, "{\"execute\":\"guest-get-vcpus\",\"id\":1}"
                         "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":5}}");
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    assert_int_equal(reply_int(client_line(&client), "id"), 1);
    assert_string_equal(client_line(&client), "{\"return\": 5}");
    client_expect_end(&client);
    client_close(&client);
}

static void a_half_request_ends_with_its_client(void **state)
{
    static const char request[] = "{\"execute\": \"guest-sync\", \"arguments\": {\"id\": 1}}";
    struct client client;

    for (size_t cut = 1; cut < sizeof(request) - 1; cut += 3) {
        client_open(&client, *state);
        client_send_bytes(&client, request, cut);
        client_close(&client);
        client_open(&client, *state);
        client_expect(&client, PING, PONG);
        client_close(&client);
    }
}

static void handles_and_processes_survive_a_reconnect(void **state)
{
    struct client client;
    int64_t handle, pid;

    write_file(agent_path(*state, "f"), "abc", 3);
    client_open(&client, *state);
    handle = client_file_open(&client, agent_path(*state, "f"), "r");
    client_ask(&client, "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/true\"}}");
    pid = reply_int(client.line, "pid");
    client_close(&client);
    client_open(&client, *state);
    assert_true(reply_has(client_ask(&client, READ_REQUEST, handle, 10, 1), "YWJj"));
    client_ask(&client, "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":%" PRId64 "}}",
               pid);
    assert_true(reply_has(client.line, "exited"));
    client_close(&client);
}

/* --- clients that do not read ----------------------------------------------------------- */

/* Sends what goes in without waiting; what does not fit is left out. */
static void send_what_fits(struct client *client, const char *text, size_t len)
{
    ssize_t n = send(client->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    assert_true(n >= 0 || errno == EAGAIN);
}

/* A sparse file: nothing has to be written for it. */
static int64_t open_zeros(struct client *client, const struct agent_process *agent, off_t size)
{
    const char *path = agent_path(agent, "zeros");

    write_file(path, "", 0);
    assert_int_equal(truncate(path, size), 0);
    return client_file_open(client, path, "r");
}

static void a_client_that_never_reads_holds_back_nobody_and_costs_nothing(void **state)
{
    struct agent_process *agent = *state;
    struct client deaf, other;
    char request[200];
    uint64_t before;
    int64_t handle;

    client_open(&deaf, agent);
    client_open(&other, agent);
    handle = open_zeros(&other, agent, 64 * MIB);
    for (int i = 0; i < 64; i++) {
        snprintf(request, sizeof(request), READ_REQUEST PING, handle, (int)MIB, i);
        send_what_fits(&deaf, request, strlen(request));
    }
    before = agent_settled(agent, agent_cpu_ms, 200);
    nap_ms(1000);
    assert_in_range(agent_cpu_ms(agent) - before, 0, WAITING_CPU_MS);
    for (int i = 0; i < 200; i++)
        client_expect(&other, PING, PONG);
    assert_true(reply_has(client_ask(&other, "{\"execute\":\"guest-get-vcpus\"}"), "return"));
    client_close(&other);
    /* when it reads after all, everything is there */
    for (int i = 0; i < 64; i++) {
        assert_int_equal(reply_int(client_line(&deaf), "id"), i);
        assert_string_equal(client_line(&deaf), PONG);
    }
    client_close(&deaf);
}

static void a_client_that_never_reads_cannot_make_the_agent_read_for_ever(void **state)
{
    static char pings[64 * 1024];
    struct client deaf, other;
    size_t len = 0;
    ssize_t n = 1;
    int tries = 0;

    while (len + sizeof(PING) < sizeof(pings))
        len += (size_t)snprintf(pings + len, sizeof(pings) - len, PING);
    client_open(&deaf, *state);
    client_open(&other, *state);
    while (tries++ < 10000 && n > 0) {
        n = send(deaf.fd, pings, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) { /* full now: is it still, after the agent had time to read? */
            for (int i = 0; i < 20; i++)
                client_expect(&other, PING, PONG);
            nap_ms(50);
            n = send(deaf.fd, pings, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
    }
    assert_int_equal(n, -1);
    assert_true(tries < 10000);
    client_expect(&other, PING, PONG);
    client_close(&deaf);
    client_expect(&other, PING, PONG);
    client_close(&other);
}

static void a_client_that_leaves_unread_answers_does_not_end_the_agent(void **state)
{
    struct client client;
    int64_t handle;

    client_open(&client, *state);
    handle = open_zeros(&client, *state, 8 * MIB);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 4; i++)
            client_request(&client, REWIND_REQUEST READ_REQUEST PING, handle, handle,
                           (int)(4 * MIB), i);
        nap_ms(round);
        client_close(&client);
        client_open(&client, *state);
        client_expect(&client, PING, PONG);
    }
    client_close(&client);
}

static void an_agent_with_deaf_clients_ends_when_it_is_reported(void **state)
{
    for (int round = 0; round < 8; round++) {
        struct agent_process agent = { 0 };
        struct client deaf[3], other;

        agent_spawn(&agent, NULL);
        for (int i = 0; i < 3; i++) {
            client_open(&deaf[i], &agent);
            for (int n = 0; n < 500; n++) {
                static const char requests[] = "{\"execute\":\"guest-info\"}"
                                               "{\"execute\":\"guest-get-load\"}";

                send_what_fits(&deaf[i], requests, sizeof(requests) - 1);
            }
        }
        client_open(&other, &agent);
        client_expect(&other, PING, PONG);
        if (round % 2)
            client_close(&deaf[0]);
        client_close(&other);
        agent_end(&agent);
        for (int i = round % 2; i < 3; i++)
            client_close(&deaf[i]);
    }
}

static void replies_that_nobody_reads_are_bounded(void **state)
{
    struct agent_process agent = { 0 };
    struct client deaf, other;
    uint64_t before;
    char request[200];
    int64_t handle;

    agent_spawn_configured(&agent, "max-memory=8M\n");
    client_open(&deaf, &agent);
    client_open(&other, &agent);
    handle = open_zeros(&other, &agent, 400 * MIB);
    before = agent_resident_kib(&agent);
    for (int i = 0; i < 80; i++) {
        snprintf(request, sizeof(request), READ_REQUEST, handle, (int)(4 * MIB), i);
        client_send(&deaf, request);
    }
    agent_settled(&agent, agent_cpu_ms, 200);
    assert_in_range(agent_resident_kib(&agent), 1, before + 8 * 1024 + RESIDENT_SLACK_KIB);
    client_expect(&other, PING, PONG);
    assert_true(
        reply_has(client_ask(&other, "{\"execute\":\"guest-get-host-name\"}"), "host-name"));
    for (int i = 0; i < 80; i++) {
        client_line(&deaf);
        assert_int_equal(reply_int(deaf.line, "count"), 4 * MIB);
        assert_int_equal(reply_int(deaf.line, "id"), i);
    }
    client_close(&deaf);
    client_close(&other);
    agent_end(&agent);
}

/* --- limits ----------------------------------------------------------------------------- */

static void clients_beyond_the_limit_wait_for_their_turn(void **state)
{
    struct agent_process agent = { 0 };
    struct client clients[4];

    agent_spawn_configured(&agent, "max-clients=2\n");
    /* the fixture's own look at the socket may still count: a round trip each settles it */
    for (int i = 0; i < 2; i++) {
        client_open(&clients[i], &agent);
        client_expect(&clients[i], PING, PONG);
    }
    for (int i = 2; i < 4; i++) {
        client_open(&clients[i], &agent);
        client_request(&clients[i], "{\"execute\":\"guest-ping\",\"id\":%d}", i);
        client_expect_silence(&clients[i], 50);
    }
    for (int i = 2; i < 4; i++) {
        char reply[64];

        client_close(&clients[i - 2]);
        snprintf(reply, sizeof(reply), "{\"return\": {}, \"id\": %d}", i);
        assert_string_equal(client_line(&clients[i]), reply);
    }
    client_close(&clients[2]);
    client_close(&clients[3]);
    agent_end(&agent);
}

/* Its last bytes and its end may come in one wake-up. */
static void a_client_that_sends_and_leaves_at_once_is_let_go(void **state)
{
    struct agent_process agent = { 0 };
    struct client client;

    agent_spawn_configured(&agent, "max-clients=4\n");
    for (int i = 0; i < 500; i++) {
        client_open(&client, &agent);
        if (i % 4)
            client_expect(&client, PING, PONG);
        client_send(&client, i % 2 ? PING : "{\"execute\":\"guest-get-load\"}" PING "{\"exe");
        client_close(&client);
    }
    client_open(&client, &agent);
    client_expect(&client, PING, PONG);
    client_close(&client);
    agent_end(&agent);
}

static void requests_beyond_the_window_wait_and_are_answered(void **state)
{
    struct agent_process agent = { 0 };
    struct client client;

    agent_spawn_configured(&agent, "max-requests=4\n");
    client_open(&client, &agent);
    for (int i = 0; i < 500; i++)
        client_request(&client, "{\"execute\":\"%s\",\"id\":%d}",
                       i % 3 ? "guest-ping" : "guest-get-host-name", i);
    for (int i = 0; i < 500; i++)
        assert_int_equal(reply_int(client_line(&client), "id"), i);
    client_close(&client);
    agent_end(&agent);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_agent, teardown_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(many_clients_have_an_order_of_their_own),
        CASE(all_requests_before_a_half_close_are_answered),
        CASE(a_sync_before_a_half_close_is_answered),
        CASE(a_half_request_ends_with_its_client),
        CASE(handles_and_processes_survive_a_reconnect),
        CASE(a_client_that_never_reads_holds_back_nobody_and_costs_nothing),
        CASE(a_client_that_never_reads_cannot_make_the_agent_read_for_ever),
        CASE(a_client_that_leaves_unread_answers_does_not_end_the_agent),
        cmocka_unit_test(an_agent_with_deaf_clients_ends_when_it_is_reported),
        cmocka_unit_test(replies_that_nobody_reads_are_bounded),
        cmocka_unit_test(clients_beyond_the_limit_wait_for_their_turn),
        cmocka_unit_test(a_client_that_sends_and_leaves_at_once_is_let_go),
        cmocka_unit_test(requests_beyond_the_window_wait_and_are_answered),
    };

    return cmocka_run_group_tests_name("sessions", tests, NULL, NULL);
}
