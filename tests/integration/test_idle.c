/*
 * Idle: an agent with nothing to do never wakes up, with and without clients.
 */
#include "fixture.h"

#define IDLE_MS 3000
/* Longer than workers that were needed lately stay (src/pool/workers.h). */
#define WORKERS_GONE_MS 6000

/* ThreadSanitizer has a thread of its own that wakes up all the time. */
#ifdef PQGA_TSAN
#define SKIP_UNDER_TSAN() skip()
#else
#define SKIP_UNDER_TSAN() ((void)0)
#endif

static void assert_sleeps_after(const struct agent_process *agent, int pause_ms)
{
    uint64_t before = agent_settled(agent, agent_switches, pause_ms);

    nap_ms(IDLE_MS);
    assert_int_equal(agent_switches(agent), before);
}

static void assert_sleeps(const struct agent_process *agent)
{
    assert_sleeps_after(agent, 500);
}

static void without_a_client(void **state)
{
    SKIP_UNDER_TSAN();
    assert_sleeps(*state);
}

static void with_three_silent_clients(void **state)
{
    struct client clients[3];

    SKIP_UNDER_TSAN();
    for (int i = 0; i < 3; i++)
        client_open(&clients[i], *state);
    client_expect(&clients[0], PING, PONG);
    client_send(&clients[1], "{\"execute\":"); /* half a request is nothing to wake up for */
    assert_sleeps(*state);
    for (int i = 0; i < 3; i++)
        client_close(&clients[i]);
}

/* Files, programs and a resync leave threads and timers behind, which have to calm down. */
static void after_a_burst_of_work(void **state)
{
    struct client client;

    SKIP_UNDER_TSAN();
    client_open(&client, *state);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 100; i++) {
            client_send(&client, "{\"execute\":\"guest-get-vcpus\"}");
            client_send(&client, PING);
        }
        client_send(&client, "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/true\","
                             "\"capture-output\":true}}");
        for (int i = 0; i < 201; i++)
            client_line(&client);
    }
    client_sync(&client);
    assert_sleeps_after(*state, WORKERS_GONE_MS);
    client_close(&client);
    assert_sleeps(*state);
}

static void with_a_process_that_runs(void **state)
{
    struct client client;
    int64_t pid;

    SKIP_UNDER_TSAN();
    client_open(&client, *state);
    client_ask(&client, "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/sleep\","
                        "\"arg\":[\"60\"],\"capture-output\":true}}");
    pid = reply_int(client.line, "pid");
    assert_sleeps(*state);
    client_ask(&client,
               "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/kill\","
               "\"arg\":[\"%" PRId64 "\"]}}",
               pid);
    client_close(&client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_agent, teardown_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(without_a_client),
        CASE(with_three_silent_clients),
        CASE(after_a_burst_of_work),
        CASE(with_a_process_that_runs),
    };

    return cmocka_run_group_tests_name("idle", tests, NULL, NULL);
}
