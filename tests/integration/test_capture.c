/*
 * Exec: every way to capture, and what holds the pipes.
 */
#include "exec_calls.h"

#define STREAM_MAX (16 * MIB)

static void all_ways_to_capture_work_any_number_of_times(void **state)
{
    static const struct {
        const char *capture, *out, *err;
    } ways[] = {
        { "\"none\"", NULL, NULL },
        { "\"stdout\"", "o1o2", NULL },
        { "\"stderr\"", NULL, "e1e2" },
        { "\"separated\"", "o1o2", "e1e2" },
        { "\"merged\"", "o1e1o2e2", NULL },
        { "true", "o1o2", "e1e2" },
        { "false", NULL, NULL },
    };
    struct client client;

    client_open(&client, *state);
    for (size_t i = 0; i < 6 * ARRAY_LEN(ways); i++) {
        size_t way = i % ARRAY_LEN(ways);
        int64_t pid =
            exec_run(&client, "printf o1; printf e1 >&2; printf o2; printf e2 >&2; exit 3",
                     ways[way].capture);

        exec_wait(&client, pid);
        assert_int_equal(reply_int(client.line, "exitcode"), 3);
        assert_false(reply_has(client.line, "signal"));
        assert_false(reply_has(client.line, "-truncated\": true"));
        assert_output(client.line, "out-data", ways[way].out);
        assert_output(client.line, "err-data", ways[way].err);
    }
    client_close(&client);
}

static void sixteen_mebibytes_a_stream_are_kept(void **state)
{
    struct client client;
    size_t len;
    char *data;
    int64_t pid;

    client_open(&client, *state);
    pid = exec_run(&client, "head -c 16777217 /dev/zero; head -c 16777216 /dev/zero >&2; exit 7",
                   "true");
    exec_wait(&client, pid);
    assert_int_equal(reply_int(client.line, "exitcode"), 7);
    assert_true(reply_has(client.line, "\"out-truncated\": true"));
    assert_true(reply_has(client.line, "\"err-truncated\": false"));
    data = exec_output(client.line, "out-data", &len);
    assert_int_equal(len, STREAM_MAX);
    free(data);
    data = exec_output(client.line, "err-data", &len);
    assert_int_equal(len, STREAM_MAX);
    free(data);
    client_close(&client);
}

static void a_mebibyte_of_input_goes_through_cat(void **state)
{
    uint32_t seed = 7;
    struct client client;
    char *input = malloc(MIB), *encoded, *data;
    int64_t pid;
    size_t len;

    assert_non_null(input);
    for (size_t i = 0; i < MIB; i++)
        input[i] = (char)random_next(&seed);
    encoded = base64_of(input, MIB);
    client_open(&client, *state);
    client_ask(&client,
               "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"cat\",\"input-data\":\"%s\","
               "\"capture-output\":true}}",
               encoded);
    pid = reply_int(client.line, "pid");
    exec_wait(&client, pid);
    data = exec_output(client.line, "out-data", &len);
    assert_non_null(data);
    assert_int_equal(len, MIB);
    assert_memory_equal(data, input, len);
    client_close(&client);
    free(data);
    free(encoded);
    free(input);
}

static void a_background_child_keeps_a_captured_process_running(void **state)
{
    const char *gate = gate_make(*state);
    struct client client;
    char script[300];
    int64_t pid;

    client_open(&client, *state);
    snprintf(script, sizeof(script), "(read x < %s; echo late) & echo hi; exit 4", gate);
    pid = exec_run(&client, script, "\"stdout\"");
    for (int i = 0; i < 20; i++) {
        assert_string_equal(exec_status(&client, pid), "{\"return\": {\"exited\": false}}");
        nap_ms(5);
    }
    gate_open(gate);
    exec_wait(&client, pid);
    assert_int_equal(reply_int(client.line, "exitcode"), 4);
    assert_output(client.line, "out-data", "hi\nlate\n");
    client_close(&client);
}

static void without_capture_only_the_process_counts(void **state)
{
    const char *gate = gate_make(*state);
    struct client client;
    char script[300];

    client_open(&client, *state);
    snprintf(script, sizeof(script), "(read x < %s) & exit 5", gate);
    exec_wait(&client, exec_run(&client, script, "false"));
    assert_int_equal(reply_int(client.line, "exitcode"), 5);
    gate_open(gate);
    client_close(&client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_agent, teardown_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_ways_to_capture_work_any_number_of_times),
        CASE(sixteen_mebibytes_a_stream_are_kept),
        CASE(a_mebibyte_of_input_goes_through_cat),
        CASE(a_background_child_keeps_a_captured_process_running),
        CASE(without_capture_only_the_process_counts),
    };

    return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
