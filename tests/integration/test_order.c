/*
 * Order: a host that sends without waiting gets what an agent that serves one by one would say.
 */
#include "script.h"

/* What takes long, what takes no time and what fails, again and again. */
static void replies_come_in_request_order_with_their_ids(void **state)
{
    static const char *const requests[] = {
        "\"guest-get-vcpus\"",
        "\"guest-ping\"",
        "\"guest-exec-status\",\"arguments\":{\"pid\":1}",
        "\"guest-get-host-name\"",
        "\"nope\"",
        "\"guest-exec\",\"arguments\":{\"path\":\"/no/such\"}",
        "\"guest-file-open\",\"arguments\":{\"path\":\"/no/such\",\"mode\":\"w\"}",
        "\"guest-get-time\"",
        "\"guest-file-read\",\"arguments\":{\"handle\":1}",
        "\"guest-fsfreeze-status\"",
        "\"guest-sync\"",
    };
    struct client client;

    client_open(&client, *state);
    for (int i = 0; i < 2000; i++)
        client_request(&client, "{\"id\":%d,\"execute\":%s}", i,
                       requests[(unsigned)i % ARRAY_LEN(requests)]);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(reply_int(client_line(&client), "id"), i);
    client_sync(&client);
    client_close(&client);
}

static void errors_take_their_place(void **state)
{
    struct script script;
    struct client client;

    client_open(&client, *state);
    script_begin(&script);
    for (int i = 0; i < 100; i++) {
        fprintf(script.to_send,
                "{\"execute\":\"guest-get-host-name\",\"id\":%d,}\n"
                "{\"execute\":\"guest-ping\",\"id\":%d}"
                "{\"execute\":\"guest-fstrim\",\"arguments\":{\"x\":%d}}[]"
                "{\"execute\":\"guest-file-seek\",\"id\":%d,\"arguments\":"
                "{\"handle\":1,\"offset\":0,\"whence\":0}}",
                i, i, i, i);
        fprintf(script.to_expect, GE("JSON parse error, expecting key") "\n");
        add_reply(&script, i, "{}");
        fprintf(script.to_expect, GE("Parameter 'x' is unexpected") "\n");
        fprintf(script.to_expect, GE("QMP input must be a JSON object") "\n");
        add_error(&script, i, "handle '1' has not been found");
    }
    script_run(&script, &client);
    client_close(&client);
}

/* Handles count up from 1000, so a host may know them before it is told. */
static void predicted_handles_work_in_one_write(void **state)
{
    struct script script;
    struct client client;

    client_open(&client, *state);
    script_begin(&script);
    for (int i = 0; i < 16; i++) {
        char name[16];

        snprintf(name, sizeof(name), "p%d", i % 8);
        add_open(&script, i, agent_path(*state, name), "w+");
        add_file(&script, i, "write", 1000 + i, ",\"buf-b64\":\"SGVsbG8=\"");
        add_file(&script, i, "seek", 1000 + i, ",\"offset\":1,\"whence\":\"set\"");
        add_file(&script, i, "read", 1000 + i, ",\"count\":9");
        add_file(&script, i, "close", 1000 + i, "");
        add_file(&script, i, "flush", 1000 + i, "");
        fprintf(script.to_expect, "{\"return\": %d, \"id\": %d}\n", 1000 + i, i);
        add_reply(&script, i, "{\"count\": 5, \"eof\": false}");
        add_reply(&script, i, "{\"position\": 1, \"eof\": false}");
        add_reply(&script, i, "{\"buf-b64\": \"ZWxsbw==\", \"count\": 4, \"eof\": true}");
        add_reply(&script, i, "{}");
        fprintf(script.to_expect,
                "{\"id\": %d, \"error\": {\"class\": \"GenericError\", \"desc\": \"handle '%d' has "
                "not been found\"}}\n",
                i, 1000 + i);
    }
    script_run(&script, &client);
    client_close(&client);
}

/* An open that truncates stands between what came before it and what comes after it. */
static void a_barrier_separates_before_and_after(void **state)
{
    const char *path = agent_path(*state, "truncated");
    struct script script;
    struct client client;
    int64_t handle;

    client_open(&client, *state);
    handle = client_file_open(&client, path, "w+");
    for (int i = 0; i < 50; i++) {
        script_begin(&script);
        add_file(&script, 1, "write", handle, ",\"buf-b64\":\"SGVsbG8=\"");
        add_file(&script, 2, "seek", handle, ",\"offset\":0,\"whence\":\"end\"");
        add_open(&script, 3, path, "w");
        add_file(&script, 4, "seek", handle, ",\"offset\":0,\"whence\":\"end\"");
        add_file(&script, 5, "close", handle + 1 + i, "");
        add_reply(&script, 1, "{\"count\": 5, \"eof\": false}");
        add_reply(&script, 2, "{\"position\": 5, \"eof\": false}");
        fprintf(script.to_expect, "{\"return\": %" PRId64 ", \"id\": 3}\n", handle + 1 + i);
        add_reply(&script, 4, "{\"position\": 0, \"eof\": false}");
        add_reply(&script, 5, "{}");
        script_run(&script, &client);
    }
    client_close(&client);
}

static void opens_that_only_read_are_numbered_in_order(void **state)
{
    struct script script;
    struct client client;
    char name[16];

    client_open(&client, *state);
    script_begin(&script);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        write_file(agent_path(*state, name), &name[1], 1);
    }
    for (int i = 0; i < 200; i++) {
        char data[] = { (char)('0' + i % 4), '\0' }, text[80];
        char *encoded = base64_of(data, 1);

        snprintf(name, sizeof(name), "r%d", i % 4);
        add_open(&script, i, agent_path(*state, name), "r");
        add_file(&script, i, "read", 1000 + i, "");
        fprintf(script.to_expect, "{\"return\": %d, \"id\": %d}\n", 1000 + i, i);
        snprintf(text, sizeof(text), "{\"buf-b64\": \"%s\", \"count\": 1, \"eof\": true}", encoded);
        add_reply(&script, i, text);
        free(encoded);
    }
    script_run(&script, &client);
    client_close(&client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_agent, teardown_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(replies_come_in_request_order_with_their_ids),
        CASE(errors_take_their_place),
        CASE(predicted_handles_work_in_one_write),
        CASE(a_barrier_separates_before_and_after),
        CASE(opens_that_only_read_are_numbered_in_order),
    };

    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
