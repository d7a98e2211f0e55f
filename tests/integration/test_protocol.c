/*
 * The wire: what qemu-ga 11.1 answers, byte for byte but for the position in syntax errors.
 */
#include "fixture.h"

struct exchange {
    const char *request;
    const char *replies[6]; /* NULL-terminated */
};

#define PARSE(text) GE("JSON parse error, " text)

/* Each exchange is followed by a sync, so a reply too few or too many is seen. */
static void check_exchanges(struct agent_process *agent, const struct exchange *exchanges,
                            size_t count)
{
    struct client client;

    client_open(&client, agent);
    for (size_t i = 0; i < count; i++) {
        client_send(&client, exchanges[i].request);
        client_send(&client,
                    "\n\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":77}}");
        for (const char *const *reply = exchanges[i].replies; *reply; reply++)
            assert_string_equal(client_line(&client), *reply);
        assert_string_equal(client_line(&client), "\xff{\"return\": 77}");
    }
    client_close(&client);
}

static void the_envelope_is_checked_in_the_references_words(void **state)
{
    static const struct exchange exchanges[] = {
        { "{\"execute\":\"guest-ping\"}", { "{\"return\": {}}" } },
        { "{'execute':'guest-ping','id':'x'}", { "{\"return\": {}, \"id\": \"x\"}" } },
        { "{\"execute\":\"guest-ping\",\"id\":null}", { "{\"return\": {}, \"id\": null}" } },
        { "{\"execute\":\"nope\",\"id\":[1,{\"a\":2.5}]}",
          { "{\"id\": [1, {\"a\": 2.5}], \"error\": {\"class\": \"CommandNotFound\", \"desc\": "
            "\"The command nope has not been found\"}}" } },
        { "{\"execute\":1}", { GE("QMP input member 'execute' must be a string") } },
        { "{}", { GE("QMP input lacks member 'execute'") } },
        { "{\"execute\":\"guest-ping\",\"arguments\":[]}",
          { GE("QMP input member 'arguments' must be an object") } },
        { "{\"execute\":\"guest-ping\",\"arguments\":null}",
          { GE("QMP input member 'arguments' must be an object") } },
        { "{\"execute\":\"guest-ping\",\"foo\":1}",
          { GE("QMP input member 'foo' is unexpected") } },
        { "{\"exec-oob\":\"guest-ping\"}", { GE("QMP input member 'exec-oob' is unexpected") } },
        { "[]", { GE("QMP input must be a JSON object") } },
        { "1", { GE("QMP input must be a JSON object") } },
        { "\"a\"", { GE("QMP input must be a JSON object") } },
        { "true", { GE("QMP input must be a JSON object") } },
        { "{\"execute\":\"guest-ping\"}{\"execute\":\"guest-ping\",\"id\":2}",
          { "{\"return\": {}}", "{\"return\": {}, \"id\": 2}" } },
        { "{\"execute\":\"Guest-Ping\"}", { CNF("The command Guest-Ping has not been found") } },
        { "{\"execute\":\"guest-get-devices\"}",
          { CNF("The command guest-get-devices has not been found") } },
        { "{\"execute\":\"\\u0000\"}", { CNF("The command \\u0000 has not been found") } },
    };

    check_exchanges(*state, exchanges, ARRAY_LEN(exchanges));
}

static void syntax_errors_are_counted_as_the_reference_counts_them(void **state)
{
    static const struct exchange exchanges[] = {
        { "{\"execute\":\"guest-ping\"", { NULL } }, /* 0xFF forgets it, silently */
        { "\xff\xff\xff", { NULL } },
        { "{\"execute\":\"guest-ping\",\"execute\":\"guest-ping\"}", { PARSE("duplicate key") } },
        { "{\"execute\" \"guest-ping\"}", { PARSE("expecting ':'") } },
        { "{\"execute\":\"guest-ping\",}", { PARSE("expecting key") } },
        { "{execute:\"guest-ping\"}", { PARSE("expecting key") } },
        { "xx {\"execute\":\"guest-ping\",\"id\":9}",
          { PARSE("invalid keyword 'xx'"), "{\"return\": {}, \"id\": 9}" } },
        { "} {\"execute\":\"guest-ping\",\"id\":9}",
          { PARSE("expecting value"), "{\"return\": {}, \"id\": 9}" } },
        { "{\"execute\":\"guest-ping\"} /*c*/", { "{\"return\": {}}", PARSE("stray '/'") } },
        { "{\"execute\":\"\\ud800\"}", { PARSE("\\\\ud800 is not a valid Unicode character") } },
        { "{\"execute\":\"\xc3(\"}", { PARSE("invalid UTF-8 sequence in string") } },
        { "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":01}}",
          { PARSE("stray '01'"), PARSE("expecting value"), PARSE("expecting value") } },
        { "Hello World", { PARSE("stray 'H'") } },
        { "GET / HTTP/1.1\r\nHost: x\r\n",
          { PARSE("stray 'G'"), PARSE("stray 'H'"), PARSE("expecting value"),
            PARSE("invalid keyword 'x'") } },
    };

    check_exchanges(*state, exchanges, ARRAY_LEN(exchanges));
}

static void integers_are_exact_over_the_whole_range(void **state)
{
    static const struct exchange exchanges[] = {
        { "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":9223372036854775807}}",
          { "{\"return\": 9223372036854775807}" } },
        { "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":-9223372036854775808}}",
          { "{\"return\": -9223372036854775808}" } },
        { "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":9223372036854775808}}",
          { GE("Invalid parameter type for 'id', expected: integer") } },
        { "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":1e2}}",
          { GE("Invalid parameter type for 'id', expected: integer") } },
        { "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":1.0}}",
          { GE("Invalid parameter type for 'id', expected: integer") } },
        { "{\"execute\":\"guest-ping\",\"id\":18446744073709551615}",
          { "{\"return\": {}, \"id\": 18446744073709551615}" } },
        { "{\"execute\":\"guest-ping\",\"id\":0.1}",
          { "{\"return\": {}, \"id\": 0.10000000000000001}" } },
    };

    check_exchanges(*state, exchanges, ARRAY_LEN(exchanges));
}

static void arguments_are_checked_in_the_references_words(void **state)
{
    static const struct exchange exchanges[] = {
        { "{\"execute\":\"guest-ping\",\"arguments\":{\"foo\":1}}",
          { GE("Parameter 'foo' is unexpected") } },
        { "{\"execute\":\"guest-sync\"}", { GE("Parameter 'id' is missing") } },
        { "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":1,\"x\":2}}",
          { GE("Parameter 'x' is unexpected") } },
        { "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":1}}",
          { GE("Invalid parameter type for 'path', expected: string") } },
        { "{\"execute\":\"guest-file-open\"}", { GE("Parameter 'path' is missing") } },
        { "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":999999}}",
          { GE("handle '999999' has not been found") } },
        { "{\"execute\":\"guest-file-seek\",\"arguments\":{\"handle\":9,\"offset\":0,\"whence\":"
          "\"bogus\"}}",
          { GE("Parameter 'whence' does not accept value 'bogus'") } },
        { "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/true\",\"arg\":[1]}}",
          { GE("Invalid parameter type for 'arg[0]', expected: string") } },
        { "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/"
          "true\",\"capture-output\":\"bogus\"}}",
          { GE("Parameter 'capture-output' does not accept value 'bogus'") } },
        { "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/no/such\"}}",
          { GE("Failed to execute child process \\u201C/no/such\\u201D (No such file or "
               "directory)") } },
        { "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":0}}",
          { GE("PID 0 does not exist") } },
        { "{\"execute\":\"guest-set-vcpus\",\"arguments\":{\"vcpus\":[{\"online\":true}]}}",
          { GE("Parameter 'vcpus[0].logical-id' is missing") } },
        { "{\"execute\":\"guest-fsfreeze-status\"}", { "{\"return\": \"thawed\"}" } },
        { "{\"execute\":\"guest-fsfreeze-thaw\"}", { "{\"return\": 0}" } },
    };

    check_exchanges(*state, exchanges, ARRAY_LEN(exchanges));
}

static void a_request_may_be_cut_anywhere(void **state)
{
    static const char request[] =
        "{\"execute\": 'guest-sync', \"id\": \"\xc3\xa9\\u20ac\", \"arguments\": {\"id\": -12}}";
    struct client client;

    client_open(&client, *state);
    for (size_t cut = 1; cut < sizeof(request) - 1; cut++) {
        client_send_bytes(&client, request, cut);
        if (cut % 8 == 0)
            nap_ms(1); /* so that the agent sees two reads */
        client_send(&client, request + cut);
        assert_string_equal(client_line(&client), "{\"return\": -12, \"id\": \"\\u00E9\\u20AC\"}");
    }
    client_close(&client);
}

static void a_request_behind_a_broken_message_is_answered(void **state)
{
    static const struct exchange exchanges[] = {
        { "{\"execute\":\"guest-ping\"\n{\"execute\":\"guest-ping\",\"id\":1}",
          { PARSE("expected ',' or '}'"), "{\"return\": {}, \"id\": 1}" } },
        { "{\"execute\":\"guest-sync\",\"arguments\":\n{\"execute\":\"guest-ping\",\"id\":2}\n"
          "{\"execute\":\"guest-ping\",\"id\":3}",
          { PARSE("expected ',' or '}'"), "{\"return\": {}, \"id\": 3}" } },
        { "{\"execute\":\"gue\n{\"execute\":\"guest-ping\",\"id\":3}",
          { PARSE("stray '\\\"gue\\n'"), "{\"return\": {}, \"id\": 3}" } },
        { "{\"execute\":\"guest-sync\",\n \"arguments\":\n  {\"id\":\n   5}}",
          { "{\"return\": 5}" } },
    };

    check_exchanges(*state, exchanges, ARRAY_LEN(exchanges));
}

/* None of the inner requests may run: each would give a second reply. */
static void a_request_inside_a_value_is_not_run(void **state)
{
    static const struct exchange exchanges[] = {
        { "{\"execute\":\"guest-ping\",\"id\":[\n{\"execute\":\"guest-file-open\",\"arguments\":{"
          "\"path\":\"/dev/null\"}}\n]}",
          { "{\"return\": {}, \"id\": [{\"execute\": \"guest-file-open\", \"arguments\": "
            "{\"path\": "
            "\"/dev/null\"}}]}" } },
        { "{\"execute\":\"guest-ping\",\"arguments\":\n{\"execute\":\"guest-info\"}\n}",
          { GE("Parameter 'execute' is unexpected") } },
        { "{\"id\":1,\"id\":[\n{\"execute\":\"guest-info\"},\n{\"execute\":\"guest-info\"}]}",
          { PARSE("duplicate key") } },
        { "[\"\\ud800\",\n{\"execute\":\"guest-info\"}\n]",
          { PARSE("\\\\ud800 is not a valid Unicode character") } },
        { "[\n{\"execute\":\"guest-sync\",\"arguments\":{\"id\":1}}\n]",
          { GE("QMP input must be a JSON object") } },
    };

    check_exchanges(*state, exchanges, ARRAY_LEN(exchanges));
}

static void a_delimited_sync_marks_its_success_only(void **state)
{
    struct client client;

    client_open(&client, *state);
    client_expect(&client,
                  "{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":1},\"id\":2}",
                  "\xff{\"return\": 1, \"id\": 2}");
    client_expect(&client, "{\"execute\":\"guest-sync-delimited\"}",
                  GE("Parameter 'id' is missing"));
    client_close(&client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_agent, teardown_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_envelope_is_checked_in_the_references_words),
        CASE(syntax_errors_are_counted_as_the_reference_counts_them),
        CASE(integers_are_exact_over_the_whole_range),
        CASE(arguments_are_checked_in_the_references_words),
        CASE(a_request_may_be_cut_anywhere),
        CASE(a_request_behind_a_broken_message_is_answered),
        CASE(a_request_inside_a_value_is_not_run),
        CASE(a_delimited_sync_marks_its_success_only),
    };

    return cmocka_run_group_tests_name("protocol", tests, NULL, NULL);
}
