#include "unit/cmds/exec/exec_calls.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* --- background children, many processes ---------------------------------------------- */

static void with_capture_a_background_child_that_holds_the_pipe_holds_the_end(void **state)
{
    struct fixture *fixture = *state;
    char line[256];
    struct exec_status_args args;
    struct json_object *reply;
    size_t len;
    char *data;
    int fifo;

    assert_int_equal(mkfifo(path_in(fixture, "go"), 0600), 0);
    snprintf(line, sizeof(line), "(read x < %s; echo late) & echo early", path_in(fixture, "go"));
    args.pid = shell(fixture, CAPTURE_STDOUT, line);
    for (int i = 0; i < 50; i++) { /* plenty for the shell itself to end; nothing rests on it */
        assert_reply(fixture, cmd_exec_status, &args, "{\"exited\": false}");
        nap();
    }
    fifo = open(path_in(fixture, "go"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fifo, "\n", 1), 1);
    reply = status_at_end(fixture, args.pid);
    data = data_member(reply, "out-data", &len);
    assert_string_equal(data, "early\nlate\n");
    close(fifo);
    free(data);
    json_object_put(reply);
}

static void without_capture_only_the_process_itself_counts(void **state)
{
    struct fixture *fixture = *state;
    char line[256];
    int fifo;

    assert_int_equal(mkfifo(path_in(fixture, "go"), 0600), 0);
    snprintf(line, sizeof(line), "(read x < %s) & exit 5", path_in(fixture, "go"));
    assert_status_at_end(fixture, shell(fixture, CAPTURE_NONE, line),
                         "{\"exited\":true,\"exitcode\":5}");
    fifo = open(path_in(fixture, "go"), O_WRONLY | O_CLOEXEC);
    close(fifo);
}

static void children_are_reaped_even_if_nobody_asks(void **state)
{
    struct fixture *fixture = *state;
    int64_t pid = shell(fixture, CAPTURE_NONE, "exit 6");
    char path[32];
    int naps = 0;

    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    while (access(path, F_OK) == 0 && naps++ < WAIT_LIMIT_NAPS)
        nap();
    assert_int_equal(access(path, F_OK), -1);
    assert_status_at_end(fixture, pid, "{\"exited\":true,\"exitcode\":6}");
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < 8192)
        skip();
}

/* Each of them waits for a byte of a FIFO that stays open for writing: nobody can come too late. */
static void over_a_thousand_run_at_once_and_all_are_told(void **state)
{
    enum { COUNT = 1200 }; /* more descriptors than select(2) or a common limit allow */
    static char bytes[COUNT];
    struct fixture *fixture = *state;
    struct exec_status_args status[COUNT];
    char *path = path_in(fixture, "gate");
    int writer;

    raise_descriptor_limit();
    assert_int_equal(mkfifo(path, 0600), 0);
    writer = open(path, O_RDWR | O_CLOEXEC);
    for (int i = 0; i < COUNT; i++) {
        struct exec_args args = { .capture_output = CAPTURE_MERGED, .has_capture_output = true };

        status[i].pid = exec_started(fixture, &args, "/usr/bin/head",
                                     (const char *[]){ "-c", "1", path, NULL });
    }
    for (int i = 0; i < COUNT; i++)
        assert_reply(fixture, cmd_exec_status, &status[i], "{\"exited\": false}");
    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(write(writer, bytes, sizeof(bytes)), COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_status_at_end(fixture, status[i].pid,
                             "{\"exited\":true,\"exitcode\":0,\"out-data\":\"eA==\"}");
    close(writer);
}

/* --- limits --------------------------------------------------------------------------- */

static void use_limits(struct fixture *fixture, size_t max_execs, size_t max_output)
{
    exec_table_free(fixture->env.execs);
    fixture->env.execs = exec_table_new(max_execs, max_output);
}

static void processes_not_yet_told_are_limited(void **state)
{
    struct fixture *fixture = *state;
    struct exec_args args = { 0 };
    int64_t first, second;
    char *text;

    use_limits(fixture, 2, MIB);
    first = shell(fixture, CAPTURE_NONE, "exit 0");
    second = shell(fixture, CAPTURE_NONE, "exit 0");
    text = exec_text(fixture, &args, "/bin/true", NULL);
    assert_string_equal(text, "error: too many processes wait for guest-exec-status (limit 2)");
    free(text);
    json_object_put(status_at_end(fixture, first));
    for (int i = 0; i < 3; i++) { /* what cannot be started takes no room */
        args = (struct exec_args){ 0 };
        text = exec_text(fixture, &args, "/no/such", NULL);
        assert_non_null(strstr(text, "Failed to execute"));
        free(text);
    }
    first = shell(fixture, CAPTURE_NONE, "exit 0");
    json_object_put(status_at_end(fixture, second));
    json_object_put(status_at_end(fixture, first));
}

static void output_held_is_limited(void **state)
{
    struct fixture *fixture = *state;
    struct exec_args args = { .capture_output = CAPTURE_STDOUT, .has_capture_output = true };
    struct exec_status_args status;
    struct json_object *reply;
    size_t len;
    char *text;

    use_limits(fixture, 100, 100000);
    status.pid = shell(fixture, CAPTURE_STDOUT, "head -c 100001 /dev/zero");
    for (int i = 0; exec_status_reply_max(fixture->env.execs, &status) < 133336; i++) {
        assert_true(i < WAIT_LIMIT_NAPS);
        nap();
    }
    text = exec_text(fixture, &args, "/bin/true", NULL);
    assert_string_equal(text,
                        "error: too much output waits for guest-exec-status (limit 100000 bytes)");
    free(text);
    assert_status_at_end(fixture, shell(fixture, CAPTURE_NONE, "exit 1"),
                         "{\"exited\":true,\"exitcode\":1}"); /* holds nothing */
    reply = status_at_end(fixture, status.pid);
    text = data_member(reply, "out-data", &len);
    assert_int_equal(len, 100000);
    assert_true(bool_member(reply, "out-truncated"));
    json_object_put(reply);
    free(text);
    assert_status_at_end(fixture, shell(fixture, CAPTURE_STDOUT, "echo out"),
                         "{\"exited\":true,\"exitcode\":0," OUT_B64 "}"); /* room again */
}

static void input_that_waits_is_limited_with_the_output(void **state)
{
    struct fixture *fixture = *state;
    struct exec_args args = { .has_input_data = true };
    char *base64 = malloc(400001), *text;

    use_limits(fixture, 100, 100000);
    memset(base64, 'A', 400000);
    base64[400000] = '\0';
    args.input_data = arg(base64);
    text = exec_text(fixture, &args, "/bin/true", NULL);
    assert_string_equal(text, "error: too much input waits to be read by processes");
    free(text);
    free(base64);
}

static void status_reply_max_bounds_the_reply(void **state)
{
    struct fixture *fixture = *state;
    struct exec_status_args status = { .pid = shell(fixture, CAPTURE_SEPARATED,
                                                    "head -c 1000001 /dev/zero; echo err >&2") };
    struct json_object *reply = status_at_end(fixture, status.pid);

    json_object_put(reply);
    assert_true(exec_status_reply_max(fixture->env.execs, &status) < 4096); /* gone */
    status.pid = shell(fixture, CAPTURE_SEPARATED, "head -c 1000001 /dev/zero; echo err >&2");
    for (int i = 0; i < WAIT_LIMIT_NAPS; i++) {
        size_t max = exec_status_reply_max(fixture->env.execs, &status);
        char *text = call(fixture, cmd_exec_status, &status);
        bool ended = strstr(text, "true") != NULL;

        if (ended && max > 4096) /* asked once all was captured */
            assert_true(strlen(text) <= max);
        free(text);
        if (ended)
            break;
        nap();
    }
}

static void the_table_goes_while_children_go_on(void **state)
{
    struct fixture *fixture = *state;
    char line[256], *input = calloc(1, MIB);
    int fifo, status = -1, naps = 0;
    pid_t pid;

    assert_int_equal(mkfifo(path_in(fixture, "go"), 0600), 0);
    fifo = open(path_in(fixture, "go"), O_RDWR | O_CLOEXEC);
    snprintf(line, sizeof(line), "read x < %s; exit 9", path_in(fixture, "go"));
    pid = (pid_t)exec_with_input(fixture, CAPTURE_SEPARATED, line, input, MIB);
    use_limits(fixture, 10, MIB);
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    assert_int_equal(write(fifo, "\n", 1), 1);
    while (waitpid(pid, &status, WNOHANG) == 0 && naps++ < WAIT_LIMIT_NAPS)
        nap();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 9);
    close(fifo);
    free(input);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(with_capture_a_background_child_that_holds_the_pipe_holds_the_end),
        TEST(without_capture_only_the_process_itself_counts),
        TEST(children_are_reaped_even_if_nobody_asks),
        TEST(over_a_thousand_run_at_once_and_all_are_told),
        TEST(processes_not_yet_told_are_limited),
        TEST(output_held_is_limited),
        TEST(input_that_waits_is_limited_with_the_output),
        TEST(status_reply_max_bounds_the_reply),
        TEST(the_table_goes_while_children_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
