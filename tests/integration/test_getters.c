/*
 * Getters on the machine that runs the test: the shape of the answer, and what the system says of
 * itself where that is easy to ask. What changes a guest is for a guest.
 */
#include "fixture.h"

#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void every_getter_answers_with_what_the_schema_asks(void **state)
{
    static const struct {
        const char *command, *start, *member;
    } getters[] = {
        { "guest-get-cpustats", "{\"return\": [{", "\"type\": \"linux\"" },
        { "guest-get-diskstats", "{\"return\": [", "" },
        { "guest-get-disks", "{\"return\": [", "" },
        { "guest-get-fsinfo", "{\"return\": [", "" },
        { "guest-get-host-name", "{\"return\": {", "\"host-name\": \"" },
        { "guest-get-load", "{\"return\": {", "\"load15m\": " },
        { "guest-get-osinfo", "{\"return\": {", "\"kernel-version\": \"" },
        { "guest-get-timezone", "{\"return\": {", "\"offset\": " },
        { "guest-get-users", "{\"return\": [", "" },
        { "guest-get-vcpus", "{\"return\": [{", "\"logical-id\": 0" },
        { "guest-network-get-interfaces", "{\"return\": [", "\"name\": \"lo\"" },
        { "guest-network-get-route", "{\"return\": [", "" },
    };
    struct client client;

    client_open(&client, *state);
    for (size_t i = 0; i < ARRAY_LEN(getters); i++) {
        client_ask(&client, "{\"execute\":\"%s\"}", getters[i].command);
        if (strncmp(client.line, getters[i].start, strlen(getters[i].start)) != 0 ||
            !reply_has(client.line, getters[i].member))
            fail_msg("%s: %.300s", getters[i].command, client.line);
        assert_json_equal(client.line, client.line); /* it is JSON */
    }
    client_close(&client);
}

static void host_name_kernel_and_time_are_the_systems(void **state)
{
    struct client client;
    struct utsname system;
    struct timespec now;
    int64_t time_ns;
    char *text;

    assert_int_equal(uname(&system), 0);
    client_open(&client, *state);
    text = reply_str(client_ask(&client, "{\"execute\":\"guest-get-host-name\"}"), "host-name");
    assert_string_equal(text, system.nodename);
    free(text);
    text = reply_str(client_ask(&client, "{\"execute\":\"guest-get-osinfo\"}"), "kernel-release");
    assert_string_equal(text, system.release);
    free(text);
    time_ns = reply_int(client_ask(&client, "{\"execute\":\"guest-get-time\"}"), "return");
    clock_gettime(CLOCK_REALTIME, &now);
    assert_in_range(time_ns / NSEC_PER_SEC, now.tv_sec - 60, now.tv_sec);
    client_close(&client);
}

static void processors_are_counted(void **state)
{
    struct client client;
    long online = 0;

    client_open(&client, *state);
    client_ask(&client, "{\"execute\":\"guest-get-vcpus\"}");
    for (const char *at = client.line; (at = strstr(at, "\"online\": true")); at++)
        online++;
    assert_int_equal(online, sysconf(_SC_NPROCESSORS_ONLN));
    client_close(&client);
}

/* The file that QGA_OS_RELEASE names (used by QEMU's own test). */
static void the_environment_names_the_os_release_file(void **state)
{
    static const char text[] = "ID=\"pqga-test\"\nPRETTY_NAME='A \"test\" system'\nVERSION_ID=7\n";
    struct agent_process agent = { 0 };
    struct client client;

    agent_make_dir(&agent);
    write_file(agent_path(&agent, "os-release"), text, strlen(text));
    setenv("QGA_OS_RELEASE", agent_path(&agent, "os-release"), 1);
    agent_spawn(&agent, NULL);
    unsetenv("QGA_OS_RELEASE");
    client_open(&client, &agent);
    client_ask(&client, "{\"execute\":\"guest-get-osinfo\"}");
    assert_true(reply_has(client.line, "\"id\": \"pqga-test\""));
    assert_true(reply_has(client.line, "\"pretty-name\": \"A \\\"test\\\" system\""));
    assert_true(reply_has(client.line, "\"version-id\": \"7\""));
    client_close(&client);
    agent_end(&agent);
}

static void an_unknown_user_is_reported(void **state)
{
    struct client client;

    client_open(&client, *state);
    client_ask(&client, "{\"execute\":\"guest-ssh-get-authorized-keys\",\"arguments\":"
                        "{\"username\":\"no-such-user\"}}");
    assert_true(reply_has(client.line, "failed to lookup user 'no-such-user'"));
    client_close(&client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_agent, teardown_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_getter_answers_with_what_the_schema_asks),
        CASE(host_name_kernel_and_time_are_the_systems),
        CASE(processors_are_counted),
        cmocka_unit_test(the_environment_names_the_os_release_file),
        CASE(an_unknown_user_is_reported),
    };

    return cmocka_run_group_tests_name("getters", tests, NULL, NULL);
}
