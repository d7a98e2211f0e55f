#include "unit/cmds/exec/exec_calls.h"

#include "cmds/exec/exec_follow.h"

#include <fcntl.h>

static void exit_codes_and_signals_are_reported(void **state)
{
    struct fixture *fixture = *state;

    assert_status_at_end(fixture, shell(fixture, CAPTURE_NONE, "exit 0"),
                         "{\"exited\":true,\"exitcode\":0}");
    assert_status_at_end(fixture, shell(fixture, CAPTURE_NONE, "exit 3"),
                         "{\"exited\":true,\"exitcode\":3}");
    assert_status_at_end(fixture, shell(fixture, CAPTURE_NONE, "kill -9 $$"),
                         "{\"exited\":true,\"signal\":9}");
}

static void the_answer_that_tells_the_end_forgets_the_process(void **state)
{
    struct fixture *fixture = *state;
    struct exec_status_args args = { .pid = shell(fixture, CAPTURE_NONE, "exit 0") };
    char expected[64];

    json_object_put(status_at_end(fixture, args.pid));
    snprintf(expected, sizeof(expected), "error: PID %d does not exist", (int)args.pid);
    assert_reply(fixture, cmd_exec_status, &args, expected);
    args.pid = 0;
    assert_reply(fixture, cmd_exec_status, &args, "error: PID 0 does not exist");
    args.pid = INT64_MIN;
    assert_reply(fixture, cmd_exec_status, &args, "error: PID -9223372036854775808 does not exist");
}

static void every_way_to_capture_works_any_number_of_times(void **state)
{
    static const struct {
        enum exec_capture capture;
        const char *expected;
    } cases[] = {
        { CAPTURE_NONE, "{\"exited\":true,\"exitcode\":0}" },
        { CAPTURE_STDOUT, "{\"exited\":true,\"exitcode\":0," OUT_B64 "}" },
        { CAPTURE_STDERR, "{\"exited\":true,\"exitcode\":0," ERR_B64 "}" },
        { CAPTURE_SEPARATED, "{\"exited\":true,\"exitcode\":0," OUT_B64 "," ERR_B64 "}" },
        { CAPTURE_MERGED, "{\"exited\":true,\"exitcode\":0,"
                          "\"out-data\":\"b3V0CmVycgo=\",\"out-truncated\":false}" },
    };
    struct fixture *fixture = *state;

    for (int round = 0; round < 5; round++)
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
            assert_status_at_end(fixture,
                                 shell(fixture, cases[i].capture, "echo out; echo err >&2"),
                                 cases[i].expected);
}

static void merged_output_keeps_the_order_it_was_written_in(void **state)
{
    struct fixture *fixture = *state;
    struct json_object *reply =
        status_at_end(fixture, shell(fixture, CAPTURE_MERGED,
                                     "for i in 1 2 3 4 5 6; do echo o$i; echo e$i >&2; done"));
    size_t len = 0;
    char *data = data_member(reply, "out-data", &len);

    assert_string_equal(data, "o1\ne1\no2\ne2\no3\ne3\no4\ne4\no5\ne5\no6\ne6\n");
    assert_null(member(reply, "err-data"));
    free(data);
    json_object_put(reply);
}

static void without_output_there_are_no_data_members(void **state)
{
    struct fixture *fixture = *state;

    assert_status_at_end(fixture, shell(fixture, CAPTURE_SEPARATED, "exit 0"),
                         "{\"exited\":true,\"exitcode\":0}");
}

static void the_first_16_mib_are_kept_and_the_rest_is_flagged(void **state)
{
    struct fixture *fixture = *state;
    struct json_object *reply =
        status_at_end(fixture, shell(fixture, CAPTURE_SEPARATED,
                                     "head -c 16777217 /dev/zero; echo err >&2; exit 7"));
    size_t len = 0;
    char *data = data_member(reply, "out-data", &len);

    assert_int_equal(len, EXEC_STREAM_MAX);
    assert_true(bool_member(reply, "out-truncated"));
    assert_false(bool_member(reply, "err-truncated"));
    assert_int_equal(int_member(reply, "exitcode"), 7);
    free(data);
    json_object_put(reply);
}

static void exactly_16_mib_are_not_truncated(void **state)
{
    struct fixture *fixture = *state;
    struct json_object *reply =
        status_at_end(fixture, shell(fixture, CAPTURE_STDOUT, "head -c 16777216 /dev/zero"));
    size_t len = 0;
    char *data = data_member(reply, "out-data", &len);

    assert_int_equal(len, EXEC_STREAM_MAX);
    assert_false(bool_member(reply, "out-truncated"));
    free(data);
    json_object_put(reply);
}

/* --- input ---------------------------------------------------------------------------- */

static void input_of_any_size_reaches_the_process_and_ends(void **state)
{
    static const size_t sizes[] = { 0, 1, 65536, 65537, 3 * MIB };
    struct fixture *fixture = *state;
    char *input = malloc(3 * MIB);

    for (size_t i = 0; i < 3 * MIB; i++)
        input[i] = (char)(i * 2654435761u >> 11);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        int64_t pid = exec_with_input(fixture, CAPTURE_STDOUT, "exec cat", input, sizes[i]);
        struct json_object *reply = status_at_end(fixture, pid);
        size_t len = 0;
        char *data = data_member(reply, "out-data", &len);

        assert_int_equal(len, sizes[i]);
        if (data)
            assert_memory_equal(data, input, len);
        free(data);
        json_object_put(reply);
    }
    free(input);
}

static void input_that_nobody_reads_does_no_harm(void **state)
{
    struct fixture *fixture = *state;
    char *input = calloc(1, MIB);

    assert_status_at_end(fixture, exec_with_input(fixture, CAPTURE_NONE, "exit 4", input, MIB),
                         "{\"exited\":true,\"exitcode\":4}");
    free(input);
}

static void bad_input_is_refused_and_nothing_is_run(void **state)
{
    struct fixture *fixture = *state;
    char base64[] = "!!!!";
    struct exec_args args = { .has_input_data = true, .input_data = arg(base64) };
    char *path = path_in(fixture, "made");
    char *text = exec_text(fixture, &args, "/bin/touch", (const char *[]){ path, NULL });

    assert_string_equal(text, "error: Base64 data contains invalid characters");
    assert_int_equal(access(path, F_OK), -1);
    free(text);
}

/* --- what the child is given ---------------------------------------------------------- */

/* Output of a program that ends with 0. */
static char *output_of(struct fixture *fixture, struct exec_args *args, const char *path,
                       const char *const *argv)
{
    struct json_object *reply;
    size_t len;
    char *data;

    args->capture_output = CAPTURE_STDOUT;
    args->has_capture_output = true;
    reply = status_at_end(fixture, exec_started(fixture, args, path, argv));
    assert_int_equal(int_member(reply, "exitcode"), 0);
    data = data_member(reply, "out-data", &len);
    json_object_put(reply);
    return data ? data : strdup("");
}

#define assert_output(fixture_, args_, expected_, path_, ...)                                      \
    do {                                                                                           \
        char *output_ = output_of((fixture_), (args_), (path_), (const char *[]){ __VA_ARGS__ });  \
        assert_string_equal(output_, (expected_));                                                 \
        free(output_);                                                                             \
    } while (0)

static void an_absent_environment_is_the_agents_and_a_given_one_is_exact(void **state)
{
    struct fixture *fixture = *state;
    struct exec_args args = { 0 };
    struct arg_str env[] = { arg("A=1"), arg("no equals sign"), arg("B=2") };
    char *output;

    setenv("PQGA_TEST_VARIABLE", "here", 1);
    output = output_of(fixture, &args, "/usr/bin/env", NULL);
    assert_non_null(strstr(output, "PQGA_TEST_VARIABLE=here"));
    free(output);
    args = (struct exec_args){ .has_env = true };
    assert_output(fixture, &args, "", "/usr/bin/env", NULL);
    args = (struct exec_args){ .has_env = true, .env = { .items = env, .count = 3 } };
    assert_output(fixture, &args, "A=1\nno equals sign\nB=2\n", "/usr/bin/env", NULL);
}

static void names_are_searched_in_the_path_that_is_given_else_in_the_agents(void **state)
{
    struct fixture *fixture = *state;
    struct arg_str env[] = { arg("X=1"), arg("PATH=/nonexist") };
    struct exec_args args = { .has_env = true, .env = { .items = env, .count = 1 } };
    char *text;

    assert_output(fixture, &args, "hi\n", "echo", "hi", NULL);
    args = (struct exec_args){ .has_env = true, .env = { .items = env, .count = 2 } };
    text = exec_text(fixture, &args, "echo", NULL);
    assert_string_equal(
        text, "error: Failed to execute child process “echo” (No such file or directory)");
    free(text);
}

static void argv0_is_the_path_as_given_and_no_shell_is_involved(void **state)
{
    struct fixture *fixture = *state;
    struct exec_args args = { 0 };

    assert_output(fixture, &args, "sh|a b|$HOME|*", "sh", "-c",
                  "printf '%s|%s|%s|%s' \"$0\" \"$@\"", "sh", "a b", "$HOME", "*", NULL);
}

static void a_script_without_interpreter_is_run_by_sh(void **state)
{
    struct fixture *fixture = *state;
    struct exec_args args = { 0 };

    write_file(path_in(fixture, "script"), "echo ran $1\n", 12);
    assert_int_equal(chmod(path_in(fixture, "script"), 0755), 0);
    assert_output(fixture, &args, "ran x\n", path_in(fixture, "script"), "x", NULL);
}

static void the_child_has_three_descriptors_and_an_empty_stdin(void **state)
{
    struct fixture *fixture = *state;
    struct exec_args args = { 0 };
    int fd = open("/dev/null", O_RDONLY); /* as a careless library leaves it: not close-on-exec */

    assert_output(fixture, &args, "0\n1\n2\n/dev/null\n/dev/null\n", "/bin/sh", "-c",
                  "i=0; while [ $i -lt 200 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); "
                  "done; readlink /proc/$$/fd/0 /proc/$$/fd/2",
                  NULL);
    close(fd);
}

static void the_child_has_default_signals_and_an_empty_mask(void **state)
{
    struct fixture *fixture = *state;
    struct exec_args args = { 0 };
    sigset_t all, before;

    sigfillset(&all);
    assert_int_equal(sigprocmask(SIG_SETMASK, &all, &before), 0);
    assert_output(fixture, &args, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n",
                  "/bin/grep", "-E", "SigBlk|SigIgn", "/proc/self/status", NULL);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
}

static void a_program_that_cannot_be_started_is_named(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *path, *expected;
    } cases[] = {
        { "/no/such",
          "error: Failed to execute child process “/no/such” (No such file or directory)" },
        { "no-such-program",
          "error: Failed to execute child process “no-such-program” (No such file or directory)" },
        { "/etc/passwd",
          "error: Failed to execute child process “/etc/passwd” (Permission denied)" },
        { "/etc/passwd/x",
          "error: Failed to execute child process “/etc/passwd/x” (Not a directory)" },
        { "", "error: Failed to execute child process “” (No such file or directory)" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exec_args args = { .capture_output = CAPTURE_SEPARATED, .has_capture_output = true };
        char *text = exec_text(fixture, &args, cases[i].path, NULL);

        assert_string_equal(text, cases[i].expected);
        free(text);
    }
}

/* --- arguments ------------------------------------------------------------------------ */

static void arguments_are_bound_to_their_members(void **state)
{
    struct exec_args bound = { 0 };
    struct json_doc *doc = bind_json(
        args_exec,
        "{\"path\": \"/p\", \"arg\": [\"a\", \"b\"], \"env\": [], \"input-data\": \"AA==\", "
        "\"capture-output\": \"merged\"}",
        &bound);

    (void)state;
    assert_string_equal(bound.path.text, "/p");
    assert_int_equal(bound.arg.count, 2);
    assert_string_equal(bound.arg.items[1].text, "b");
    assert_true(bound.has_env);
    assert_int_equal(bound.env.count, 0);
    assert_true(bound.has_input_data);
    assert_string_equal(bound.input_data.text, "AA==");
    assert_true(bound.has_capture_output);
    assert_int_equal(bound.capture_output, CAPTURE_MERGED);
    args_done(args_exec, &bound);
    json_doc_free(doc);
}

static void every_capture_word_and_both_booleans_are_taken(void **state)
{
    static const struct {
        const char *json;
        enum exec_capture capture;
    } cases[] = {
        { "\"none\"", CAPTURE_NONE },     { "\"stdout\"", CAPTURE_STDOUT },
        { "\"stderr\"", CAPTURE_STDERR }, { "\"separated\"", CAPTURE_SEPARATED },
        { "\"merged\"", CAPTURE_MERGED }, { "true", CAPTURE_SEPARATED },
        { "false", CAPTURE_NONE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exec_args bound = { 0 };
        struct json_doc *doc;
        char text[64];

        snprintf(text, sizeof(text), "{\"path\": \"p\", \"capture-output\": %s}", cases[i].json);
        doc = bind_json(args_exec, text, &bound);
        assert_true(bound.has_capture_output);
        assert_int_equal(bound.capture_output, cases[i].capture);
        args_done(args_exec, &bound);
        json_doc_free(doc);
    }
}

static void arguments_of_the_wrong_kind_are_refused_in_qapis_words(void **state)
{
    (void)state;
    assert_bind_fails(args_exec, "{\"path\": \"p\", \"arg\": \"x\"}",
                      "Invalid parameter type for 'arg', expected: array");
    assert_bind_fails(args_exec, "{\"path\": \"p\", \"arg\": [1]}",
                      "Invalid parameter type for 'arg[0]', expected: string");
    assert_bind_fails(args_exec, "{\"path\": \"p\", \"capture-output\": \"bogus\"}",
                      "Parameter 'capture-output' does not accept value 'bogus'");
    assert_bind_fails(args_exec, "{\"path\": \"p\", \"capture-output\": 1}",
                      "Invalid parameter type for 'capture-output', expected: "
                      "GuestExecCaptureOutput");
    assert_bind_fails(args_exec_status, "{\"pid\": \"1\"}",
                      "Invalid parameter type for 'pid', expected: integer");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(exit_codes_and_signals_are_reported),
        TEST(the_answer_that_tells_the_end_forgets_the_process),
        TEST(every_way_to_capture_works_any_number_of_times),
        TEST(merged_output_keeps_the_order_it_was_written_in),
        TEST(without_output_there_are_no_data_members),
        TEST(the_first_16_mib_are_kept_and_the_rest_is_flagged),
        TEST(exactly_16_mib_are_not_truncated),
        TEST(input_of_any_size_reaches_the_process_and_ends),
        TEST(input_that_nobody_reads_does_no_harm),
        TEST(bad_input_is_refused_and_nothing_is_run),
        TEST(an_absent_environment_is_the_agents_and_a_given_one_is_exact),
        TEST(names_are_searched_in_the_path_that_is_given_else_in_the_agents),
        TEST(argv0_is_the_path_as_given_and_no_shell_is_involved),
        TEST(a_script_without_interpreter_is_run_by_sh),
        TEST(the_child_has_three_descriptors_and_an_empty_stdin),
        TEST(the_child_has_default_signals_and_an_empty_mask),
        TEST(a_program_that_cannot_be_started_is_named),
        TEST(arguments_are_bound_to_their_members),
        TEST(every_capture_word_and_both_booleans_are_taken),
        TEST(arguments_of_the_wrong_kind_are_refused_in_qapis_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
