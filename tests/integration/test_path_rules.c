/*
 * file-allow and file-deny of a running agent: at start, and read again.
 */
#include "fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPEN    "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"%s\",\"mode\":\"%s\"}}"
#define REFUSED "refused by the configuration"

/* Group [general] with a log, `key` and the pattern DIR/secret* behind it, and `more`. */
static void write_config(const struct agent_process *agent, const char *key, const char *more)
{
    char text[1024];

    snprintf(text, sizeof(text), "[general]\nlogfile=%s\n%s%s\n%s", agent_path(agent, "log"), key,
             *key ? agent_path(agent, "secret*") : "", more);
    write_file(agent_path(agent, "conf"), text, strlen(text));
}

static void start(struct agent_process *agent, const char *key, const char *more)
{
    agent_make_dir(agent);
    write_file(agent_path(agent, "secret"), "secret", 6);
    write_file(agent_path(agent, "public"), "public", 6);
    write_config(agent, key, more);
    agent_respawn(agent, (const char *[]){ "-c", agent_path(agent, "conf"), NULL });
}

static bool log_has(const struct agent_process *agent, const char *text)
{
    char *content = read_file(agent_path(agent, "log"), NULL);
    bool found = content && strstr(content, text);

    free(content);
    return found;
}

static void wait_for_log(const struct agent_process *agent, const char *text)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;

    while (!log_has(agent, text)) {
        if (monotonic_ms() >= deadline)
            fail_msg("no \"%s\" in the log", text);
        nap_ms(2);
    }
}

static bool opens(struct client *client, const struct agent_process *agent, const char *name,
                  const char *mode)
{
    const char *reply = client_ask(client, OPEN, agent_path(agent, name), mode);

    assert_true(reply_has(reply, "return") || reply_has(reply, REFUSED));
    return reply_has(reply, "return");
}

static void what_is_denied_is_refused_by_any_name(void **state)
{
    struct agent_process agent = { 0 };
    struct client client;
    char request[512], reply[512];

    (void)state;
    start(&agent, "file-deny=", "");
    assert_int_equal(symlink("secret", agent_path(&agent, "link")), 0);
    client_open(&client, &agent);
    assert_true(opens(&client, &agent, "public", "r+"));
    assert_false(opens(&client, &agent, "secret", "r"));
    assert_false(opens(&client, &agent, "link", "r"));
    assert_false(opens(&client, &agent, "secret-new", "w"));
    assert_int_equal(access(agent_path(&agent, "secret-new"), F_OK), -1);
    snprintf(request, sizeof(request), OPEN, agent_path(&agent, "link"), "w");
    snprintf(
        reply, sizeof(reply),
        "{\"error\": {\"class\": \"GenericError\", \"desc\": \"failed to open file '%s' (mode: "
        "'w'): refused by the configuration\"}}",
        agent_path(&agent, "link"));
    client_expect(&client, request, reply);
    client_close(&client);
    agent_end(&agent);
}

static void what_is_not_allowed_is_refused_for_that_access(void **state)
{
    struct agent_process agent = { 0 };
    struct client client;

    (void)state;
    start(&agent, "file-allow=w:", "block-rpcs=guest-exec\n");
    client_open(&client, &agent);
    assert_true(opens(&client, &agent, "public", "r"));
    assert_false(opens(&client, &agent, "public", "a"));
    assert_false(opens(&client, &agent, "public", "r+"));
    assert_true(opens(&client, &agent, "secret", "r+"));
    assert_true(opens(&client, &agent, "secret-new", "w"));
    client_close(&client);
    agent_end(&agent);
}

static void rules_are_read_again(void **state)
{
    struct agent_process agent = { 0 };
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    struct client client;

    (void)state;
    start(&agent, "", "");
    client_open(&client, &agent);
    assert_true(opens(&client, &agent, "secret", "r"));
    write_config(&agent, "file-deny=", "lock=yes\n");
    kill(agent.pid, SIGHUP);
    while (opens(&client, &agent, "secret", "r"))
        assert_true(monotonic_ms() < deadline);
    wait_for_log(&agent, "guest-exec is allowed, so file-allow and file-deny protect nothing");
    write_config(&agent, "file-deny=w:", "lock=yes\n");
    kill(agent.pid, SIGHUP);
    wait_for_log(&agent, "config: nothing is changed: lock=yes, and file-allow or file-deny has "
                         "changed");
    write_config(&agent, "file-deny=x:", "lock=yes\n");
    kill(agent.pid, SIGHUP);
    wait_for_log(&agent, "is no pattern: it is not absolute");
    assert_false(opens(&client, &agent, "secret", "r"));
    client_close(&client);
    agent_end(&agent);
}

/* It must not leave the door open. */
static void a_wrong_pattern_ends_the_start(void **state)
{
    struct agent_process agent = { 0 };
    int status;

    (void)state;
    agent_make_dir(&agent);
    write_config(&agent, "file-deny=relative", "");
    agent_spawn_raw(&agent, (const char *[]){ "-m", "unix-listen", "-p", agent.socket, "-c",
                                              agent_path(&agent, "conf"), NULL });
    status = agent_wait(&agent);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_true(log_has(&agent, "is no pattern: it is not absolute"));
    agent_remove_dir(&agent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_denied_is_refused_by_any_name),
        cmocka_unit_test(what_is_not_allowed_is_refused_for_that_access),
        cmocka_unit_test(rules_are_read_again),
        cmocka_unit_test(a_wrong_pattern_ends_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
