/*
 * Clients: what libvirt, Proxmox, KubeVirt and QEMU's own test send, and what they insist on.
 */
#include "fixture.h"

#include <poll.h>

/* --- Proxmox: a connection a command, the sync and the command in one write --------------- */

static int64_t proxmox_id = 4711 * 100;

/* The reply: the line behind the one that follows the last 0xFF. To be freed. */
static char *proxmox_command(const struct agent_process *agent, const char *command)
{
    struct client client;
    char expected[64], *reply;

    snprintf(expected, sizeof(expected), "\xff{\"return\": %" PRId64 "}", ++proxmox_id);
    client_open(&client, agent);
    client_request(
        &client, "{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":%" PRId64 "}}\n%s\n",
        proxmox_id, command);
    assert_string_equal(client_line(&client), expected);
    reply = strdup(client_line(&client));
    assert_non_null(reply);
    client_close(&client);
    return reply;
}

static int64_t proxmox_number(const struct agent_process *agent, const char *command,
                              const char *key)
{
    char *reply = proxmox_command(agent, command);
    int64_t number = reply_int(reply, key);

    free(reply);
    return number;
}

static void proxmox_runs_a_program(void **state)
{
    char status[120], *reply, *data;
    int64_t deadline = monotonic_ms() + PATIENCE_MS, pid;
    size_t len;

    pid =
        proxmox_number(*state,
                       "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"sh\",\"arg\":[\"-c\","
                       "\"sleep 0.2; cat; echo err >&2; exit 3\"],\"input-data\":\"aW5wdXQ=\","
                       "\"capture-output\":true}}",
                       "pid");
    snprintf(status, sizeof(status),
             "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":%" PRId64 "}}", pid);
    reply = proxmox_command(*state, status);
    while (reply_has(reply, "\"exited\": false")) {
        assert_true(monotonic_ms() < deadline);
        free(reply);
        nap_ms(20);
        reply = proxmox_command(*state, status);
    }
    assert_int_equal(reply_int(reply, "exitcode"), 3);
    data = reply_str(reply, "out-data");
    assert_string_equal(data, "aW5wdXQ=");
    free(data);
    data = reply_str(reply, "err-data");
    free(reply);
    reply = base64_bytes(data, &len);
    assert_string_equal(reply, "err\n");
    free(data);
    free(reply);
}

/* Its encoder breaks lines and ends with a newline; JSON has them as \n. */
static void proxmox_writes_base64_with_newlines_and_reads_in_steps(void **state)
{
    char command[400], *reply, *text;
    int64_t handle;

    snprintf(command, sizeof(command),
             "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"%s\",\"mode\":\"wb\"}}",
             agent_path(*state, "f"));
    handle = proxmox_number(*state, command, "return");
    snprintf(command, sizeof(command),
             "{\"execute\":\"guest-file-write\",\"arguments\":{\"handle\":%" PRId64
             ",\"buf-b64\":\"SGVsbG8s\\nIHdvcmxk\\n\"}}",
             handle);
    assert_int_equal(proxmox_number(*state, command, "count"), 12);
    snprintf(command, sizeof(command),
             "{\"execute\":\"guest-file-close\",\"arguments\":{\"handle\":%" PRId64 "}}", handle);
    reply = proxmox_command(*state, command);
    assert_string_equal(reply, PONG);
    free(reply);
    text = read_file(agent_path(*state, "f"), NULL);
    assert_string_equal(text, "Hello, world");
    free(text);
    snprintf(command, sizeof(command),
             "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"%s\",\"mode\":\"rb\"}}",
             agent_path(*state, "f"));
    handle = proxmox_number(*state, command, "return");
    snprintf(command, sizeof(command),
             "{\"execute\":\"guest-file-seek\",\"arguments\":{\"handle\":%" PRId64
             ",\"offset\":7,\"whence\":\"set\"}}",
             handle);
    assert_int_equal(proxmox_number(*state, command, "position"), 7);
    snprintf(command, sizeof(command),
             "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":%" PRId64
             ",\"count\":1048576}}",
             handle);
    reply = proxmox_command(*state, command);
    assert_json_equal(reply, "{\"return\":{\"count\":5,\"buf-b64\":\"d29ybGQ=\",\"eof\":true}}");
    free(reply);
}

static void proxmox_asks_before_nearly_everything_whether_it_runs(void **state)
{
    for (int i = 0; i < 100; i++) {
        char *reply = proxmox_command(*state, PING);

        assert_string_equal(reply, PONG);
        free(reply);
        reply = proxmox_command(*state, "{\"execute\":\"guest-fsfreeze-status\"}");
        assert_string_equal(reply, "{\"return\": \"thawed\"}");
        free(reply);
    }
}

/* --- libvirt: no ids, so every line that comes is the answer to the last command ---------- */

/* One wait for a line of at most `ms`, as libvirt's sync has: NULL when it has passed. */
static const char *line_within(struct client *client, int ms)
{
    struct pollfd pollfd = { .fd = client->fd, .events = POLLIN };

    if (client->len == client->start && poll(&pollfd, 1, ms) == 0)
        return NULL;
    return client_line(client);
}

/* Sends syncs with the time as id until one is answered by its own id. */
static void libvirt_sync(struct client *client)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    char expected[64];

    for (;;) {
        static int64_t id = 1780000000000;
        const char *line;

        assert_true(monotonic_ms() < deadline);
        snprintf(expected, sizeof(expected), "{\"return\": %" PRId64 "}", ++id);
        client_request(client, "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":%" PRId64 "}}\n",
                       id);
        while ((line = line_within(client, 5000))) {
            if (strcmp(line, expected) == 0)
                return;
        }
    }
}

static void libvirt_syncs_and_then_trusts_every_line(void **state)
{
    static const char *const commands[] = { "guest-get-host-name", "guest-get-osinfo",
                                            "guest-get-timezone",  "guest-get-users",
                                            "guest-get-vcpus",     "guest-get-fsinfo",
                                            "guest-get-disks",     "guest-get-load",
                                            "guest-get-time",      "guest-network-get-interfaces" };
    struct client client;

    client_open(&client, *state);
    libvirt_sync(&client);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const char *line = client_ask(&client, "{\"execute\":\"%s\"}\n", commands[i]);

        if (!reply_has(line, "{\"return\": ") && !reply_has(line, "GenericError"))
            fail_msg("%s: %s", commands[i], line);
    }
    client_close(&client);
}

/* A command that takes longer than libvirt waits: it goes on by a sync, and the answer of the
 * command may come before the sync's but never after it. */
static void libvirt_goes_on_by_a_sync_after_a_timeout(void **state)
{
    struct client client;

    client_open(&client, *state);
    libvirt_sync(&client);
    for (int i = 0; i < 30; i++) {
        client_send(&client, "{\"execute\":\"guest-get-fsinfo\"}\n");
        libvirt_sync(&client);
        client_expect(&client, PING "\n", PONG);
    }
    client_close(&client);
}

/* --- KubeVirt: polls through libvirt, matches texts ---------------------------------------- */

static void kubevirt_finds_what_it_needs_for_agent_connected(void **state)
{
    static const char *const needed[] = {
        "guest-ping",
        "guest-get-time",
        "guest-info",
        "guest-shutdown",
        "guest-network-get-interfaces",
        "guest-get-fsinfo",
        "guest-get-host-name",
        "guest-get-users",
        "guest-get-timezone",
        "guest-get-osinfo",
        "guest-exec",
        "guest-exec-status",
        "guest-file-open",
        "guest-file-close",
        "guest-file-read",
        "guest-file-write",
        "guest-ssh-get-authorized-keys",
        "guest-ssh-add-authorized-keys",
        "guest-ssh-remove-authorized-keys",
        "guest-set-user-password",
    };
    struct client client;
    char text[100];

    client_open(&client, *state);
    client_ask(&client, "{\"execute\":\"guest-info\"}\n");
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        snprintf(text, sizeof(text), "{\"name\": \"%s\", \"enabled\": true", needed[i]);
        if (!reply_has(client.line, text))
            fail_msg("no %s", text);
    }
    client_close(&client);
}

static void kubevirt_polls_again_and_again(void **state)
{
    static const char *const polls[] = { "guest-info", "guest-get-fsinfo", "guest-fsfreeze-status",
                                         "guest-ping" };
    struct client client;

    client_open(&client, *state);
    for (int i = 0; i < 40; i++) {
        libvirt_sync(&client);
        client_ask(&client, "{\"execute\":\"%s\"}\n", polls[(unsigned)i % ARRAY_LEN(polls)]);
        assert_memory_equal(client.line, "{\"return\": ", 11);
    }
    client_close(&client);
}

static void kubevirt_recognises_a_missing_file(void **state)
{
    struct client client;

    client_open(&client, *state);
    client_ask(&client,
               "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"/no/such\"}}\n");
    assert_true(reply_has(client.line, "No such file or directory"));
    client_close(&client);
}

/* --- QEMU's own test and its Python client -------------------------------------------------- */

static void a_leading_0xff_has_no_answer_of_its_own(void **state)
{
    struct client client;

    client_open(&client, *state);
    for (int i = 0; i < 10; i++) {
        client_expect(&client,
                      "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":9}}",
                      "\xff{\"return\": 9}");
        client_expect_silence(&client, 5);
    }
    client_close(&client);
}

static void the_python_client_reads_in_steps_of_1024(void **state)
{
    char data[5000], *copy = calloc(1, sizeof(data));
    struct client client;
    size_t done = 0;
    int64_t handle;
    uint32_t seed = 5;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)random_next(&seed);
    write_file(agent_path(*state, "f"), data, sizeof(data));
    client_open(&client, *state);
    handle = client_file_open(&client, agent_path(*state, "f"), "r");
    do {
        char *text, *bytes;
        size_t len;

        client_ask(&client,
                   "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":%" PRId64
                   ",\"count\":1024},\"id\":\"read\"}",
                   handle);
        text = reply_str(client.line, "buf-b64");
        assert_non_null(text);
        bytes = base64_bytes(text, &len);
        assert_in_range(done + len, 0, sizeof(data));
        memcpy(copy + done, bytes, len);
        done += len;
        free(bytes);
        free(text);
    } while (reply_has(client.line, "\"eof\": false"));
    assert_int_equal(done, sizeof(data));
    assert_memory_equal(copy, data, sizeof(data));
    free(copy);
    client_close(&client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_agent, teardown_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(proxmox_runs_a_program),
        CASE(proxmox_writes_base64_with_newlines_and_reads_in_steps),
        CASE(proxmox_asks_before_nearly_everything_whether_it_runs),
        CASE(libvirt_syncs_and_then_trusts_every_line),
        CASE(libvirt_goes_on_by_a_sync_after_a_timeout),
        CASE(kubevirt_finds_what_it_needs_for_agent_connected),
        CASE(kubevirt_polls_again_and_again),
        CASE(kubevirt_recognises_a_missing_file),
        CASE(a_leading_0xff_has_no_answer_of_its_own),
        CASE(the_python_client_reads_in_steps_of_1024),
    };

    return cmocka_run_group_tests_name("clients", tests, NULL, NULL);
}
