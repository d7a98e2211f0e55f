/*
 * Corners of the I/O thread: limits, timers, stuck workers and clients that leave, together.
 */
#include "hang.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define SYNC "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":%d}}"

struct fixture {
    struct agent_process agent;
    struct hang hang;
    bool has_hang;
};

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    if (fixture->has_hang)
        hang_unmount(&fixture->hang);
    if (fixture->agent.pid > 0)
        agent_end(&fixture->agent);
    free(fixture);
    return 0;
}

static struct fixture *start(void **state, const char *general)
{
    struct fixture *fixture = *state;

    agent_spawn_configured(&fixture->agent, general);
    return fixture;
}

static struct fixture *start_with_hang_or_skip(void **state, const char *general)
{
    struct fixture *fixture = start(state, general);

    fixture->has_hang = hang_mount(&fixture->hang, &fixture->agent);
    if (!fixture->has_hang)
        skip();
    return fixture;
}

static void send_read(struct client *client, int64_t handle, int count)
{
    client_request(client,
                   "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":%" PRId64
                   ",\"count\":%d}}",
                   handle, count);
}

static void open_files(struct fixture *fixture, struct client *client, int64_t *handles, int count)
{
    for (int i = 0; i < count; i++)
        handles[i] = client_file_open(client, hang_file(&fixture->hang, i), "r");
}

/* --- clients that leave ------------------------------------------------------------------ */

/* The end of the input comes in one event with the last bytes: it must be seen as well. */
static void a_client_that_sends_and_leaves_at_once_frees_its_place(void **state)
{
    struct fixture *fixture = start(state, "max-clients=1\n");
    struct client client;

    for (int i = 0; i < 10; i++) {
        client_open(&client, &fixture->agent);
        client_expect(&client, PING, PONG);
        assert_int_equal(kill(fixture->agent.pid, SIGSTOP), 0);
        client_send(&client, PING);
        client_close(&client);
        assert_int_equal(kill(fixture->agent.pid, SIGCONT), 0);
    }
    client_open(&client, &fixture->agent);
    client_expect(&client, PING, PONG);
    client_close(&client);
}

static void a_client_that_leaves_stuck_requests_behind_frees_its_place(void **state)
{
    struct fixture *fixture =
        start_with_hang_or_skip(state, "max-clients=1\nmax-requests=2\nresync-grace=0\n");
    struct client client;
    int64_t handles[4];

    client_open(&client, &fixture->agent);
    open_files(fixture, &client, handles, 4);
    hang_tell(&fixture->hang, "hang on");
    for (int i = 0; i < 4; i++)
        send_read(&client, handles[i], 16);
    hang_wait(&fixture->hang, 2);
    client_close(&client);
    hang_wait(&fixture->hang, 4); /* all that was sent is served */
    client_open(&client, &fixture->agent);
    client_expect(&client, PING, PONG);
    client_close(&client);
    hang_tell(&fixture->hang, "hang off");
}

/* --- resync ------------------------------------------------------------------------------- */

static void a_sync_passes_requests_that_have_no_room(void **state)
{
    struct fixture *fixture = start_with_hang_or_skip(state, "max-requests=2\nresync-grace=0\n");
    struct client client;
    int64_t handles[2];

    client_open(&client, &fixture->agent);
    open_files(fixture, &client, handles, 2);
    hang_tell(&fixture->hang, "hang on");
    for (int round = 0; round < 3; round++) {
        send_read(&client, handles[0], 16);
        send_read(&client, handles[1], 16);
        client_request(&client, SYNC, round);
        assert_int_equal(reply_int(client_line(&client), "return"), round);
        client_expect(&client, PING, PONG);
    }
    hang_tell(&fixture->hang, "hang off");
    client_expect(&client, PING, PONG);
    client_close(&client);
}

static void a_sync_passes_requests_that_wait_for_memory(void **state)
{
    struct fixture *fixture = start_with_hang_or_skip(state, "max-memory=1M\nresync-grace=0\n");
    struct client client;
    char *payload = calloc(1, 3 * MIB);
    int64_t handle;

    assert_non_null(payload);
    memset(payload, 'A', 3 * MIB - 1);
    client_open(&client, &fixture->agent);
    open_files(fixture, &client, &handle, 1);
    hang_tell(&fixture->hang, "hang on");
    send_read(&client, handle, 700000);
    hang_wait(&fixture->hang, 1);
    client_request(&client,
                   "{\"execute\":\"guest-file-write\",\"arguments\":{\"handle\":%" PRId64
                   ",\"buf-b64\":\"%s\"}}",
                   handle, payload);
    client_request(&client, SYNC, 1);
    client_request(&client, SYNC, 2);
    assert_string_equal(client_line(&client), "{\"return\": 1}");
    assert_string_equal(client_line(&client), "{\"return\": 2}");
    hang_tell(&fixture->hang, "hang off");
    client_expect_silence(&client, 100);
    client_close(&client);
    free(payload);
}

/* The hard limit, of which input buffers may be full by a half; without limits it would be 1.7 GiB.
 * Sanitizers have memory of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(PQGA_TSAN)
#define STUCK_MAX_KIB (uint64_t)(1400 * 1024)
#else
#define STUCK_MAX_KIB (uint64_t)(120 * 1024)
#endif

/* Each session's first request may go beyond max-memory, but not without end. */
static void writes_that_are_stuck_do_not_pile_up_over_resyncs(void **state)
{
    struct fixture *fixture = start_with_hang_or_skip(state, "max-memory=1M\nresync-grace=0\n");
    struct client client;
    char *payload = malloc(48 * MIB + 1);
    uint64_t before;
    int64_t handle;
    int refused = 0;

    assert_non_null(payload);
    memset(payload, 'A', 48 * MIB);
    payload[48 * MIB] = '\0';
    client_open(&client, &fixture->agent);
    open_files(fixture, &client, &handle, 1);
    hang_tell(&fixture->hang, "hang on");
    send_read(&client, handle, 16);
    hang_wait(&fixture->hang, 1);
    before = agent_resident_kib(&fixture->agent);
    for (int round = 0; round < 30; round++) {
        const char *line;

        client_request(&client,
                       "{\"execute\":\"guest-file-write\",\"arguments\":{\"handle\":%" PRId64
                       ",\"buf-b64\":\"%s\"}}",
                       handle, payload);
        client_request(&client, SYNC, round);
        line = client_line(&client);
        if (strcmp(line, GE("not enough memory for the request")) == 0) {
            refused++;
            line = client_line(&client);
        }
        assert_int_equal(reply_int(line, "return"), round);
        client_expect(&client, PING, PONG);
    }
    assert_in_range(refused, 1, 29);
    assert_in_range(agent_resident_kib(&fixture->agent), 0, before + STUCK_MAX_KIB);
    hang_tell(&fixture->hang, "hang off");
    client_expect(&client, PING, PONG);
    client_close(&client);
    free(payload);
}

static bool is_readable(const struct client *client)
{
    struct pollfd pollfd = { .fd = client->fd, .events = POLLIN };

    return poll(&pollfd, 1, 0) == 1;
}

/* Another client leaves the I/O thread no pause: timers and ticks must come all the same. */
static void a_busy_client_keeps_neither_the_grace_nor_new_workers_from_another(void **state)
{
    struct fixture *fixture = start_with_hang_or_skip(state, "resync-grace=1\n");
    struct client client, busy;
    int64_t handles[8], deadline = monotonic_ms() + PATIENCE_MS;

    client_open(&client, &fixture->agent);
    client_open(&busy, &fixture->agent);
    open_files(fixture, &client, handles, 8);
    hang_tell(&fixture->hang, "hang on");
    for (int i = 0; i < 8; i++)
        send_read(&client, handles[i], 16);
    client_request(&client, SYNC, 7);
    while (!is_readable(&client)) {
        assert_true(monotonic_ms() < deadline);
        for (int i = 0; i < 100; i++)
            client_send(&busy, PING);
        for (int i = 0; i < 100; i++)
            assert_string_equal(client_line(&busy), PONG);
    }
    assert_string_equal(client_line(&client), "{\"return\": 7}");
    hang_wait(&fixture->hang, 8);
    hang_tell(&fixture->hang, "hang off");
    client_close(&client);
    client_close(&busy);
}

/* --- memory ------------------------------------------------------------------------------- */

/* What is answered at once is held for a client that does not read, too: an id of a megabyte. */
static void replies_to_pings_are_counted(void **state)
{
    struct fixture *fixture = start(state, "max-memory=8M\n");
    struct client deaf, other;
    char *id = malloc(MIB + 1), *request;
    uint64_t before;

    assert_non_null(id);
    memset(id, 'x', MIB);
    id[MIB] = '\0';
    assert_true(asprintf(&request, "{\"execute\":\"guest-ping\",\"id\":\"%s\"}", id) > 0);
    client_open(&deaf, &fixture->agent);
    client_open(&other, &fixture->agent);
    before = agent_resident_kib(&fixture->agent);
    for (int i = 0; i < 200; i++) {
        struct pollfd pollfd = { .fd = deaf.fd, .events = POLLOUT };
        size_t sent = 0, len = strlen(request);

        /* until the agent takes no more */
        while (sent < len && poll(&pollfd, 1, 500) == 1) {
            ssize_t n = send(deaf.fd, request + sent, len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

            sent += n > 0 ? (size_t)n : 0;
        }
        if (sent < len)
            break;
        assert_true(i < 199);
    }
    client_expect(&other, PING, PONG);
    assert_in_range(agent_resident_kib(&fixture->agent), 0, before + 100 * 1024);
    client_close(&deaf);
    client_close(&other);
    free(request);
    free(id);
}

/* Two reads beside each other need what there is: so they tell whether all of it came back. */
static void all_memory_comes_back(void **state)
{
    struct fixture *fixture = start_with_hang_or_skip(state, "max-memory=1M\nresync-grace=0\n");
    struct client client;
    int64_t handles[4];

    for (int round = 0; round < 3; round++) {
        client_open(&client, &fixture->agent);
        open_files(fixture, &client, handles, 2);
        for (int i = 0; i < 20; i++) {
            send_read(&client, handles[i % 2], 200000);
            client_request(&client, "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":1,"
                                    "\"count\":300000}}");
            client_request(&client, "{\"execute\":\"nope\",\"id\":\"%0100000d\"}", i);
        }
        for (int i = 0; round == 0 && i < 60; i++)
            client_line(&client);
        if (round == 1) /* resync: what is not ready is dropped */
            client_request(&client, SYNC, 1);
        client_close(&client);
    }
    client_open(&client, &fixture->agent);
    /* what was left behind goes on meanwhile, with other files */
    open_files(fixture, &client, handles, 4);
    hang_tell(&fixture->hang, "hang on f2");
    hang_tell(&fixture->hang, "hang on f3");
    send_read(&client, handles[2], 380000);
    send_read(&client, handles[3], 380000);
    hang_wait(&fixture->hang, 2);
    hang_tell(&fixture->hang, "hang off");
    client_close(&client);
}

/* --- what comes beside the bytes ----------------------------------------------------------- */

static void send_with_descriptor(const struct client *client, const char *text, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec iov = { .iov_base = strdup(text), .iov_len = strlen(text) };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
    struct cmsghdr *header;

    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(int));
    assert_int_equal(sendmsg(client->fd, &message, MSG_NOSIGNAL), iov.iov_len);
    free(iov.iov_base);
}

/* Each of them ends a read early, and nothing tells of what stands behind. */
static void descriptors_and_out_of_band_bytes_hide_no_request(void **state)
{
    struct fixture *fixture = start(state, "");
    struct client client;
    int fds[2];
    char byte;

    client_open(&client, &fixture->agent);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(kill(fixture->agent.pid, SIGSTOP), 0);
    send_with_descriptor(&client, PING, fds[1]);
    client_send(&client, PING);
    assert_int_equal(kill(fixture->agent.pid, SIGCONT), 0);
    close(fds[1]);
    assert_string_equal(client_line(&client), PONG);
    assert_string_equal(client_line(&client), PONG);
    assert_int_equal(read(fds[0], &byte, 1), 0); /* the agent has not kept it */
    close(fds[0]);
    assert_int_equal(kill(fixture->agent.pid, SIGSTOP), 0);
    client_send(&client, PING);
    (void)send(client.fd, "\n", 1, MSG_OOB); /* since Linux 5.15 */
    client_send(&client, PING);
    assert_int_equal(kill(fixture->agent.pid, SIGCONT), 0);
    assert_string_equal(client_line(&client), PONG);
    assert_string_equal(client_line(&client), PONG);
    client_close(&client);
}

/* --- wake-ups ------------------------------------------------------------------------------ */

static void a_stuck_worker_does_not_keep_the_agent_awake(void **state)
{
    struct fixture *fixture = start_with_hang_or_skip(state, "");
    struct client client;
    int64_t plain, stuck;
    uint64_t before;

    write_file(agent_path(&fixture->agent, "plain"), "abc", 3);
    client_open(&client, &fixture->agent);
    plain = client_file_open(&client, agent_path(&fixture->agent, "plain"), "r");
    open_files(fixture, &client, &stuck, 1);
    hang_tell(&fixture->hang, "hang on");
    for (int i = 0; i < 200; i++)
        client_request(&client, "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":1}}");
    send_read(&client, plain, 3);
    send_read(&client, stuck, 3);
    for (int i = 0; i < 201; i++)
        client_line(&client);
    hang_wait(&fixture->hang, 1);
    nap_ms(300);
    before = agent_switches(&fixture->agent);
    nap_ms(1000);
#ifndef PQGA_TSAN /* which has a thread of its own that wakes up all the time */
    assert_in_range(agent_switches(&fixture->agent), before, before + 20);
#else
    assert_true(before > 0);
#endif
    hang_tell(&fixture->hang, "hang off");
    client_line(&client);
    client_close(&client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_client_that_sends_and_leaves_at_once_frees_its_place),
        CASE(a_client_that_leaves_stuck_requests_behind_frees_its_place),
        CASE(a_sync_passes_requests_that_have_no_room),
        CASE(a_sync_passes_requests_that_wait_for_memory),
        CASE(writes_that_are_stuck_do_not_pile_up_over_resyncs),
        CASE(a_busy_client_keeps_neither_the_grace_nor_new_workers_from_another),
        CASE(replies_to_pings_are_counted),
        CASE(all_memory_comes_back),
        CASE(descriptors_and_out_of_band_bytes_hide_no_request),
        CASE(a_stuck_worker_does_not_keep_the_agent_awake),
    };

    return cmocka_run_group_tests_name("review", tests, NULL, NULL);
}
