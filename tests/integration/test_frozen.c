/*
 * Frozen: an agent that finds the marker of a killed one starts frozen, and a thaw ends all of it.
 * Nothing is frozen really: a thaw of what is not frozen is refused by the kernel and harmless.
 */
#include "fixture.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARKER "qga.state.isfrozen"
#define STATUS "{\"execute\":\"guest-fsfreeze-status\"}"
#define THAW   "{\"execute\":\"guest-fsfreeze-thaw\"}"

static bool exists(const struct agent_process *agent, const char *name)
{
    return access(agent_path(agent, name), F_OK) == 0;
}

static void spawn_frozen(struct agent_process *agent, const char *const *options)
{
    agent_make_dir(agent);
    write_file(agent_path(agent, MARKER), "", 0);
    agent_respawn(agent, options);
}

static int setup_frozen(void **state)
{
    struct agent_process *agent = calloc(1, sizeof(*agent));

    assert_non_null(agent);
    spawn_frozen(agent, NULL);
    *state = agent;
    return 0;
}

/* Thaws first: a frozen agent does not end. */
static int teardown_frozen(void **state)
{
    struct agent_process *agent = *state;
    struct client client;

    client_open(&client, agent);
    client_ask(&client, THAW);
    client_close(&client);
    agent_end(agent);
    free(agent);
    return 0;
}

static void what_is_not_on_the_list_is_refused(void **state)
{
    /* none that could do harm here if it were not refused; info_tells_... looks at all of them */
    static const char *const commands[] = {
        "guest-exec",       "guest-exec-status", "guest-file-open",
        "guest-file-read",  "guest-get-fsinfo",  "guest-get-host-name",
        "guest-get-time",   "guest-get-vcpus",   "guest-get-users",
        "guest-get-osinfo", "guest-get-disks",   "guest-network-get-interfaces",
    };
    char expected[200];
    struct client client;

    client_open(&client, *state);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        snprintf(expected, sizeof(expected),
                 CNF("Command %s has been disabled: the command is not allowed"), commands[i]);
        assert_string_equal(client_ask(&client, "{\"execute\":\"%s\"}", commands[i]), expected);
    }
    client_close(&client);
}

static void what_is_on_the_list_runs(void **state)
{
    struct client client;

    client_open(&client, *state);
    client_expect(&client, PING, PONG);
    client_expect(&client, STATUS, "{\"return\": \"frozen\"}");
    client_expect(&client, "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":1}}",
                  "{\"return\": 1}");
    client_expect(&client, "{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":2}}",
                  "\xff{\"return\": 2}");
    client_expect(&client, "{\"execute\":\"nope\"}", CNF("The command nope has not been found"));
    client_close(&client);
}

/* How often `text` stands in a line. */
static int count_of(const char *line, const char *text)
{
    int count = 0;

    for (; (line = strstr(line, text)); line++)
        count++;
    return count;
}

static void info_tells_what_is_enabled(void **state)
{
    static const char *const enabled[] = { "guest-ping",          "guest-info",
                                           "guest-sync",          "guest-sync-delimited",
                                           "guest-fsfreeze-thaw", "guest-fsfreeze-status" };
    struct client client;
    char text[100];

    client_open(&client, *state);
    client_ask(&client, "{\"execute\":\"guest-info\"}");
    assert_int_equal(count_of(client.line, "\"enabled\": true"), ARRAY_LEN(enabled));
    for (size_t i = 0; i < ARRAY_LEN(enabled); i++) {
        snprintf(text, sizeof(text), "{\"name\": \"%s\", \"enabled\": true", enabled[i]);
        assert_true(reply_has(client.line, text));
    }
    client_ask(&client, THAW);
    client_ask(&client, "{\"execute\":\"guest-info\"}");
    assert_int_equal(count_of(client.line, "\"enabled\": false"), 0);
    client_close(&client);
}

static void a_thaw_ends_it(void **state)
{
    struct client client;

    client_open(&client, *state);
    assert_false(exists(*state, "qga.state"));
    client_expect(&client, THAW, "{\"return\": 0}");
    assert_false(exists(*state, MARKER));
    client_expect(&client, STATUS, "{\"return\": \"thawed\"}");
    assert_int_equal(client_file_open(&client, agent_path(*state, "f"), "w"), 1000);
    client_expect(&client, THAW, "{\"return\": 0}");
    client_close(&client);
}

/* What stands behind a thaw sees its outcome, what stands before it does not. */
static void a_thaw_keeps_its_place_in_a_burst(void **state)
{
    struct client client;

    client_open(&client, *state);
    client_send(&client, "{\"execute\":\"guest-get-time\"}" STATUS THAW STATUS
                         "{\"execute\":\"guest-get-host-name\"}{\"execute\":\"guest-info\"}");
    assert_true(reply_has(client_line(&client), "has been disabled"));
    assert_string_equal(client_line(&client), "{\"return\": \"frozen\"}");
    assert_string_equal(client_line(&client), "{\"return\": 0}");
    assert_string_equal(client_line(&client), "{\"return\": \"thawed\"}");
    assert_true(reply_has(client_line(&client), "host-name"));
    assert_false(reply_has(client_line(&client), "\"enabled\": false"));
    client_close(&client);
}

static void removing_the_marker_by_hand_changes_nothing(void **state)
{
    struct client client;

    client_open(&client, *state);
    assert_int_equal(unlink(agent_path(*state, MARKER)), 0);
    client_expect(&client, STATUS, "{\"return\": \"frozen\"}");
    assert_true(reply_has(client_ask(&client, "{\"execute\":\"guest-get-time\"}"), "disabled"));
    client_close(&client);
}

static void signals_do_not_end_a_frozen_agent(void **state)
{
    struct agent_process *agent = *state;
    struct client client;

    client_open(&client, agent);
    for (int i = 0; i < 20; i++) {
        kill(agent->pid, i % 2 ? SIGTERM : SIGINT);
        client_expect(&client, PING, PONG);
        nap_ms(5);
    }
    assert_true(agent_is_running(agent));
    client_close(&client);
}

static void a_killed_agent_starts_frozen_again(void **state)
{
    struct agent_process *agent = *state;
    struct client client;

    agent_kill9(agent);
    agent_respawn(agent, NULL);
    client_open(&client, agent);
    client_expect(&client, STATUS, "{\"return\": \"frozen\"}");
    client_expect(&client, THAW, "{\"return\": 0}");
    client_close(&client);
    agent_kill9(agent);
    agent_respawn(agent, NULL);
    client_open(&client, agent);
    client_expect(&client, STATUS, "{\"return\": \"thawed\"}");
    client_close(&client);
}

static void what_is_blocked_stays_blocked_after_the_thaw(void **state)
{
    static const char *const options[] = { "-b", "guest-get-time,guest-ping", NULL };
    struct agent_process agent = { 0 };
    struct client client;

    spawn_frozen(&agent, options);
    client_open(&client, &agent);
    client_expect(&client, STATUS, "{\"return\": \"frozen\"}");
    client_expect(&client, THAW, "{\"return\": 0}");
    client_expect(&client, "{\"execute\":\"guest-get-time\"}",
                  CNF("Command guest-get-time has been disabled: the command is not allowed"));
    assert_true(
        reply_has(client_ask(&client, "{\"execute\":\"guest-get-host-name\"}"), "host-name"));
    client_close(&client);
    agent_end(&agent);
}

/* The log, once it holds `text`; to be freed. */
static char *wait_for_text(const struct agent_process *agent, const char *text)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;

    for (;;) {
        char *log = read_file(agent_path(agent, "log"), NULL);

        if (log && strstr(log, text))
            return log;
        free(log);
        assert_true(monotonic_ms() < deadline);
        nap_ms(2);
    }
}

static void the_log_waits_in_memory(void **state)
{
    const char *options[] = { "-v", "-l", NULL, NULL };
    struct agent_process agent = { 0 };
    struct client client;
    char *text;

    agent_make_dir(&agent);
    options[2] = agent_path(&agent, "log");
    write_file(agent_path(&agent, MARKER), "", 0);
    agent_respawn(&agent, options);
    client_open(&client, &agent);
    client_expect(&client, PING, PONG);
    kill(agent.pid, SIGHUP); /* opens the log again, but not yet */
    client_expect(&client, PING, PONG);
    text = read_file(agent_path(&agent, "log"), NULL);
    assert_true(!text || *text == '\0');
    free(text);
    client_expect(&client, THAW, "{\"return\": 0}");
    text = wait_for_text(&agent, "guest-fsfreeze-thaw called, outcome: ok");
    assert_true(reply_has(text, "guest-ping"));
    assert_int_equal(count_of(text, "thaw called"), 1);
    free(text);
    client_close(&client);
    agent_end(&agent);
}

/* The number in the pid file, which may come a moment later than the answer of the thaw. */
static pid_t read_pid_file(const struct agent_process *agent)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    pid_t pid = 0;

    while (pid == 0 && monotonic_ms() < deadline) {
        char *text = read_file(agent_path(agent, "pid"), NULL);

        pid = text ? (pid_t)strtol(text, NULL, 10) : 0;
        free(text);
        nap_ms(2);
    }
    return pid;
}

/* A daemon that finds this marker. */
static void launch_daemon(struct agent_process *agent, const char *marker)
{
    const char *arguments[] = {
        "-d", "-m", "unix-listen", "-p", NULL, "-t", NULL, "-f", NULL, NULL
    };

    agent_make_dir(agent);
    arguments[4] = agent->socket;
    arguments[6] = agent->dir;
    arguments[8] = agent_path(agent, "pid");
    write_file(agent_path(agent, MARKER), marker, strlen(marker));
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* so that the daemon becomes ours */
    agent_spawn_raw(agent, arguments);
    assert_int_equal(agent_wait(agent), 0);
}

/* Once there is a pid file. */
static void end_daemon(struct agent_process *agent)
{
    agent->pid = read_pid_file(agent);
    assert_true(agent->pid > 0);
    assert_int_equal(agent_terminate(agent), 0);
    assert_false(exists(agent, "pid"));
    agent_remove_dir(agent);
}

static void the_pid_file_of_a_daemon_waits(void **state)
{
    struct agent_process agent = { 0 };
    struct client client;

    launch_daemon(&agent, "");
    client_open(&client, &agent);
    client_expect(&client, PING, PONG);
    assert_false(exists(&agent, "pid"));
    client_expect(&client, THAW, "{\"return\": 0}");
    client_close(&client);
    end_daemon(&agent);
}

/* A marker from before the guest was booted: thawed by itself, without any call of the host. */
static void the_pid_file_comes_after_an_automatic_thaw_too(void **state)
{
    struct agent_process agent = { 0 };

    launch_daemon(&agent, "thaw-at-ms=-1 boot=another\n");
    end_daemon(&agent);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_frozen, teardown_frozen)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_not_on_the_list_is_refused),
        CASE(what_is_on_the_list_runs),
        CASE(info_tells_what_is_enabled),
        CASE(a_thaw_ends_it),
        CASE(a_thaw_keeps_its_place_in_a_burst),
        CASE(removing_the_marker_by_hand_changes_nothing),
        CASE(signals_do_not_end_a_frozen_agent),
        CASE(a_killed_agent_starts_frozen_again),
        cmocka_unit_test(what_is_blocked_stays_blocked_after_the_thaw),
        cmocka_unit_test(the_log_waits_in_memory),
        cmocka_unit_test(the_pid_file_of_a_daemon_waits),
        cmocka_unit_test(the_pid_file_comes_after_an_automatic_thaw_too),
    };

    return cmocka_run_group_tests_name("frozen", tests, NULL, NULL);
}
