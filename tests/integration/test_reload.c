/*
 * SIGHUP: the configuration is read again while clients are served.
 */
#include "fixture.h"
#include "hang.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENTS 4
#define BURST   50

/* Group [general] with a log. */
static void write_config(const struct agent_process *agent, const char *general)
{
    char text[512];

    snprintf(text, sizeof(text), "[general]\nlogfile=%s\n%s", agent_path(agent, "log"), general);
    write_file(agent_path(agent, "conf"), text, strlen(text));
}

static void spawn_with(struct agent_process *agent, const char *general)
{
    write_config(agent, general);
    agent_respawn(agent, (const char *[]){ "-c", agent_path(agent, "conf"), NULL });
}

static size_t log_count(const struct agent_process *agent, const char *text)
{
    char *content = read_file(agent_path(agent, "log"), NULL);
    size_t count = 0;

    for (const char *at = content; at && (at = strstr(at, text)); at++)
        count++;
    free(content);
    return count;
}

/* Has the file read again, and waits until the log has said `text` once more. */
static void reload_and_wait(const struct agent_process *agent, const char *general,
                            const char *text)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    size_t before = log_count(agent, text);

    if (general)
        write_config(agent, general);
    kill(agent->pid, SIGHUP);
    while (log_count(agent, text) == before) {
        if (monotonic_ms() >= deadline)
            fail_msg("no \"%s\" in the log", text);
        nap_ms(2);
    }
}

static bool is_allowed(struct client *client, const char *command)
{
    const char *reply = client_ask(client, "{\"execute\":\"%s\"}", command);

    if (reply_has(reply, "has been disabled"))
        return false;
    assert_true(reply_has(reply, "return"));
    return true;
}

/* Until it counts. */
static void wait_for_right(struct client *client, bool allowed)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;

    while (is_allowed(client, "guest-get-time") != allowed) {
        if (monotonic_ms() >= deadline)
            fail_msg("guest-get-time stays %s", allowed ? "refused" : "allowed");
        nap_ms(1);
    }
}

static void reload(const struct agent_process *agent, const char *general)
{
    write_config(agent, general);
    kill(agent->pid, SIGHUP);
}

/* Each request of a burst is answered, in its place, one way or the other. */
static void take_burst(struct client *client)
{
    char id[32];

    for (int i = 0; i < BURST; i++) {
        const char *reply = client_line(client);

        snprintf(id, sizeof(id), "\"id\": %d", i);
        assert_true(reply_has(reply, id));
        assert_true(reply_has(reply, "return") || reply_has(reply, "has been disabled"));
    }
}

static void rights_change_under_load_and_nothing_is_lost(void **state)
{
    struct agent_process *agent = *state;
    struct client clients[CLIENTS];

    spawn_with(agent, "");
    for (int i = 0; i < CLIENTS; i++)
        client_open(&clients[i], agent);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < CLIENTS; i++)
            for (int n = 0; n < BURST; n++)
                client_request(&clients[i], "{\"execute\":\"guest-get-time\",\"id\":%d}", n);
        reload(agent, round % 2 ? "" : "block-rpcs=guest-get-time\n");
        for (int i = 0; i < CLIENTS; i++)
            take_burst(&clients[i]);
        wait_for_right(&clients[round % CLIENTS], round % 2 != 0);
    }
    for (int i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
}

static void a_request_under_way_keeps_its_rights(void **state)
{
    struct agent_process *agent = *state;
    struct client client, other;
    struct hang hang;
    int64_t handle;

    spawn_with(agent, "");
    if (!hang_mount(&hang, agent))
        skip();
    client_open(&client, agent);
    client_open(&other, agent);
    handle = client_file_open(&client, hang_file(&hang, 1), "r");
    hang_tell(&hang, "hang on");
    for (int i = 0; i < 2; i++)
        client_request(&client,
                       "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":%" PRId64
                       ",\"count\":4}}",
                       handle);
    hang_wait(&hang, 1);
    client_expect(&other, PING, PONG); /* both have been taken */
    reload(agent, "block-rpcs=guest-get-time,guest-file-read\n");
    wait_for_right(&other, false);
    assert_true(reply_has(client_ask(&other, "{\"execute\":\"guest-file-read\",\"arguments\":"
                                             "{\"handle\":1}}"),
                          "has been disabled"));
    hang_tell(&hang, "hang off");
    for (int i = 0; i < 2; i++)
        assert_true(reply_has(client_line(&client), "\"count\": 4, \"eof\": false"));
    client_close(&client);
    client_close(&other);
    hang_unmount(&hang);
}

static void a_wrong_file_changes_nothing_and_is_logged(void **state)
{
    static const char *const files[] = {
        "max-handles=many\n",
        "audit=some\n",
        "no line\n",
        "unix-peers=no such user\n",
        "strict=true\nblock-rpcs=guest-pong\n",
    };
    static const char said[] = "critical: config: nothing is changed: the configuration cannot";
    struct agent_process *agent = *state;
    struct client client;

    spawn_with(agent, "block-rpcs=guest-get-time\n");
    client_open(&client, agent);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        reload_and_wait(agent, files[i], said);
        assert_false(is_allowed(&client, "guest-get-time"));
    }
    write_config(agent, "");
    assert_int_equal(chmod(agent_path(agent, "conf"), 0666), 0);
    reload_and_wait(agent, NULL, said); /* others may write it */
    assert_false(is_allowed(&client, "guest-get-time"));
    assert_int_equal(unlink(agent_path(agent, "conf")), 0);
    reload_and_wait(agent, NULL, said); /* it is gone */
    assert_false(is_allowed(&client, "guest-get-time"));
    reload(agent, "");
    wait_for_right(&client, true);
    client_close(&client);
}

static void lock_takes_and_never_gives(void **state)
{
    static const char *const wider[] = {
        "lock=yes\n",
        "block-rpcs=guest-get-time\n", /* not locked any more */
        "lock=no\nblock-rpcs=guest-get-time,guest-get-load\n",
        "lock=yes\nblock-rpcs=guest-get-load\n",
        "lock=yes\nblock-rpcs=guest-get-time\nunix-peers=*\n",
        "lock=yes\nblock-rpcs=guest-get-time\naudit=no\n",
    };
    struct agent_process *agent = *state;
    struct client client;

    spawn_with(agent, "lock=yes\nblock-rpcs=guest-get-time\n");
    client_open(&client, agent);
    for (size_t i = 0; i < ARRAY_LEN(wider); i++) {
        reload_and_wait(agent, wider[i], "config: nothing is changed: lock=yes, and ");
        assert_false(is_allowed(&client, "guest-get-time"));
        assert_true(is_allowed(&client, "guest-get-load"));
    }
    reload(agent, "lock=yes\nverbose=true\nblock-rpcs=guest-get-time,guest-get-load\n");
    for (int64_t deadline = monotonic_ms() + PATIENCE_MS; is_allowed(&client, "guest-get-load");)
        assert_true(monotonic_ms() < deadline);
    reload_and_wait(agent, "lock=yes\nblock-rpcs=guest-get-time\n",
                    "lock=yes, and it would allow guest-get-load");
    assert_false(is_allowed(&client, "guest-get-load"));
    client_close(&client);
}

static void a_lock_that_is_read_later_counts_too(void **state)
{
    struct agent_process *agent = *state;
    struct client client;

    spawn_with(agent, "");
    client_open(&client, agent);
    reload(agent, "lock=yes\nblock-rpcs=guest-get-time\n");
    wait_for_right(&client, false);
    reload_and_wait(agent, "", "config: nothing is changed: lock=yes, and ");
    assert_false(is_allowed(&client, "guest-get-time"));
    client_close(&client);
}

static void a_profile_changes_too_and_lock_keeps_it(void **state)
{
    struct agent_process *agent = *state;
    struct client client;

    spawn_with(agent, "");
    client_open(&client, agent);
    assert_true(is_allowed(&client, "guest-get-load"));
    reload(agent, "profile=+time\nlock=yes\n");
    for (int64_t deadline = monotonic_ms() + PATIENCE_MS; is_allowed(&client, "guest-get-load");)
        assert_true(monotonic_ms() < deadline);
    reload_and_wait(agent, "profile=open\nlock=yes\n", "lock=yes, and it would allow guest-");
    reload_and_wait(agent, "profile=wrong\nlock=yes\n", "profile: there is no");
    assert_false(is_allowed(&client, "guest-get-load"));
    client_close(&client);
}

static void keys_that_need_a_restart_are_named(void **state)
{
    struct agent_process *agent = *state;
    struct client client;

    spawn_with(agent, "max-workers=3\nfreeze-exclude=/a,/b\n");
    client_open(&client, agent);
    reload_and_wait(
        agent, "max-workers=4\nfreeze-exclude=/a;/b\nblock-rpcs=guest-get-time\n",
        "config: 'max-workers' has changed, which counts when the agent is started anew");
    wait_for_right(&client, false);
    assert_int_equal(log_count(agent, "has changed"), 1);
    client_close(&client);
}

/* More requests in flight than it was told when it connected: its window stays as it was. */
static void limits_count_for_clients_to_come(void **state)
{
    struct agent_process *agent = *state;
    struct client old, new;

    spawn_with(agent, "max-requests=1\nblock-rpcs=guest-get-time\n");
    client_open(&old, agent);
    reload(agent, "max-requests=100\nmax-message-size=4K\n");
    wait_for_right(&old, true);
    client_open(&new, agent);
    for (int n = 0; n < BURST; n++) {
        client_request(&old, "{\"execute\":\"guest-get-time\",\"id\":%d}", n);
        client_request(&new, "{\"execute\":\"guest-get-time\",\"id\":%d}", n);
    }
    take_burst(&old);
    take_burst(&new);
    client_close(&old);
    client_close(&new);
}

/* In an agent that is told so many times at once, the last file counts. */
static void many_signals_end_with_the_last_file(void **state)
{
    struct agent_process *agent = *state;
    struct client client;

    spawn_with(agent, "");
    client_open(&client, agent);
    for (int i = 0; i < 100; i++)
        kill(agent->pid, SIGHUP);
    reload(agent, "block-rpcs=guest-get-time\n");
    wait_for_right(&client, false);
    client_close(&client);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup_dir, end)

static int end(void **state)
{
    struct agent_process *agent = *state;

    if (agent->pid > 0)
        assert_int_equal(agent_terminate(agent), 0);
    return teardown_dir(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(rights_change_under_load_and_nothing_is_lost),
        CASE(a_request_under_way_keeps_its_rights),
        CASE(a_wrong_file_changes_nothing_and_is_logged),
        CASE(lock_takes_and_never_gives),
        CASE(a_lock_that_is_read_later_counts_too),
        CASE(a_profile_changes_too_and_lock_keeps_it),
        CASE(keys_that_need_a_restart_are_named),
        CASE(limits_count_for_clients_to_come),
        CASE(many_signals_end_with_the_last_file),
    };

    return cmocka_run_group_tests_name("reload", tests, NULL, NULL);
}
