/*
 * Bad input: whatever comes, the agent answers the next ping and does not grow without bound.
 */
#include "fixture.h"

#include <unistd.h>

#define SYNC       "{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":77}}"
#define SYNC_REPLY "\xff{\"return\": 77}"

/* AddressSanitizer keeps what was freed for a while. */
#ifdef __SANITIZE_ADDRESS__
#define RESIDENT_SLACK_KIB (uint64_t)(400 * 1024)
#else
#define RESIDENT_SLACK_KIB (uint64_t)(64 * 1024)
#endif

/* Input that fills a buffer from a pattern. */
static char *repeat(const char *pattern, size_t count)
{
    size_t len = strlen(pattern);
    char *text = malloc(len * count + 1);

    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * len, pattern, len);
    text[len * count] = '\0';
    return text;
}

/* Resets the agent's parser and reads up to the answer of a sync. */
static void settle(struct client *client)
{
    client_send(client, "\n\xff" SYNC);
    while (strcmp(client_line(client), SYNC_REPLY) != 0)
        ;
    client_expect(client, PING, PONG);
}

static void random_bytes_are_survived(void **state)
{
    struct client client;

    client_open(&client, *state);
    for (uint32_t start = 1; start <= 40; start++) {
        char bytes[4096];
        uint32_t seed = start;

        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)random_next(&seed);
        client_send_bytes(&client, bytes, sizeof(bytes));
        settle(&client);
    }
    client_close(&client);
}

/* Bytes that look like requests reach further than noise. */
static void random_pieces_of_requests_are_survived(void **state)
{
    static const char *const pieces[] = {
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"execute\"",
        "\"guest-ping\"",
        "\"arguments\"",
        "\"id\"",
        "'",
        "\"",
        "\\",
        "\\u12",
        "\n",
        " ",
        "\t",
        "-",
        "0",
        "17",
        "1e5",
        "true",
        "null",
        "nul",
        "\xff",
        "\xfe",
        "\xc3",
        "\xa9",
        "$",
        "/*",
        "\"guest-sync\"",
        "{\"execute\":\"guest-info\"}",
        "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":",
        "99999999999999999999",
    };
    struct client client;

    client_open(&client, *state);
    for (uint32_t start = 1; start <= 60; start++) {
        uint32_t seed = start;

        for (int i = 0; i < 400; i++)
            client_send(&client, pieces[random_next(&seed) % ARRAY_LEN(pieces)]);
        settle(&client);
    }
    client_close(&client);
}

static void a_request_may_end_anywhere(void **state)
{
    static const char request[] =
        "{\"execute\": 'guest-file-open', \"id\": [1, -2.5e3, null, {\"\xc3\xa9\": \"\\u20ac\"}], "
        "\"arguments\": {\"path\": \"/nonexist\\n\", \"mode\": \"r\"}}";
    struct client client;

    client_open(&client, *state);
    for (size_t cut = 1; cut < sizeof(request) - 1; cut++) {
        client_send_bytes(&client, request, cut);
        client_expect(&client, "\xff" SYNC, SYNC_REPLY);
    }
    client_close(&client);
    for (size_t cut = 1; cut < sizeof(request) - 1; cut += 5) {
        client_open(&client, *state);
        client_send_bytes(&client, request, cut);
        client_close(&client);
    }
    client_open(&client, *state);
    client_expect(&client, PING, PONG);
    client_close(&client);
}

static void nesting_ends_at_1024(void **state)
{
    char *open = repeat("[", 1025), *close = repeat("]", 1024);
    struct client client;

    client_open(&client, *state);
    client_send_bytes(&client, open, 1024);
    client_expect(&client, close, GE("QMP input must be a JSON object"));
    client_expect(&client, open, GE("JSON nesting depth limit exceeded"));
    settle(&client);
    for (int i = 0; i < 1025; i++)
        memcpy(open + i, i % 2 ? "{" : "[", 1);
    client_send(&client, open);
    settle(&client);
    client_close(&client);
    free(open);
    free(close);
}

static void an_id_nested_1023_deep_is_echoed(void **state)
{
    char *open = repeat("[", 1023), *close = repeat("]", 1023), *expected;
    struct client client;

    client_open(&client, *state);
    assert_true(asprintf(&expected, "{\"return\": {}, \"id\": %s%s}", open, close) >= 0);
    client_ask(&client, "{\"execute\":\"guest-ping\",\"id\":%s%s}", open, close);
    assert_string_equal(client.line, expected);
    client_close(&client);
    free(expected);
    free(open);
    free(close);
}

static void a_request_of_more_than_64_mebibytes_is_refused(void **state)
{
    char *text = repeat("a", 64 * MIB + 1);
    struct client client;

    client_open(&client, *state);
    client_send(&client, "{\"execute\":\"");
    client_send(&client, text);
    assert_string_equal(client_line(&client), GE("JSON token size limit exceeded"));
    settle(&client);
    client_close(&client);
    free(text);
}

/* As large as a request may be, to a few bytes. */
static void a_write_of_64_mebibytes_is_taken(void **state)
{
    static const char head[] =
        "{\"execute\":\"guest-file-write\",\"arguments\":{\"handle\":1000,\"buf-b64\":\"";
    size_t groups = (64 * MIB - sizeof(head) - 8) / 4, len;
    const char *path = agent_path(*state, "large");
    char *payload = repeat("YWJj", groups), *data;
    struct client client;

    client_open(&client, *state);
    assert_int_equal(client_file_open(&client, path, "w"), 1000);
    client_send(&client, head);
    client_send(&client, payload);
    client_send(&client, "\"}}");
    assert_int_equal(reply_int(client_line(&client), "count"), groups * 3);
    data = read_file(path, &len);
    assert_int_equal(len, groups * 3);
    for (size_t i = 0; i < len; i += 3)
        assert_true(memcmp(data + i, "abc", 3) == 0);
    free(data);
    free(payload);
    client_expect(&client, PING, PONG);
    client_close(&client);
}

static void a_request_of_too_many_tokens_is_refused(void **state)
{
    char *text = repeat("1,", (1u << 20) + 8);
    struct client client;

    client_open(&client, *state);
    client_send(&client, "[");
    client_send(&client, text);
    assert_string_equal(client_line(&client), GE("JSON token count limit exceeded"));
    settle(&client);
    client_close(&client);
    free(text);
}

static void a_hundred_thousand_tiny_requests_come_in_one_write(void **state)
{
    char *text = repeat("{}" PING "1\n", 100000 / 3 + 1);
    struct client client;

    client_open(&client, *state);
    client_send(&client, text);
    for (int i = 0; i < 100000 / 3 + 1; i++) {
        assert_string_equal(client_line(&client), GE("QMP input lacks member 'execute'"));
        assert_string_equal(client_line(&client), PONG);
        assert_string_equal(client_line(&client), GE("QMP input must be a JSON object"));
    }
    settle(&client);
    client_close(&client);
    free(text);
}

static void white_space_is_read_over_without_being_kept(void **state)
{
    char *blanks = repeat(" \t\r\n", MIB);
    struct client client;
    uint64_t before;

    client_open(&client, *state);
    client_expect(&client, PING, PONG);
    before = agent_resident_kib(*state);
    for (int i = 0; i < 24; i++)
        client_send(&client, blanks);
    client_send(&client, "{\"execute\":");
    for (int i = 0; i < 8; i++)
        client_send(&client, blanks);
    client_expect(&client, "\"guest-sync\",\"arguments\":{\"id\":5}}", "{\"return\": 5}");
    assert_in_range(agent_resident_kib(*state), 1, before + RESIDENT_SLACK_KIB);
    client_expect(&client, PING, PONG);
    client_close(&client);
    free(blanks);
}

/* What exceeds a limit is one value still: neither its strings nor its lines are requests. */
static void nothing_in_a_value_over_a_limit_is_run(void **state)
{
    static const char inner[] = "{'execute':'guest-ping','id':'inner'}";
    struct agent_process agent = { 0 };
    char *text = repeat("a", 64 * KIB), *open = repeat("[", 3000), *close = repeat("]", 3000);
    struct client client;

    agent_spawn_configured(&agent, "max-message-size=32K\n");
    client_open(&client, &agent);
    client_send(&client, "{\"execute\":\"guest-ping\",\"id\":[\"");
    client_send(&client, text);
    client_send(&client, inner);
    client_send(&client, "\",\n");
    client_send(&client, inner);
    client_send(&client, ",\n");
    client_send(&client, inner);
    client_send(&client, "]}");
    client_expect(&client, PING, GE("JSON token size limit exceeded"));
    assert_string_equal(client_line(&client), PONG);
    client_send(&client, open);
    client_send(&client, "\n");
    client_send(&client, inner);
    client_send(&client, close);
    client_expect(&client, PING, GE("JSON nesting depth limit exceeded"));
    assert_string_equal(client_line(&client), PONG);
    client_close(&client);
    agent_end(&agent);
    free(text);
    free(open);
    free(close);
}

static void a_smaller_limit_can_be_configured(void **state)
{
    struct agent_process agent = { 0 };
    char *text = repeat("a", 64 * KIB);
    struct client client;

    agent_spawn_configured(&agent, "max-message-size=32K\n");
    client_open(&client, &agent);
    client_send(&client, "{\"execute\":\"");
    client_send(&client, text);
    assert_string_equal(client_line(&client), GE("JSON token size limit exceeded"));
    settle(&client);
    client_close(&client);
    agent_end(&agent);
    free(text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_agent, teardown_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(random_bytes_are_survived),
        CASE(random_pieces_of_requests_are_survived),
        CASE(a_request_may_end_anywhere),
        CASE(nesting_ends_at_1024),
        CASE(an_id_nested_1023_deep_is_echoed),
        CASE(a_request_of_more_than_64_mebibytes_is_refused),
        CASE(a_write_of_64_mebibytes_is_taken),
        CASE(a_request_of_too_many_tokens_is_refused),
        CASE(a_hundred_thousand_tiny_requests_come_in_one_write),
        CASE(white_space_is_read_over_without_being_kept),
        cmocka_unit_test(nothing_in_a_value_over_a_limit_is_run),
        cmocka_unit_test(a_smaller_limit_can_be_configured),
    };

    return cmocka_run_group_tests_name("badinput", tests, NULL, NULL);
}
