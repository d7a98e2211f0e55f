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

/* The state of a process: 'Z' for one that has ended and was not reaped, 0 for none. */
static char process_state(int64_t pid)
{
    char path[32], line[512] = "", *name_end;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    if (!fgets(line, sizeof(line), file))
        line[0] = '\0';
    fclose(file);
    name_end = strrchr(line, ')');
    return name_end ? name_end[2] : '\0';
}

static void wait_for_zombie(int64_t pid)
{
    for (int naps = 0; process_state(pid) != 'Z'; naps++) {
        assert_true(naps < WAIT_LIMIT_NAPS);
        nap();
    }
}

static void nobody_else_gets_the_pid_before_the_end_is_reported(void **state)
{
    struct fixture *fixture = *state;
    int64_t pid = shell(fixture, CAPTURE_NONE, "exit 6");

    wait_for_zombie(pid);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(process_state(pid), 'Z');
        nap();
    }
    assert_status_at_end(fixture, pid, "{\"exited\":true,\"exitcode\":6}");
    assert_int_equal(process_state(pid), 0);
}

static void an_end_that_cannot_be_known_is_no_status(void **state)
{
    struct fixture *fixture = *state;
    struct exec_status_args args;
    char expected[96], *text;

    signal(SIGCHLD, SIG_IGN);
    args.pid = shell(fixture, CAPTURE_NONE, "exit 6");
    snprintf(expected, sizeof(expected), "error: how PID %d has ended is not known", (int)args.pid);
    for (int naps = 0;; naps++) {
        text = call(fixture, cmd_exec_status, &args);
        if (strstr(text, "error"))
            break;
        assert_string_equal(text, "{\"exited\": false}");
        assert_true(naps < WAIT_LIMIT_NAPS);
        free(text);
        nap();
    }
    assert_string_equal(text, expected);
    free(text);
    signal(SIGCHLD, SIG_DFL);
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
static void over_a_thousand_run_at_once_and_all_are_reported(void **state)
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
        assert_status_at_end(
            fixture, status[i].pid,
            "{\"exited\":true,\"exitcode\":0,\"out-data\":\"eA==\",\"out-truncated\":false}");
    close(writer);
}

/* --- limits --------------------------------------------------------------------------- */

static void use_limits(struct fixture *fixture, size_t max_execs, size_t max_output)
{
    exec_table_free(fixture->env.execs);
    fixture->env.execs = exec_table_new(max_execs, max_output);
}

static int64_t open_gate(struct fixture *fixture, int *ret_fd)
{
    char line[256];

    assert_int_equal(mkfifo(path_in(fixture, "go"), 0600), 0);
    *ret_fd = open(path_in(fixture, "go"), O_RDWR | O_CLOEXEC);
    snprintf(line, sizeof(line), "read x < %s; exit 1", path_in(fixture, "go"));
    return shell(fixture, CAPTURE_NONE, line);
}

/* Refused only until the watcher has seen the end of others. */
static int64_t shell_in_time(struct fixture *fixture, enum exec_capture capture, const char *line)
{
    for (int naps = 0;; naps++) {
        struct exec_args args = { .capture_output = (int)capture, .has_capture_output = true };
        char *text = exec_text(fixture, &args, "/bin/sh", (const char *[]){ "-c", line, NULL });
        long pid = 0;
        bool started = sscanf(text, "{\"pid\": %ld}", &pid) == 1;

        free(text);
        if (started)
            return pid;
        assert_true(naps < WAIT_LIMIT_NAPS);
        nap();
    }
}

/* Nobody asks for thousands of them: the next is started as the first was. */
static void processes_that_nobody_asks_for_make_room(void **state)
{
    struct fixture *fixture = *state;
    struct exec_status_args status;
    int64_t running, last = 0;
    char expected[64];
    int gate;

    use_limits(fixture, 3, MIB);
    running = open_gate(fixture, &gate);
    status.pid = shell(fixture, CAPTURE_NONE, "exit 0");
    wait_for_zombie(status.pid);
    for (int i = 0; i < 50; i++) {
        last = shell_in_time(fixture, CAPTURE_NONE, "exit 5");
        wait_for_zombie(last);
    }
    snprintf(expected, sizeof(expected), "error: PID %d does not exist", (int)status.pid);
    assert_reply(fixture, cmd_exec_status, &status, expected);
    assert_status_at_end(fixture, last, "{\"exited\":true,\"exitcode\":5}");
    assert_int_equal(write(gate, "\n", 1), 1);
    assert_status_at_end(fixture, running, "{\"exited\":true,\"exitcode\":1}");
    close(gate);
}

static void running_processes_are_limited(void **state)
{
    struct fixture *fixture = *state;
    struct exec_args args = { 0 };
    int64_t running;
    char *text;
    int gate;

    use_limits(fixture, 1, MIB);
    running = open_gate(fixture, &gate);
    text = exec_text(fixture, &args, "/bin/true", NULL);
    assert_string_equal(text, "error: too many processes run (limit 1)");
    free(text);
    assert_int_equal(write(gate, "\n", 1), 1);
    json_object_put(status_at_end(fixture, running));
    for (int i = 0; i < 3; i++) { /* what cannot be started takes no room */
        args = (struct exec_args){ 0 };
        text = exec_text(fixture, &args, "/no/such", NULL);
        assert_non_null(strstr(text, "Failed to execute"));
        free(text);
    }
    json_object_put(status_at_end(fixture, shell(fixture, CAPTURE_NONE, "exit 0")));
    close(gate);
}

/* One of whose output 100000 bytes are kept, and which runs on. */
static int64_t writer_that_runs(struct fixture *fixture, int *ret_gate)
{
    struct exec_status_args status;
    char line[256];

    assert_int_equal(mkfifo(path_in(fixture, "out"), 0600), 0);
    *ret_gate = open(path_in(fixture, "out"), O_RDWR | O_CLOEXEC);
    snprintf(line, sizeof(line), "head -c 100001 /dev/zero; read x < %s", path_in(fixture, "out"));
    status.pid = shell(fixture, CAPTURE_STDOUT, line);
    for (int i = 0; exec_status_reply_max(fixture->env.execs, &status) < 133336; i++) {
        assert_true(i < WAIT_LIMIT_NAPS);
        nap();
    }
    return status.pid;
}

static void output_of_running_processes_is_limited(void **state)
{
    struct fixture *fixture = *state;
    struct exec_args args = { .capture_output = CAPTURE_STDOUT, .has_capture_output = true };
    struct json_object *reply;
    int64_t running;
    size_t len;
    char *text;
    int gate;

    use_limits(fixture, 100, 100000);
    running = writer_that_runs(fixture, &gate);
    text = exec_text(fixture, &args, "/bin/true", NULL);
    assert_string_equal(text, "error: running processes hold too much output (limit 100000 bytes)");
    free(text);
    assert_status_at_end(fixture, shell(fixture, CAPTURE_NONE, "exit 1"),
                         "{\"exited\":true,\"exitcode\":1}"); /* holds nothing */
    assert_int_equal(write(gate, "\n", 1), 1);
    reply = status_at_end(fixture, running);
    text = data_member(reply, "out-data", &len);
    assert_int_equal(len, 100000);
    assert_true(bool_member(reply, "out-truncated"));
    json_object_put(reply);
    free(text);
    assert_status_at_end(fixture, shell(fixture, CAPTURE_STDOUT, "echo out"),
                         "{\"exited\":true,\"exitcode\":0," OUT_B64 "}"); /* room again */
    close(gate);
}

static void output_that_nobody_asks_for_makes_room(void **state)
{
    struct fixture *fixture = *state;
    int64_t first, second;

    use_limits(fixture, 100, 100000);
    first = shell(fixture, CAPTURE_STDOUT, "head -c 100001 /dev/zero");
    wait_for_zombie(first);
    for (int i = 0; exec_table_kept(fixture->env.execs, first) < 100000; i++) {
        assert_true(i < WAIT_LIMIT_NAPS);
        nap();
    }
    second = shell_in_time(fixture, CAPTURE_STDOUT, "echo out");
    assert_status_at_end(fixture, second, "{\"exited\":true,\"exitcode\":0," OUT_B64 "}");
    assert_status_at_end(
        fixture, first,
        "{\"exited\":true,\"exitcode\":0,\"out-data\":\"\",\"out-truncated\":true}");
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
        TEST(nobody_else_gets_the_pid_before_the_end_is_reported),
        TEST(an_end_that_cannot_be_known_is_no_status),
        TEST(over_a_thousand_run_at_once_and_all_are_reported),
        TEST(processes_that_nobody_asks_for_make_room),
        TEST(running_processes_are_limited),
        TEST(output_of_running_processes_is_limited),
        TEST(output_that_nobody_asks_for_makes_room),
        TEST(input_that_waits_is_limited_with_the_output),
        TEST(status_reply_max_bounds_the_reply),
        TEST(the_table_goes_while_children_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
