/*
 * Files: what qemu-ga 11.1 answers.
 */
#include "fixture.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_REQUEST(command, arguments)                                                           \
    "{\"execute\":\"guest-file-" command "\",\"arguments\":{" arguments "}}"
#define ON(command, arguments) FILE_REQUEST(command, "\"handle\":1000" arguments)

static const char *ask(struct client *client, const char *command, int64_t handle,
                       const char *arguments)
{
    return client_ask(client,
                      "{\"execute\":\"guest-file-%s\",\"arguments\":{\"handle\":%" PRId64 "%s}}",
                      command, handle, arguments);
}

static void the_references_conversation_is_repeated(void **state)
{
    static const struct {
        const char *request, *reply;
    } exchanges[] = {
        { ON("write", ",\"buf-b64\":\"SGVsbG8=\""), "{\"return\":{\"count\":5,\"eof\":false}}" },
        { ON("read", ""), "{\"return\":{\"count\":0,\"buf-b64\":\"\",\"eof\":true}}" },
        { ON("seek", ",\"offset\":0,\"whence\":\"set\""),
          "{\"return\":{\"eof\":false,\"position\":0}}" },
        { ON("read", ",\"count\":3"),
          "{\"return\":{\"count\":3,\"buf-b64\":\"SGVs\",\"eof\":false}}" },
        { ON("read", ",\"count\":2"),
          "{\"return\":{\"count\":2,\"buf-b64\":\"bG8=\",\"eof\":false}}" },
        { ON("read", ",\"count\":1"), "{\"return\":{\"count\":0,\"buf-b64\":\"\",\"eof\":true}}" },
        { ON("read", ",\"count\":0"), "{\"return\":{\"count\":0,\"buf-b64\":\"\",\"eof\":false}}" },
        { ON("read", ",\"count\":-1"), GE("value '-1' is invalid for argument count") },
        { ON("read", ",\"count\":50331649"), GE("value '50331649' is invalid for argument count") },
        { ON("read", ",\"count\":50331648"),
          "{\"return\":{\"count\":0,\"buf-b64\":\"\",\"eof\":true}}" },
        { ON("write", ",\"count\":9,\"buf-b64\":\"SGVsbG8=\""),
          GE("value '9' is invalid for argument count") },
        { ON("write", ",\"count\":-1,\"buf-b64\":\"SGVsbG8=\""),
          GE("value '-1' is invalid for argument count") },
        { ON("write", ",\"count\":2,\"buf-b64\":\"SGVsbG8=\""),
          "{\"return\":{\"count\":2,\"eof\":false}}" },
        { ON("write", ",\"buf-b64\":\"\""), "{\"return\":{\"count\":0,\"eof\":false}}" },
        { ON("write", ",\"buf-b64\":\"!!!!\""), GE("Base64 data contains invalid characters") },
        { ON("write", ",\"buf-b64\":\"SGVsbG8\""), "{\"return\":{\"count\":3,\"eof\":false}}" },
        { ON("write", ",\"buf-b64\":\"SGVs\\nbG8=\""), "{\"return\":{\"count\":5,\"eof\":false}}" },
        { ON("seek", ",\"offset\":-1,\"whence\":\"set\""),
          GE("failed to seek file: Invalid argument") },
        { ON("seek", ",\"offset\":100,\"whence\":\"end\""),
          "{\"return\":{\"eof\":false,\"position\":115}}" },
        { ON("seek", ",\"offset\":0,\"whence\":1"),
          "{\"return\":{\"eof\":false,\"position\":115}}" },
        { ON("seek", ",\"offset\":0,\"whence\":9"), GE("invalid whence code 9") },
        { ON("seek", ",\"offset\":1099511627776,\"whence\":0"),
          "{\"return\":{\"eof\":false,\"position\":1099511627776}}" },
        { ON("flush", ""), "{\"return\":{}}" },
        { ON("close", ""), "{\"return\":{}}" },
        { ON("close", ""), GE("handle '1000' has not been found") },
    };
    struct client client;

    client_open(&client, *state);
    assert_int_equal(client_file_open(&client, agent_path(*state, "f"), "w+"), 1000);
    for (size_t i = 0; i < ARRAY_LEN(exchanges); i++)
        client_expect_json(&client, exchanges[i].request, exchanges[i].reply);
    client_close(&client);
}

#define OPEN "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"%s\",\"mode\":\"%s\"}}"

static void what_cannot_be_opened_is_reported_in_the_references_words(void **state)
{
    const struct agent_process *agent = *state;
    const struct {
        const char *path, *mode, *why;
    } failures[] = {
        { "/nonexist", "r", "No such file or directory" },
        { agent->dir, "w", "Is a directory" },
        { agent->dir, "a", "Is a directory" },
        { agent->dir, "r+", "Is a directory" },
    };
    static const char *const no_modes[] = { "zz", "", "rw", "rb+b" };
    char expected[400];
    struct client client;

    client_open(&client, agent);
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        snprintf(expected, sizeof(expected), GE("failed to open file '%s' (mode: '%s'): %s"),
                 failures[i].path, failures[i].mode, failures[i].why);
        assert_string_equal(client_ask(&client, OPEN, failures[i].path, failures[i].mode),
                            expected);
    }
    for (size_t i = 0; i < ARRAY_LEN(no_modes); i++) {
        snprintf(expected, sizeof(expected), GE("invalid file open mode '%s'"), no_modes[i]);
        assert_string_equal(client_ask(&client, OPEN, agent->dir, no_modes[i]), expected);
    }
    assert_int_equal(client_file_open(&client, agent->dir, "r"), 1000); /* none of them counted */
    assert_string_equal(ask(&client, "read", 1000, ""), GE("failed to read file: Is a directory"));
    client_close(&client);
}

static void every_spelling_of_a_mode_is_taken(void **state)
{
    static const char *const modes[] = { "w",   "wb",  "w+", "wb+", "w+b", "a",   "ab", "a+",
                                         "ab+", "a+b", "r",  "rb",  "r+",  "rb+", "r+b" };
    struct client client;

    client_open(&client, *state);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        assert_int_equal(client_file_open(&client, agent_path(*state, "f"), modes[i]), 1000 + i);
    client_close(&client);
}

static mode_t mode_of(const char *path)
{
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void new_files_are_0666_whatever_the_umask_and_old_ones_keep_theirs(void **state)
{
    struct agent_process agent = { 0 };
    mode_t before = umask(077);
    struct client client;

    agent_spawn(&agent, NULL);
    umask(before);
    client_open(&client, &agent);
    write_file(agent_path(&agent, "old"), "x", 1);
    assert_int_equal(chmod(agent_path(&agent, "old"), 0640), 0);
    client_file_open(&client, agent_path(&agent, "old"), "w");
    client_file_open(&client, agent_path(&agent, "new-w"), "w");
    client_file_open(&client, agent_path(&agent, "new-a"), "a+");
    assert_int_equal(mode_of(agent_path(&agent, "old")), 0640);
    assert_int_equal(mode_of(agent_path(&agent, "new-w")), 0666);
    assert_int_equal(mode_of(agent_path(&agent, "new-a")), 0666);
    client_close(&client);
    agent_end(&agent);
}

static void the_mode_of_new_files_can_be_set(void **state)
{
    struct agent_process agent = { 0 };
    struct client client;

    agent_spawn_configured(&agent, "file-mode=620\n");
    client_open(&client, &agent);
    write_file(agent_path(&agent, "old"), "x", 1);
    assert_int_equal(chmod(agent_path(&agent, "old"), 0644), 0);
    client_file_open(&client, agent_path(&agent, "old"), "w");
    client_file_open(&client, agent_path(&agent, "new"), "w");
    assert_int_equal(mode_of(agent_path(&agent, "old")), 0644);
    assert_int_equal(mode_of(agent_path(&agent, "new")), 0620);
    client_close(&client);
    agent_end(&agent);
}

static void base64_is_as_lax_as_the_references(void **state)
{
    static const struct {
        const char *text;
        int count; /* -1: refused */
    } writes[] = {
        { "YQ", 0 },         { "YQ==", 1 },        { "YWJjZA", 3 },   { "YQ==YQ==", 2 },
        { "Y\\nQ=\\n=", 1 }, { "YWJj YWJj", -1 },  { "YQ\\r", -1 },   { "YQ\\t==", -1 },
        { "_-==", -1 },      { "YQ\\u0000=", -1 }, { "\\u00e9", -1 },
    };
    struct client client;
    int64_t handle;

    client_open(&client, *state);
    handle = client_file_open(&client, agent_path(*state, "f"), "w");
    for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
        char arguments[80];

        snprintf(arguments, sizeof(arguments), ",\"buf-b64\":\"%s\"", writes[i].text);
        ask(&client, "write", handle, arguments);
        if (writes[i].count < 0)
            assert_string_equal(client.line, GE("Base64 data contains invalid characters"));
        else
            assert_int_equal(reply_int(client.line, "count"), writes[i].count);
    }
    client_close(&client);
}

static void appending_writes_to_the_end_and_a_grown_file_is_read_on(void **state)
{
    const char *path = agent_path(*state, "log");
    struct client client;
    int64_t reader, appender;

    write_file(path, "abc", 3);
    client_open(&client, *state);
    reader = client_file_open(&client, path, "r");
    appender = client_file_open(&client, path, "a+");
    assert_json_equal(ask(&client, "read", reader, ""),
                      "{\"return\":{\"count\":3,\"buf-b64\":\"YWJj\",\"eof\":true}}");
    assert_json_equal(ask(&client, "seek", appender, ",\"offset\":0,\"whence\":\"cur\""),
                      "{\"return\":{\"eof\":false,\"position\":0}}");
    assert_json_equal(ask(&client, "read", appender, ",\"count\":1"),
                      "{\"return\":{\"count\":1,\"buf-b64\":\"YQ==\",\"eof\":false}}");
    ask(&client, "write", appender, ",\"buf-b64\":\"ZGVm\"");
    assert_json_equal(ask(&client, "seek", appender, ",\"offset\":0,\"whence\":\"cur\""),
                      "{\"return\":{\"eof\":false,\"position\":6}}");
    assert_json_equal(ask(&client, "read", reader, ""),
                      "{\"return\":{\"count\":3,\"buf-b64\":\"ZGVm\",\"eof\":true}}");
    client_close(&client);
}

static void what_is_written_is_in_the_file_when_it_is_answered(void **state)
{
    const char *path = agent_path(*state, "now");
    struct client client;
    int64_t handle;
    char *text;

    client_open(&client, *state);
    handle = client_file_open(&client, path, "w");
    ask(&client, "write", handle, ",\"buf-b64\":\"YWJj\"");
    text = read_file(path, NULL);
    assert_string_equal(text, "abc");
    free(text);
    client_close(&client);
}

static void directions_are_kept_apart(void **state)
{
    const char *path = agent_path(*state, "f");
    struct client client;
    int64_t handle;

    client_open(&client, *state);
    handle = client_file_open(&client, path, "w");
    assert_string_equal(ask(&client, "read", handle, ""),
                        GE("failed to read file: Bad file descriptor"));
    handle = client_file_open(&client, path, "r");
    assert_string_equal(ask(&client, "write", handle, ",\"buf-b64\":\"YWJj\""),
                        GE("failed to write to file: Bad file descriptor"));
    client_close(&client);
}

/* --- handles ---------------------------------------------------------------------------- */

static void the_count_of_handles_survives_restarts(void **state)
{
    struct agent_process *agent = *state;
    struct client client;
    int64_t last;

    client_open(&client, agent);
    for (int i = 0; i < 3; i++)
        last = client_file_open(&client, "/dev/null", "r");
    assert_int_equal(last, 1002);
    client_close(&client);
    assert_int_equal(agent_terminate(agent), 0);

    agent_respawn(agent, NULL);
    client_open(&client, agent);
    assert_string_equal(ask(&client, "flush", 1002, ""), GE("handle '1002' has not been found"));
    last = client_file_open(&client, "/dev/null", "r");
    assert_int_equal(last, 1003);
    client_close(&client);
    agent_kill9(agent);

    agent_respawn(agent, NULL);
    client_open(&client, agent);
    assert_true(client_file_open(&client, "/dev/null", "r") > last);
    client_close(&client);
}

static void handles_are_bounded(void **state)
{
    struct agent_process agent = { 0 };
    struct client client;

    agent_spawn_configured(&agent, "max-handles=3\n");
    client_open(&client, &agent);
    for (int i = 0; i < 3; i++)
        client_file_open(&client, "/dev/null", "r");
    client_expect(&client, FILE_REQUEST("open", "\"path\":\"/dev/null\""),
                  GE("too many open files (limit 3)"));
    client_expect(&client, FILE_REQUEST("open", "\"path\":\"/nonexist\""),
                  GE("too many open files (limit 3)"));
    ask(&client, "close", 1001, "");
    assert_int_equal(client_file_open(&client, "/dev/null", "r"), 1003);
    client_close(&client);
    agent_end(&agent);
}

/* SIGXFSZ is ignored: the write is an error, and a program of the host's has the default again. */
static void a_limit_of_file_sizes_is_an_error_and_not_the_end(void **state)
{
    static const struct rlimit limit = { .rlim_cur = 4096, .rlim_max = RLIM_INFINITY };
    struct agent_process *agent = *state;
    CLEANUP(free_ptr) char *text = base64_of((char[8192]){ 0 }, 8192);
    struct client client;
    int64_t handle;

    client_open(&client, agent);
    handle = client_file_open(&client, agent_path(agent, "large"), "w");
    assert_int_equal(prlimit(agent->pid, RLIMIT_FSIZE, &limit, NULL), 0);
    client_ask(&client,
               "{\"execute\":\"guest-file-write\",\"arguments\":{\"handle\":%" PRId64
               ",\"buf-b64\":\"%s\"}}",
               handle, text);
    assert_true(reply_has(client.line, "File too large"));
    client_expect(&client, PING, PONG);
    client_close(&client);
}

/* Users can make these in directories that the host writes to. */
static void a_fifo_without_another_end_does_not_hold_an_open(void **state)
{
    struct client client;
    const char *path = agent_path(*state, "fifo");

    client_open(&client, *state);
    assert_int_equal(mkfifo(path, 0666), 0);
    assert_true(client_file_open(&client, path, "r") >= 1000);
    assert_true(client_file_open(&client, path, "w") >= 1000); /* the first one reads */
    assert_int_equal(mkfifo(agent_path(*state, "alone"), 0666), 0);
    client_ask(&client,
               "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"%s\",\"mode\":\"a\"}}",
               agent_path(*state, "alone"));
    assert_true(reply_has(client.line, "No such device or address"));
    client_close(&client);
}

static void a_link_that_points_nowhere_makes_no_file(void **state)
{
    static const char *const modes[] = { "w", "a", "w+", "a+" };
    struct client client;
    const char *link = agent_path(*state, "link"), *target = agent_path(*state, "target");

    client_open(&client, *state);
    assert_int_equal(symlink(target, link), 0);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        client_ask(
            &client,
            "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"%s\",\"mode\":\"%s\"}}",
            link, modes[i]);
        assert_true(reply_has(client.line, "No such file or directory"));
        assert_int_equal(access(target, F_OK), -1);
    }
    write_file(target, "x", 1);
    assert_true(client_file_open(&client, link, "r") >= 1000);
    client_close(&client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_agent, teardown_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_references_conversation_is_repeated),
        CASE(what_cannot_be_opened_is_reported_in_the_references_words),
        CASE(every_spelling_of_a_mode_is_taken),
        cmocka_unit_test(new_files_are_0666_whatever_the_umask_and_old_ones_keep_theirs),
        cmocka_unit_test(the_mode_of_new_files_can_be_set),
        CASE(base64_is_as_lax_as_the_references),
        CASE(appending_writes_to_the_end_and_a_grown_file_is_read_on),
        CASE(what_is_written_is_in_the_file_when_it_is_answered),
        CASE(directions_are_kept_apart),
        CASE(the_count_of_handles_survives_restarts),
        cmocka_unit_test(handles_are_bounded),
        CASE(a_limit_of_file_sizes_is_an_error_and_not_the_end),
        CASE(a_fifo_without_another_end_does_not_hold_an_open),
        CASE(a_link_that_points_nowhere_makes_no_file),
    };

    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
