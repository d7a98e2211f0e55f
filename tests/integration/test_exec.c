/*
 * Exec: what the child gets and what it does not, how it ends, limits.
 */
#include "exec_calls.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void bad_input_is_refused_and_nothing_runs(void **state)
{
    const char *path = agent_path(*state, "made");
    struct client client;

    client_open(&client, *state);
    client_ask(
        &client,
        "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/touch\",\"arg\":[\"%s\"],"
        "\"input-data\":\"?\"}}",
        path);
    assert_string_equal(client.line, GE("Base64 data contains invalid characters"));
    exec_wait(&client, exec_run(&client, ":", "false"));
    assert_int_equal(access(path, F_OK), -1);
    client_close(&client);
}

#define IN_FLIGHT 1000

static void a_thousand_processes_are_in_flight(void **state)
{
    const char *gate = gate_make(*state);
    int64_t pids[IN_FLIGHT];
    struct client client;
    int fd;

    client_open(&client, *state);
    for (int i = 0; i < IN_FLIGHT; i++)
        client_request(&client,
                       "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/cat\","
                       "\"arg\":[\"%s\"],\"capture-output\":true}}",
                       gate);
    for (int i = 0; i < IN_FLIGHT; i++)
        pids[i] = reply_int(client_line(&client), "pid");
    for (int i = 0; i < IN_FLIGHT; i += 100)
        assert_string_equal(exec_status(&client, pids[i]), "{\"return\": {\"exited\": false}}");
    /* a writer stays until all have come, since a latecomer would wait for one again */
    fd = open(gate, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    unlink(gate);
    close(fd);
    for (int i = 0; i < IN_FLIGHT; i++) {
        kill((pid_t)pids[i], SIGTERM);
        assert_true(reply_has(exec_wait(&client, pids[i]), "\"exited\": true"));
    }
    client_close(&client);
}

static void running_processes_are_bounded(void **state)
{
    struct agent_process agent = { 0 };
    const char *gate;
    struct client client;
    int64_t pids[3];
    char script[200];
    int fd;

    agent_spawn_configured(&agent, "max-execs=3\n");
    gate = gate_make(&agent);
    snprintf(script, sizeof(script), "read x < %s", gate);
    client_open(&client, &agent);
    for (int i = 0; i < 3; i++)
        pids[i] = exec_run(&client, script, "true");
    client_ask(&client, "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/true\"}}");
    assert_string_equal(client.line, GE("too many processes run (limit 3)"));
    fd = open(gate, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    kill((pid_t)pids[1], SIGTERM);
    exec_wait(&client, pids[1]);
    exec_wait(&client, exec_run(&client, ":", "true"));
    kill((pid_t)pids[0], SIGTERM);
    kill((pid_t)pids[2], SIGTERM);
    close(fd);
    client_close(&client);
    agent_end(&agent);
}

/* As a probe whose client gives up before it asks. */
static void what_nobody_asks_for_makes_room(void **state)
{
    struct agent_process agent = { 0 };
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    struct client client;

    agent_spawn_configured(&agent, "max-execs=3\n");
    client_open(&client, &agent);
    for (int started = 0; started < 50;) {
        client_ask(&client,
                   "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/echo\","
                   "\"arg\":[\"%0600d\"],\"capture-output\":true}}",
                   started);
        if (reply_has(client.line, "\"pid\""))
            started++;
        else /* those before have not ended yet */
            assert_true(monotonic_ms() < deadline);
    }
    client_close(&client);
    agent_end(&agent);
}

static void a_signal_is_reported_instead_of_an_exit_code(void **state)
{
    struct client client;

    client_open(&client, *state);
    assert_json_equal(exec_wait(&client, exec_run(&client, "kill -9 $$", "true")),
                      "{\"return\":{\"exited\":true,\"signal\":9}}");
    assert_json_equal(exec_wait(&client, exec_run(&client, "kill -15 $$", "false")),
                      "{\"return\":{\"exited\":true,\"signal\":15}}");
    client_close(&client);
}

static void the_answer_that_tells_the_end_forgets_the_process(void **state)
{
    struct client client;
    char expected[160];
    int64_t pid;

    client_open(&client, *state);
    pid = exec_run(&client, ":", "false");
    exec_wait(&client, pid);
    snprintf(expected, sizeof(expected), GE("PID %" PRId64 " does not exist"), pid);
    assert_string_equal(exec_status(&client, pid), expected);
    assert_string_equal(exec_status(&client, 1), GE("PID 1 does not exist"));
    client_close(&client);
}

/* What a program gets as environment, arguments and name. */
static void environment_and_arguments_are_passed_exactly(void **state)
{
    static const struct {
        const char *arguments, *out;
    } execs[] = {
        { "\"path\":\"/usr/bin/env\",\"env\":[\"A=1\",\"B=\",\"C=x y\"]", "A=1\nB=\nC=x y\n" },
        { "\"path\":\"/usr/bin/env\",\"env\":[]", NULL },
        { "\"path\":\"sh\",\"arg\":[\"-c\",\"echo $0\"]", "sh\n" },
        { "\"path\":\"/bin/sh\",\"arg\":[\"-c\",\"printf '%s|' \\\"$@\\\"\",\"n\",\"a b\",\"\","
          "\"$HOME\",\"\\u00e9\\\"'\"]",
          "a b||$HOME|\xc3\xa9\"'|" },
        { "\"path\":\"printf\",\"arg\":[\"%s\",\"x\"],\"env\":[\"PATH=/no:/usr/bin:/bin\"]", "x" },
        { "\"path\":\"cat\"", NULL }, /* its input is empty */
    };
    struct client client;

    client_open(&client, *state);
    for (size_t i = 0; i < ARRAY_LEN(execs); i++) {
        client_ask(&client,
                   "{\"execute\":\"guest-exec\",\"arguments\":{%s,\"capture-output\":true}}",
                   execs[i].arguments);
        exec_wait(&client, reply_int(client.line, "pid"));
        assert_int_equal(reply_int(client.line, "exitcode"), 0);
        assert_output(client.line, "out-data", execs[i].out);
    }
    client_close(&client);
}

static void without_env_the_agents_environment_is_passed(void **state)
{
    struct agent_process agent = { 0 };
    struct client client;

    setenv("PQGA_TEST_VARIABLE", "here", 1);
    agent_spawn(&agent, NULL);
    unsetenv("PQGA_TEST_VARIABLE");
    client_open(&client, &agent);
    exec_wait(&client, exec_run(&client, "echo $PQGA_TEST_VARIABLE", "true"));
    assert_output(client.line, "out-data", "here\n");
    client_close(&client);
    agent_end(&agent);
}

/* What the agent keeps to itself, and what a program gets though the agent has it not. */
static void a_program_runs_as_under_a_login(void **state)
{
    static const char *const script[] = { "umask", "ulimit -Sn",
                                          "echo $INVOCATION_ID$CREDENTIALS_DIRECTORY",
                                          "echo ${HOME:+a}${USER:+b}${LOGNAME:+c}${SHELL:+d}" };
    static const char *const outputs[] = { "0022\n", "300\n", "\n", "abcd\n" };
    struct agent_process agent = { 0 };
    struct rlimit before, limit;
    mode_t mask = umask(0077);
    struct client client;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = 300;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    setenv("CREDENTIALS_DIRECTORY", "/x", 1);
    setenv("INVOCATION_ID", "x", 1);
    unsetenv("USER");
    unsetenv("LOGNAME");
    signal(SIGCHLD, SIG_IGN); /* as some parents leave it */
    agent_spawn(&agent, NULL);
    signal(SIGCHLD, SIG_DFL);
    unsetenv("CREDENTIALS_DIRECTORY");
    unsetenv("INVOCATION_ID");
    setrlimit(RLIMIT_NOFILE, &before);
    umask(mask);
    client_open(&client, &agent);
    for (size_t i = 0; i < 40; i++) {
        exec_wait(&client, exec_run(&client, script[i % 4], "true"));
        assert_output(client.line, "out-data", outputs[i % 4]);
    }
    exec_wait(&client, exec_run(&client, "exit 3", "true"));
    assert_int_equal(reply_int(client.line, "exitcode"), 3);
    client_close(&client);
    agent_end(&agent);
}

/* ls has one descriptor more: the directory that it reads. */
static void no_descriptor_is_inherited(void **state)
{
    struct client client;

    client_open(&client, *state);
    client_file_open(&client, "/dev/null", "r");
    client_ask(&client,
               "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/ls\","
               "\"arg\":[\"/proc/self/fd\"],\"capture-output\":true,\"input-data\":\"YQ==\"}}");
    exec_wait(&client, reply_int(client.line, "pid"));
    assert_output(client.line, "out-data", "0\n1\n2\n3\n");
    client_close(&client);
}

static void signals_are_at_their_default_and_none_is_blocked(void **state)
{
    struct client client;

    client_open(&client, *state);
    client_ask(&client, "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/grep\","
                        "\"arg\":[\"-E\",\"^Sig(Blk|Ign)\",\"/proc/self/status\"],"
                        "\"capture-output\":true}}");
    exec_wait(&client, reply_int(client.line, "pid"));
    assert_output(client.line, "out-data",
                  "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    client_close(&client);
}

/* Its worker boosts its priority; the program runs as the agent does. */
static void a_program_has_the_agents_priority(void **state)
{
    struct client client;
    char usual[32];

    snprintf(usual, sizeof(usual), "%d\n", getpriority(PRIO_PROCESS, 0));
    client_open(&client, *state);
    client_ask(&client, "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"nice\","
                        "\"capture-output\":true}}");
    exec_wait(&client, reply_int(client.line, "pid"));
    assert_output(client.line, "out-data", usual);
    client_close(&client);
}

static void what_cannot_be_run_is_reported_in_the_references_words(void **state)
{
    const struct agent_process *agent = *state;
    const struct {
        const char *path, *reason;
    } programs[] = {
        { "/no/such", "No such file or directory" },
        { "no-such-program", "No such file or directory" },
        { "/etc/passwd", "Permission denied" },
        { "/etc/passwd/x", "Not a directory" },
        { agent->dir, "Permission denied" },
    };
    char expected[300];
    struct client client;

    client_open(&client, agent);
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        snprintf(expected, sizeof(expected),
                 GE("Failed to execute child process \\u201C%s\\u201D (%s)"), programs[i].path,
                 programs[i].reason);
        client_ask(&client, "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"%s\"}}",
                   programs[i].path);
        assert_string_equal(client.line, expected);
    }
    client_close(&client);
}

static void a_script_without_an_interpreter_is_run_by_the_shell(void **state)
{
    static const char script[] = "echo \"$1 from sh\"\n";
    const char *path = agent_path(*state, "script");
    struct client client;

    write_file(path, script, strlen(script));
    assert_int_equal(chmod(path, 0755), 0);
    client_open(&client, *state);
    client_ask(&client,
               "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"%s\",\"arg\":[\"hello\"],"
               "\"capture-output\":true}}",
               path);
    exec_wait(&client, reply_int(client.line, "pid"));
    assert_output(client.line, "out-data", "hello from sh\n");
    client_close(&client);
}

#define ASKED_AT_ONCE 4

/* A large output is encoded by a worker, and what is asked behind it must not be quicker. */
static void statuses_of_one_pid_are_answered_in_order(void **state)
{
    const char *last;
    struct client client;

    client_open(&client, *state);
    for (int round = 0; round < 20; round++) {
        int64_t pid = exec_run(&client, "head -c 300000 /dev/zero", "true");
        int told = 0, gone = 0;

        do {
            for (int i = 0; i < ASKED_AT_ONCE; i++)
                client_request(
                    &client,
                    "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":%" PRId64 "}}", pid);
            for (int i = 0; i < ASKED_AT_ONCE; i++) {
                last = client_line(&client);
                told += reply_has(last, "\"exited\": true");
                gone += reply_has(last, "does not exist");
                assert_true(gone == 0 || told == 1);
            }
        } while (gone == 0 && told == 0);
    }
    client_close(&client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_agent, teardown_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(bad_input_is_refused_and_nothing_runs),
        CASE(a_thousand_processes_are_in_flight),
        cmocka_unit_test(running_processes_are_bounded),
        cmocka_unit_test(what_nobody_asks_for_makes_room),
        CASE(a_signal_is_reported_instead_of_an_exit_code),
        CASE(the_answer_that_tells_the_end_forgets_the_process),
        CASE(environment_and_arguments_are_passed_exactly),
        cmocka_unit_test(without_env_the_agents_environment_is_passed),
        cmocka_unit_test(a_program_runs_as_under_a_login),
        CASE(no_descriptor_is_inherited),
        CASE(signals_are_at_their_default_and_none_is_blocked),
        CASE(a_program_has_the_agents_priority),
        CASE(what_cannot_be_run_is_reported_in_the_references_words),
        CASE(a_script_without_an_interpreter_is_run_by_the_shell),
        CASE(statuses_of_one_pid_are_answered_in_order),
    };

    return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
