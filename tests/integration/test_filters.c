/*
 * Allow and block lists, and the log.
 */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define REFUSED(name) CNF("Command " name " has been disabled: the command is not allowed")

static void assert_enabled(const char *info, const char *name, bool enabled)
{
    char text[100];

    snprintf(text, sizeof(text), "{\"name\": \"%s\", \"enabled\": %s", name,
             enabled ? "true" : "false");
    assert_true(reply_has(info, text));
}

static void blocked_commands_are_refused_and_shown(void **state)
{
    static const char *const options[] = { "-b", "guest-exec,guest-file-open,no-such", NULL };
    struct agent_process agent = { 0 };
    struct client client;

    agent_spawn(&agent, options);
    client_open(&client, &agent);
    client_expect(&client, "{\"execute\":\"guest-exec\",\"arguments\":{\"bogus\":1}}",
                  REFUSED("guest-exec"));
    client_expect(&client, "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"/x\"}}",
                  REFUSED("guest-file-open"));
    client_expect(&client, "{\"execute\":\"no-such\"}",
                  CNF("The command no-such has not been found"));
    client_ask(&client, "{\"execute\":\"guest-info\"}");
    assert_enabled(client.line, "guest-exec", false);
    assert_enabled(client.line, "guest-file-open", false);
    assert_enabled(client.line, "guest-file-read", true);
    client_close(&client);
    agent_end(&agent);
}

static void only_allowed_commands_run_and_a_block_wins(void **state)
{
    static const char *const options[] = { "-a", "guest-ping,guest-info,guest-get-time", "-b",
                                           "guest-get-time", NULL };
    struct agent_process agent = { 0 };
    struct client client;

    agent_spawn(&agent, options);
    client_open(&client, &agent);
    client_expect(&client, PING, PONG);
    client_expect(&client, "{\"execute\":\"guest-get-time\"}", REFUSED("guest-get-time"));
    client_expect(&client, "{\"execute\":\"guest-get-host-name\"}", REFUSED("guest-get-host-name"));
    client_ask(&client, "{\"execute\":\"guest-info\"}");
    assert_enabled(client.line, "guest-ping", true);
    assert_enabled(client.line, "guest-get-time", false);
    assert_enabled(client.line, "guest-sync", false);
    client_close(&client);
    agent_end(&agent);
}

static void the_old_blacklist_still_protects(void **state)
{
    struct agent_process agent = { 0 };
    struct client client;

    agent_spawn_configured(&agent, "blacklist=guest-get-time\n");
    client_open(&client, &agent);
    client_expect(&client, "{\"execute\":\"guest-get-time\"}", REFUSED("guest-get-time"));
    client_expect(&client, PING, PONG);
    client_close(&client);
    agent_end(&agent);
}

static void a_profile_refuses_in_the_words_of_a_block_list(void **state)
{
    struct agent_process agent = { 0 };
    struct client client;

    agent_spawn_configured(&agent, "profile=audit\n");
    client_open(&client, &agent);
    client_expect(&client, "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/true\"}}",
                  REFUSED("guest-exec"));
    client_expect(&client, "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"/x\"}}",
                  REFUSED("guest-file-open"));
    client_expect(&client, PING, PONG);
    client_ask(&client, "{\"execute\":\"guest-info\"}");
    assert_enabled(client.line, "guest-shutdown", false);
    assert_enabled(client.line, "guest-get-osinfo", true);
    assert_enabled(client.line, "guest-sync", true);
    client_close(&client);
    agent_end(&agent);
}

/* An open is of the class that its mode needs. */
static void who_may_only_read_files_opens_none_for_writing(void **state)
{
    static const char *const modes[] = { "w", "a", "r+", "w+", "a+b" };
    struct agent_process agent = { 0 };
    struct client client;
    char request[200];

    agent_spawn_configured(&agent, "profile=+file-read\n");
    client_open(&client, &agent);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        snprintf(
            request, sizeof(request),
            "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"%s\",\"mode\":\"%s\"}}",
            agent_path(&agent, "none"), modes[i]);
        client_expect(&client, request, REFUSED("guest-file-open"));
    }
    assert_int_not_equal(access(agent_path(&agent, "none"), F_OK), 0);
    client_file_open(&client, "/dev/null", "r");
    client_expect(&client, "{\"execute\":\"guest-file-flush\",\"arguments\":{\"handle\":1000}}",
                  REFUSED("guest-file-flush"));
    client_expect(&client, "{\"execute\":\"guest-file-close\",\"arguments\":{\"handle\":1000}}",
                  PONG);
    client_close(&client);
    agent_end(&agent);
}

/* --- log -------------------------------------------------------------------------------- */

/* Waits for `text` in a file that another process writes. */
static void wait_for_text(const char *path, const char *text)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    bool found = false;

    while (!found) {
        char *content = read_file(path, NULL);

        found = content && strstr(content, text);
        free(content);
        if (!found && monotonic_ms() >= deadline)
            fail_msg("no \"%s\" in %s", text, path);
        nap_ms(2);
    }
}

static void spawn_logging(struct agent_process *agent, const char *option)
{
    const char *options[] = { "-l", NULL, option, NULL };

    agent_make_dir(agent);
    options[1] = agent_path(agent, "log");
    agent_respawn(agent, options);
}

static void a_verbose_log_has_the_lines_that_hosts_look_for(void **state)
{
    struct agent_process agent = { 0 };
    unsigned long seconds, micros;
    struct client client;
    char level[16], *text;

    spawn_logging(&agent, "-v");
    client_open(&client, &agent);
    client_file_open(&client, "/dev/null", "r");
    client_expect(&client, "{\"execute\":\"guest-file-close\",\"arguments\":{\"handle\":1000}}",
                  PONG);
    client_close(&client);
    assert_int_equal(agent_terminate(&agent), 0);
    text = read_file(agent_path(&agent, "log"), NULL);
    assert_non_null(text);
    assert_int_equal(sscanf(text, "%lu.%6lu: %15[a-z]:", &seconds, &micros, level), 3);
    assert_true(reply_has(text, "debug: read data, count: "));
    assert_true(
        reply_has(text, "info: guest-file-open called, filename: \"/dev/null\", mode: \"r\", "
                        "outcome: ok, result: 1000, session: 2, port: \"general\", uid: 0, pid: "));
    assert_true(reply_has(text, "guest-file-close called, handle: 1000, outcome: ok, session: "));
    assert_true(reply_has(text, "debug: received signal num 15, quitting"));
    free(text);
    agent_remove_dir(&agent);
}

/* Who reads the log knows what the host did, and what came of it; and no secrets. */
static void the_log_tells_target_and_outcome_of_what_changes_the_guest(void **state)
{
    static const struct {
        const char *request, *line;
    } calls[] = {
        { "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/true\",\"arg\":[\"a b\","
          "\"c\\\"\\n\\u202e\"],\"env\":[\"TOKEN=hidden\"],\"input-data\":\"aGlkZGVu\"}}",
          "guest-exec called, path: \"/bin/true\", args: [\"a b\", \"c\\\"\\x0a\\xe2\\x80\\xae\"], "
          "outcome: ok, result: {\"pid\": " },
        { "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/no/such\"}}",
          "guest-exec called, path: \"/no/such\", args: [], outcome: GenericError \"Failed to " },
        { "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"/no\\u009b\\\\x\"}}",
          "guest-file-open called, filename: \"/no\\xc2\\x9b\\\\x\", mode: \"r\", outcome: "
          "GenericError \"failed to open file" },
        { "{\"execute\":\"guest-get-time\"}", "guest-get-time refused, session: " },
    };
    static const char *const options[] = { "-v", "-b", "guest-get-time", "-l", NULL, NULL };
    const char *arguments[ARRAY_LEN(options)];
    struct agent_process agent = { 0 };
    struct client client;
    char *text;

    agent_make_dir(&agent);
    memcpy(arguments, options, sizeof(options));
    arguments[4] = agent_path(&agent, "log");
    agent_respawn(&agent, arguments);
    client_open(&client, &agent);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        client_ask(&client, "%s", calls[i].request);
    client_close(&client);
    assert_int_equal(agent_terminate(&agent), 0);
    text = read_file(agent_path(&agent, "log"), NULL);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (!strstr(text, calls[i].line))
            fail_msg("no line %s in %s", calls[i].line, text);
    assert_null(strstr(text, "hidden"));
    assert_null(strstr(text, "aGlkZGVu"));
    free(text);
    agent_remove_dir(&agent);
}

/* What the agent logs of a read of a file whose data begin with "secret". */
static char *log_of_a_read(struct agent_process *agent, const char *audit)
{
    char config[256];
    struct client client;

    agent_make_dir(agent);
    snprintf(config, sizeof(config), "[general]\nverbose=true\nlogfile=%s\naudit=%s\n",
             agent_path(agent, "log"), audit);
    write_file(agent_path(agent, "file"), "secret", 6);
    write_file(agent_path(agent, "conf"), config, strlen(config));
    agent_respawn(agent, (const char *[]){ "-c", agent_path(agent, "conf"), NULL });
    client_open(&client, agent);
    client_file_open(&client, agent_path(agent, "file"), "r");
    client_ask(&client, "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":1000}}");
    client_close(&client);
    assert_int_equal(agent_terminate(agent), 0);
    return read_file(agent_path(agent, "log"), NULL);
}

static void audit_all_tells_of_reads_and_of_no_data(void **state)
{
    struct agent_process agent = { 0 };
    char *text = log_of_a_read(&agent, "all");

    assert_true(reply_has(text, "guest-file-read called, handle: 1000, outcome: ok, session: "));
    assert_null(strstr(text, "c2VjcmV0")); /* in base64 */
    free(text);
    agent_remove_dir(&agent);
}

static void audit_no_tells_of_no_call(void **state)
{
    struct agent_process agent = { 0 };
    char *text = log_of_a_read(&agent, "no");

    assert_null(strstr(text, " called"));
    free(text);
    agent_remove_dir(&agent);
}

/* stderr is a pipe that nobody reads: what is written into it waits, and nothing else does. */
static void a_log_that_nobody_reads_holds_up_nobody(void **state)
{
    static const char *const options[] = { "-v", NULL };
    int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    struct agent_process agent = { 0 };
    struct client client;
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
    agent_spawn(&agent, options);
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    client_open(&client, &agent);
    for (int i = 0; i < 5000; i++)
        client_expect(&client, PING, PONG); /* some lines of debugging each */
    client_close(&client);
    agent_end(&agent);
    close(saved);
    close(fds[0]);
    close(fds[1]);
}

static void without_verbose_only_what_matters_is_logged(void **state)
{
    struct agent_process agent = { 0 };
    struct client client;
    char *text;

    spawn_logging(&agent, NULL);
    client_open(&client, &agent);
    client_expect(&client, PING, PONG);
    client_expect(&client, "{}", GE("QMP input lacks member 'execute'"));
    client_close(&client);
    text = read_file(agent_path(&agent, "log"), NULL);
    assert_string_equal(text, "");
    free(text);
    agent_end(&agent);
}

static void hangup_opens_the_log_again(void **state)
{
    struct agent_process agent = { 0 };
    const char *path, *old;
    struct client client;
    struct stat info;

    spawn_logging(&agent, "-v");
    path = agent_path(&agent, "log");
    old = agent_path(&agent, "log.1");
    client_open(&client, &agent);
    client_expect(&client, PING, PONG);
    wait_for_text(path, "guest-ping");
    assert_int_equal(rename(path, old), 0);
    kill(agent.pid, SIGHUP);
    while (stat(path, &info) != 0)
        client_expect(&client, PING, PONG);
    client_expect(&client, PING, PONG);
    wait_for_text(path, "guest-ping");
    client_close(&client);
    agent_end(&agent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocked_commands_are_refused_and_shown),
        cmocka_unit_test(only_allowed_commands_run_and_a_block_wins),
        cmocka_unit_test(the_old_blacklist_still_protects),
        cmocka_unit_test(a_profile_refuses_in_the_words_of_a_block_list),
        cmocka_unit_test(who_may_only_read_files_opens_none_for_writing),
        cmocka_unit_test(a_verbose_log_has_the_lines_that_hosts_look_for),
        cmocka_unit_test(the_log_tells_target_and_outcome_of_what_changes_the_guest),
        cmocka_unit_test(audit_all_tells_of_reads_and_of_no_data),
        cmocka_unit_test(audit_no_tells_of_no_call),
        cmocka_unit_test(a_log_that_nobody_reads_holds_up_nobody),
        cmocka_unit_test(without_verbose_only_what_matters_is_logged),
        cmocka_unit_test(hangup_opens_the_log_again),
    };

    return cmocka_run_group_tests_name("filters", tests, NULL, NULL);
}
