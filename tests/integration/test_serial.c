/*
 * Serial ports, on ptys: the test has the host's end.
 */
#include "fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

struct port {
    struct agent_process agent;
    struct client host;
    char path[64]; /* of the agent's end */
};

/* A pty whose other end is as the kernel makes it: cooked, with echo. */
static void open_pty(struct port *port)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(grantpt(fd), 0);
    assert_int_equal(unlockpt(fd), 0);
    assert_int_equal(ptsname_r(fd, port->path, sizeof(port->path)), 0);
    client_from_fd(&port->host, fd);
}

/* virtio-serial takes the device as it is, so it has to be raw before. */
static void make_raw(const struct port *port)
{
    struct termios tio;

    assert_int_equal(tcgetattr(port->host.fd, &tio), 0);
    cfmakeraw(&tio);
    assert_int_equal(tcsetattr(port->host.fd, TCSANOW, &tio), 0);
}

/* The agent has opened an isa-serial port when it is raw: what came before is thrown away. */
static void wait_until_raw(const struct port *port)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    struct termios tio = { .c_lflag = ICANON };

    while (tio.c_lflag & ICANON) {
        assert_true(monotonic_ms() < deadline);
        nap_ms(2);
        assert_int_equal(tcgetattr(port->host.fd, &tio), 0);
    }
}

static void spawn_on(struct port *port, const char *method, const char *path, const char *option)
{
    const char *arguments[] = { "-m", method, "-p", path, "-t", NULL, option, NULL };

    agent_make_dir(&port->agent);
    arguments[5] = port->agent.dir;
    agent_spawn_raw(&port->agent, arguments);
}

static void open_isa(struct port *port)
{
    *port = (struct port){ .host.fd = -1 };
    open_pty(port);
    spawn_on(port, "isa-serial", port->path, NULL);
    wait_until_raw(port);
}

static void open_virtio(struct port *port)
{
    *port = (struct port){ .host.fd = -1 };
    open_pty(port);
    make_raw(port);
    spawn_on(port, "virtio-serial", port->path, NULL);
}

static void open_method(struct port *port, const char *method)
{
    if (strcmp(method, "isa-serial") == 0)
        open_isa(port);
    else
        open_virtio(port);
}

static void close_port(struct port *port)
{
    agent_end(&port->agent);
    client_close(&port->host);
}

static const char *const methods[] = { "isa-serial", "virtio-serial" };

static void nothing_is_echoed_or_changed(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct port port;

        open_method(&port, methods[i]);
        client_expect(&port.host,
                      "{\"execute\":\"guest-ping\",\"id\":\"\\u0003\\u0011\xc3\xa9\"}\r\n",
                      "{\"return\": {}, \"id\": \"\\u0003\\u0011\\u00E9\"}");
        client_expect(&port.host,
                      "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":4}}",
                      "\xff{\"return\": 4}");
        client_expect_silence(&port.host, 50);
        close_port(&port);
    }
}

/* More replies than a pty holds: the agent waits for the host to read. */
static void a_burst_is_answered_in_order(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct port port;

        open_method(&port, methods[i]);
        for (int id = 0; id < 600; id++)
            client_request(&port.host, "{\"execute\":\"%s\",\"id\":%d}\n",
                           id % 50 == 7 ? "guest-info"
                           : id % 7     ? "guest-ping"
                                        : "guest-get-vcpus",
                           id);
        for (int id = 0; id < 600; id++)
            assert_int_equal(reply_int(client_line(&port.host), "id"), id);
        client_sync(&port.host);
        close_port(&port);
    }
}

static void files_are_written_and_read(void **state)
{
    uint32_t seed = 3;
    char data[20000], *encoded = NULL, *text;
    struct port port;
    int64_t handle;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)random_next(&seed);
    encoded = base64_of(data, sizeof(data));
    open_isa(&port);
    handle = client_file_open(&port.host, agent_path(&port.agent, "f"), "w+");
    client_ask(&port.host,
               "{\"execute\":\"guest-file-write\",\"arguments\":{\"handle\":%" PRId64
               ",\"buf-b64\":\"%s\"}}",
               handle, encoded);
    assert_int_equal(reply_int(port.host.line, "count"), sizeof(data));
    client_ask(&port.host,
               "{\"execute\":\"guest-file-seek\",\"arguments\":{\"handle\":%" PRId64
               ",\"offset\":0,\"whence\":0}}",
               handle);
    client_ask(&port.host,
               "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":%" PRId64
               ",\"count\":30000}}",
               handle);
    text = reply_str(port.host.line, "buf-b64");
    assert_string_equal(text, encoded);
    free(text);
    free(encoded);
    close_port(&port);
}

static void a_host_that_does_not_read_costs_nothing(void **state)
{
    struct port port;
    uint64_t before;

    open_virtio(&port);
    client_expect(&port.host, PING, PONG);
    for (int i = 0; i < 30; i++)
        client_request(&port.host, "{\"execute\":\"guest-info\",\"id\":%d}", i);
    nap_ms(300);
    before = agent_cpu_ms(&port.agent);
    nap_ms(1000);
    assert_in_range(agent_cpu_ms(&port.agent) - before, 0, 100);
    for (int i = 0; i < 30; i++)
        assert_int_equal(reply_int(client_line(&port.host), "id"), i);
    close_port(&port);
}

static void the_agent_ends_though_its_host_does_not_read(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct port port;

        open_method(&port, methods[i]);
        client_expect(&port.host, PING, PONG);
        for (int id = 0; id < 30; id++)
            client_send(&port.host, "{\"execute\":\"guest-info\"}");
        nap_ms(100);
        close_port(&port);
    }
}

/* A pty whose master has gone never comes back: the agent waits for that, and does not spin. */
static void a_host_that_hangs_up_costs_nothing(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct port port;
        uint64_t before;

        open_method(&port, methods[i]);
        client_expect(&port.host, PING, PONG);
        client_send(&port.host, "{\"execute\":"); /* goes with the host */
        client_close(&port.host);
        nap_ms(300);
        assert_true(agent_is_running(&port.agent));
        before = agent_cpu_ms(&port.agent);
        nap_ms(1000);
        assert_in_range(agent_cpu_ms(&port.agent) - before, 0, 100);
        agent_end(&port.agent);
    }
}

static void a_missing_port_ends_the_agent(void **state)
{
    struct port port = { .host.fd = -1 };
    int status;

    spawn_on(&port, "virtio-serial", "/dev/no-such-port", NULL);
    status = agent_wait(&port.agent);
    agent_remove_dir(&port.agent);
    assert_int_equal(status, 1 << 8);
}

static void a_regular_file_is_no_port(void **state)
{
    struct port port = { .host.fd = -1 };
    int status;

    agent_make_dir(&port.agent);
    write_file(agent_path(&port.agent, "file"), "", 0);
    agent_spawn_raw(&port.agent, (const char *const[]){ "-m", "isa-serial", "-p",
                                                        agent_path(&port.agent, "file"), "-t",
                                                        port.agent.dir, NULL });
    status = agent_wait(&port.agent);
    agent_remove_dir(&port.agent);
    assert_int_equal(status, 1 << 8);
}

static void wait_for_log(const struct agent_process *agent, const char *text)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    bool found = false;

    while (!found) {
        char *log = read_file(agent_path(agent, "log"), NULL);

        found = log && strstr(log, text);
        free(log);
        if (!found && monotonic_ms() >= deadline)
            fail_msg("no \"%s\" in the log", text);
        nap_ms(2);
    }
}

/* The port appears after the agent: it is opened at the next try, in five seconds, and the log names it. */
static void with_retry_path_a_missing_port_is_waited_for(void **state)
{
    struct port port = { .host.fd = -1 };
    const char *link;

    open_pty(&port);
    make_raw(&port);
    agent_make_dir(&port.agent);
    link = agent_path(&port.agent, "port");
    write_file(agent_path(&port.agent, "log"), "", 0);
    agent_spawn_raw(&port.agent, (const char *const[]){ "-r", "-m", "virtio-serial", "-p", link,
                                                        "-t", port.agent.dir, "-v", "-l",
                                                        agent_path(&port.agent, "log"), NULL });
    wait_for_log(&port.agent, "port general: not open yet");
    assert_true(agent_is_running(&port.agent));
    assert_int_equal(symlink(port.path, agent_path(&port.agent, "port")), 0);
    client_expect(&port.host, PING, PONG);
    wait_for_log(&port.agent, "port general: virtio-serial is open");
    close_port(&port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_echoed_or_changed),
        cmocka_unit_test(a_burst_is_answered_in_order),
        cmocka_unit_test(files_are_written_and_read),
        cmocka_unit_test(a_host_that_does_not_read_costs_nothing),
        cmocka_unit_test(the_agent_ends_though_its_host_does_not_read),
        cmocka_unit_test(a_host_that_hangs_up_costs_nothing),
        cmocka_unit_test(a_missing_port_ends_the_agent),
        cmocka_unit_test(a_regular_file_is_no_port),
        cmocka_unit_test(with_retry_path_a_missing_port_is_waited_for),
    };

    return cmocka_run_group_tests_name("serial", tests, NULL, NULL);
}
