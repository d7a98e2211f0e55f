/*
 * FIFOs, ttys and devices: nothing blocks the agent, and no byte is lost.
 */
#include "fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_REQUEST(command, arguments)                                                           \
    "{\"execute\":\"guest-file-" command "\",\"arguments\":{" arguments "}}"

static const char *ask(struct client *client, const char *command, int64_t handle,
                       const char *arguments)
{
    return client_ask(client,
                      "{\"execute\":\"guest-file-%s\",\"arguments\":{\"handle\":%" PRId64 "%s}}",
                      command, handle, arguments);
}

static int make_fifo(const char *path)
{
    int fd;

    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void a_fifo_never_blocks_and_loses_no_bytes(void **state)
{
    const char *path = agent_path(*state, "fifo");
    int fd = make_fifo(path);
    struct client client;
    int64_t handle;

    client_open(&client, *state);
    handle = client_file_open(&client, path, "r");
    assert_string_equal(ask(&client, "read", handle, ""),
                        GE("failed to read file: Resource temporarily unavailable"));
    assert_int_equal(write(fd, "abc", 3), 3);
    assert_json_equal(ask(&client, "read", handle, ",\"count\":10"),
                      "{\"return\":{\"count\":3,\"buf-b64\":\"YWJj\",\"eof\":false}}");
    assert_int_equal(write(fd, "defg", 4), 4);
    assert_json_equal(ask(&client, "read", handle, ",\"count\":2"),
                      "{\"return\":{\"count\":2,\"buf-b64\":\"ZGU=\",\"eof\":false}}");
    assert_json_equal(ask(&client, "read", handle, ""),
                      "{\"return\":{\"count\":2,\"buf-b64\":\"Zmc=\",\"eof\":false}}");
    close(fd);
    assert_json_equal(ask(&client, "read", handle, ""),
                      "{\"return\":{\"count\":0,\"buf-b64\":\"\",\"eof\":true}}");
    assert_string_equal(ask(&client, "seek", handle, ",\"offset\":0,\"whence\":0"),
                        GE("failed to seek file: Illegal seek"));
    client_close(&client);
}

static void a_fifo_without_its_other_end_is_answered_at_once(void **state)
{
    const char *path = agent_path(*state, "fifo");
    struct client client;
    int64_t handle;

    assert_int_equal(mkfifo(path, 0600), 0);
    client_open(&client, *state);
    handle = client_file_open(&client, path, "r");
    assert_json_equal(ask(&client, "read", handle, ""),
                      "{\"return\":{\"count\":0,\"buf-b64\":\"\",\"eof\":true}}");
    ask(&client, "close", handle, "");
    client_ask(&client, FILE_REQUEST("open", "\"path\":\"%s\",\"mode\":\"w\""), path);
    assert_true(reply_has(client.line, "No such device or address"));
    client_close(&client);
}

static void a_full_fifo_takes_what_fits(void **state)
{
    const char *path = agent_path(*state, "fifo");
    char *data = calloc(1, 200000), *encoded;
    int fd = make_fifo(path);
    struct client client;
    int64_t handle, count;

    assert_non_null(data);
    encoded = base64_of(data, 200000);
    client_open(&client, *state);
    handle = client_file_open(&client, path, "w");
    client_ask(&client, FILE_REQUEST("write", "\"handle\":%" PRId64 ",\"buf-b64\":\"%s\""), handle,
               encoded);
    count = reply_int(client.line, "count");
    assert_in_range(count, 1, 199999);
    assert_string_equal(ask(&client, "write", handle, ",\"buf-b64\":\"YWJj\""),
                        GE("failed to write to file: Resource temporarily unavailable"));
    for (int64_t left = count; left > 0;) {
        ssize_t n = read(fd, data, 65536);

        assert_true(n > 0);
        left -= n;
    }
    assert_int_equal(reply_int(ask(&client, "write", handle, ",\"buf-b64\":\"YWJj\""), "count"), 3);
    client_close(&client);
    close(fd);
    free(encoded);
    free(data);
}

static void a_tty_never_blocks(void **state)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct client client;
    int64_t handle;
    char text[8];

    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    client_open(&client, *state);
    handle = client_file_open(&client, ptsname(master), "r+");
    assert_string_equal(ask(&client, "read", handle, ""),
                        GE("failed to read file: Resource temporarily unavailable"));
    assert_int_equal(write(master, "hi\n", 3), 3);
    assert_json_equal(ask(&client, "read", handle, ""),
                      "{\"return\":{\"count\":3,\"buf-b64\":\"aGkK\",\"eof\":false}}");
    assert_int_equal(read(master, text, sizeof(text)), 4); /* the echo */
    assert_int_equal(reply_int(ask(&client, "write", handle, ",\"buf-b64\":\"YWJj\""), "count"), 3);
    assert_int_equal(read(master, text, sizeof(text)), 3);
    assert_memory_equal(text, "abc", 3);
    client_close(&client);
    close(master);
}

static void a_full_device_is_an_error_and_the_handle_is_freed_once(void **state)
{
    struct client client;
    int64_t handle;

    client_open(&client, *state);
    handle = client_file_open(&client, "/dev/full", "w");
    assert_string_equal(ask(&client, "write", handle, ",\"buf-b64\":\"YWJj\""),
                        GE("failed to write to file: No space left on device"));
    ask(&client, "close", handle, "");
    assert_true(reply_has(ask(&client, "close", handle, ""), "has not been found"));
    client_expect(&client, PING, PONG);
    client_close(&client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_agent, teardown_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_fifo_never_blocks_and_loses_no_bytes),
        CASE(a_fifo_without_its_other_end_is_answered_at_once),
        CASE(a_full_fifo_takes_what_fits),
        CASE(a_tty_never_blocks),
        CASE(a_full_device_is_an_error_and_the_handle_is_freed_once),
    };

    return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
