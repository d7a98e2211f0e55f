#include "base/spawn.h"

#include "base/spawn_env.h"
#include "unit/tempdir.h"

#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define LONG_MS 20000

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void write_program(void **dir, const char *name, const char *text)
{
    tempdir_write(dir, name, text);
    assert_int_equal(chmod(tempdir_path(dir, name), 0755), 0);
}

/* Runs a shell script with stdout caught by the pipe of spawn_start(): its exit status. */
static int run_options(struct spawn_options *options, char *ret_output, size_t size)
{
    CLEANUP(buf_done) struct buf output = { 0 };
    struct spawn_child child;
    int fds[2], status;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    options->fd_out = fds[1];
    assert_int_equal(spawn_start(options, &child), 0);
    fd_close(fds[1]);
    assert_int_equal(fd_read_all(fds[0], size - 1, &output), 0);
    fd_close(fds[0]);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    fd_close(child.pidfd);
    snprintf(ret_output, size, "%s", buf_terminate(&output));
    return status;
}

static int run_argv(char *const *argv, char *const *envp, char *ret_output, size_t size)
{
    struct spawn_options options = {
        .path = argv[0],
        .argv = argv,
        .envp = envp,
        .fd_in = SPAWN_NULL,
        .fd_err = SPAWN_NULL,
        .shell_fallback = true,
    };

    return run_options(&options, ret_output, size);
}

/* argv and envp have their type from before const; nobody writes to the strings. */
static char *const *as_argv(const char *const *strings)
{
    char *const *argv;

    memcpy(&argv, &strings, sizeof(argv));
    return argv;
}

#define ARGV(...) as_argv((const char *const[]){ __VA_ARGS__, NULL })

static void output_and_status_of_a_program_arrive(void **dir)
{
    char output[64];
    int status = run_argv(ARGV("/bin/sh", "-c", "echo $0 $1; exit 3", "a", "b c"), NULL, output,
                          sizeof(output));

    assert_string_equal(output, "a b c\n");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
}

static void pidfd_is_close_on_exec_and_readable_after_the_end(void **dir)
{
    struct spawn_options options = {
        .path = "/bin/true",
        .argv = ARGV("/bin/true"),
        .fd_in = SPAWN_NULL,
        .fd_out = SPAWN_NULL,
        .fd_err = SPAWN_NULL,
    };
    struct spawn_child child;
    struct pollfd polled;
    int status;

    assert_int_equal(spawn_start(&options, &child), 0);
    assert_true(fcntl(child.pidfd, F_GETFD) & FD_CLOEXEC);
    polled = (struct pollfd){ .fd = child.pidfd, .events = POLLIN };
    assert_int_equal(poll(&polled, 1, LONG_MS), 1);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_int_equal(status, 0);
    fd_close(child.pidfd);
}

static int start_error_of(const char *path, char *const *argv, char *const *envp,
                          bool shell_fallback)
{
    struct spawn_options options = {
        .path = path,
        .argv = argv,
        .envp = envp,
        .fd_in = SPAWN_NULL,
        .fd_out = SPAWN_NULL,
        .fd_err = SPAWN_NULL,
        .shell_fallback = shell_fallback,
    };
    struct spawn_child child = { .pid = -7 };
    int r = spawn_start(&options, &child);

    assert_int_equal(child.pid, -7);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child, no zombie */
    return r;
}

static int start_error(const char *path, char *const *argv, bool shell_fallback)
{
    return start_error_of(path, argv, NULL, shell_fallback);
}

static int start_error_in(const char *path, char *const *argv, char *const *envp)
{
    return start_error_of(path, argv, envp, true);
}

static void failed_exec_is_reported_with_its_errno(void **dir)
{
    static char huge[3 * 1024 * 1024];

    tempdir_write(dir, "plain", "");
    write_program(dir, "binary", "\x01\x02 no program\n");
    write_program(dir, "lost", "#!/no/such/interpreter\n");
    assert_int_equal(start_error("/no/such/program", ARGV("x"), true), -ENOENT);
    assert_int_equal(start_error("", ARGV("x"), true), -ENOENT);
    assert_int_equal(start_error("no-such-program-at-all", ARGV("x"), true), -ENOENT);
    assert_int_equal(start_error(tempdir_path(dir, "plain"), ARGV("x"), true), -EACCES);
    assert_int_equal(start_error(*dir, ARGV("x"), true), -EACCES);
    assert_int_equal(start_error(tempdir_path(dir, "plain/x"), ARGV("x"), true), -ENOTDIR);
    assert_int_equal(start_error(tempdir_path(dir, "binary"), ARGV("x"), false), -ENOEXEC);
    assert_int_equal(start_error(tempdir_path(dir, "lost"), ARGV("x"), true), -ENOENT);
    memset(huge, 'x', sizeof(huge) - 1);
    assert_int_equal(start_error("/bin/true", ARGV("true", huge), true), -E2BIG);
}

static void script_without_interpreter_line_is_run_by_the_shell(void **dir)
{
    char output[4200], expected[4200];
    const char *path;

    write_program(dir, "script", "echo \"$0|$1|$2|$#\"\n");
    path = tempdir_path(dir, "script");
    assert_int_equal(run_argv(ARGV(path, "one", "two three"), NULL, output, sizeof(output)), 0);
    snprintf(expected, sizeof(expected), "%s|one|two three|2\n", path);
    assert_string_equal(output, expected);
}

static void name_is_searched_in_the_path_of_its_environment_else_of_the_agent(void **dir)
{
    CLEANUP(free_ptr) char *saved = strdup(getenv("PATH"));
    char path[3 * 4096], output[64];

    assert_int_equal(mkdir(tempdir_path(dir, "a"), 0755), 0);
    assert_int_equal(mkdir(tempdir_path(dir, "b"), 0755), 0);
    tempdir_write(dir, "a/pqga-tool", "not executable");
    write_program(dir, "b/pqga-tool", "#!/bin/sh\necho $PATH\n");
    write_program(dir, "b/pqga-plain", "echo plain\n");
    snprintf(path, sizeof(path), "PATH=%s", tempdir_path(dir, "b"));
    assert_int_equal(start_error("pqga-tool", ARGV("x"), true), -ENOENT);

    snprintf(path, sizeof(path), "/no/such:%s:%s:", tempdir_path(dir, "a"), tempdir_path(dir, "b"));
    setenv("PATH", path, 1);
    assert_int_equal(run_argv(ARGV("pqga-tool"), ARGV("X=1"), output, sizeof(output)), 0);
    assert_int_equal(run_argv(ARGV("pqga-plain"), ARGV("X=1"), output, sizeof(output)), 0);
    assert_string_equal(output, "plain\n");
    assert_int_equal(run_argv(ARGV("pqga-plain"), NULL, output, sizeof(output)), 0);
    assert_string_equal(output, "plain\n");
    setenv("PATH", tempdir_path(dir, "a"), 1);
    assert_int_equal(start_error("pqga-tool", ARGV("x"), true), -EACCES);
    setenv("PATH", saved, 1);
    snprintf(path, sizeof(path), "PATH=%s", tempdir_path(dir, "b"));
    assert_int_equal(run_argv(ARGV("pqga-plain"), ARGV("X=1", path), output, sizeof(output)), 0);
    assert_string_equal(output, "plain\n");
    assert_int_equal(start_error_in("cat", ARGV("cat"), ARGV("PATH=/no/such")), -ENOENT);
}

static void empty_path_element_is_not_the_working_directory(void **dir)
{
    CLEANUP(free_ptr) char *saved = strdup(getenv("PATH"));
    CLEANUP(fd_closep) int cwd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    write_program(dir, "pqga-here", "#!/bin/sh\n");
    assert_int_equal(chdir(*dir), 0);
    setenv("PATH", ":/no/such::", 1);
    assert_int_equal(start_error("pqga-here", ARGV("x"), true), -ENOENT);
    setenv("PATH", saved, 1);
    assert_int_equal(fchdir(cwd), 0);
}

static void given_environment_is_exactly_that(void **dir)
{
    char output[256];

    assert_int_equal(
        run_argv(ARGV("/usr/bin/env"), ARGV("A=1", "B=two words"), output, sizeof(output)), 0);
    assert_string_equal(output, "A=1\nB=two words\n");
    assert_int_equal(
        run_argv(ARGV("/usr/bin/env"), (char *const[]){ NULL }, output, sizeof(output)), 0);
    assert_string_equal(output, "");
    setenv("PQGA_TEST", "inherited", 1);
    assert_int_equal(
        run_argv(ARGV("/bin/sh", "-c", "echo $PQGA_TEST"), NULL, output, sizeof(output)), 0);
    assert_string_equal(output, "inherited\n");
}

static void child_has_no_descriptors_of_the_agent(void **dir)
{
    CLEANUP(fd_closep) int leaky = open("/dev/null", O_RDONLY); /* NOLINT: on purpose */
    CLEANUP(fd_closep) int high = fcntl(leaky, F_DUPFD, 200);
    char output[256];

    assert_true(leaky > 2 && high >= 200);
    assert_int_equal(run_argv(ARGV("/bin/sh", "-c",
                                   "cd /proc/self/fd; for f in 0 1 2 3 4 5 6 7 8 9 200; do "
                                   "[ -e /proc/$$/fd/$f ] && echo $f; done; exit 0"),
                              NULL, output, sizeof(output)),
                     0);
    assert_string_equal(output, "0\n1\n2\n");
}

static void child_has_default_signals_and_an_empty_mask(void **dir)
{
    char output[4096];
    sigset_t usr1;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    assert_int_equal(run_argv(ARGV("/bin/cat", "/proc/self/status"), NULL, output, sizeof(output)),
                     0);
    assert_non_null(strstr(output, "SigBlk:\t0000000000000000\n"));
    assert_non_null(strstr(output, "SigIgn:\t0000000000000000\n"));
    sigprocmask(SIG_UNBLOCK, &usr1, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

static void standard_streams_may_be_crossed(void **dir)
{
    CLEANUP(fd_closep) int saved_in = fcntl(0, F_DUPFD_CLOEXEC, 10);
    CLEANUP(fd_closep) int saved_err = fcntl(2, F_DUPFD_CLOEXEC, 10);
    struct spawn_options options = {
        .path = "/bin/sh",
        .argv = ARGV("/bin/sh", "-c", "cat; echo to-err >&2"),
        .fd_in = 2, /* the test's stderr is a file to read, its stdin one to write */
        .fd_err = 0,
    };
    char output[64];
    int fd;

    tempdir_write(dir, "in", "from-in\n");
    tempdir_write(dir, "err", "");
    fd = open(tempdir_path(dir, "in"), O_RDONLY | O_CLOEXEC);
    dup2(fd, 2);
    fd_close(fd);
    fd = open(tempdir_path(dir, "err"), O_WRONLY | O_CLOEXEC);
    dup2(fd, 0);
    fd_close(fd);
    run_options(&options, output, sizeof(output));
    dup2(saved_in, 0);
    dup2(saved_err, 2);
    assert_string_equal(output, "from-in\n");
    assert_string_equal(tempdir_read(dir, "err"), "to-err\n");
}

static void null_streams_are_empty_and_swallow(void **dir)
{
    char output[64];

    assert_int_equal(run_argv(ARGV("/bin/sh", "-c", "cat; echo lost >&2; echo done"), NULL, output,
                              sizeof(output)),
                     0);
    assert_string_equal(output, "done\n");
}

static void run_feeds_input_and_catches_both_streams_in_order(void **dir)
{
    static const char *const argv[] = { "/bin/sh", "-c",
                                        "read a; echo out-$a; echo err >&2; echo out; exit 4",
                                        NULL };
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };
    CLEANUP(buf_done) struct buf input = { 0 };
    char text[64];

    buf_puts(&input, "line\nrest");
    assert_int_equal(spawn_run(argv, &input, LONG_MS, &result), 0);
    assert_string_equal(buf_terminate(&result.output), "out-line\nerr\nout\n");
    assert_true(result.exited);
    assert_false(result.timed_out);
    assert_int_equal(result.exit_code, 4);
    assert_string_equal(spawn_result_text(&result, text, sizeof(text)), "exit status 4");
}

static void run_reports_a_signal_and_a_program_that_is_not_there(void **dir)
{
    static const char *const dies[] = { "/bin/sh", "-c", "kill -9 $$", NULL };
    static const char *const none[] = { "/no/such/program", NULL };
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };
    char text[64];

    assert_int_equal(spawn_run(none, NULL, LONG_MS, &result), -ENOENT);
    assert_int_equal(spawn_run(dies, NULL, -1, &result), 0);
    assert_false(result.exited);
    assert_int_equal(result.signal, 9);
    assert_string_equal(spawn_result_text(&result, text, sizeof(text)), "signal 9");
}

static void run_keeps_the_begin_and_the_end_of_output(void **dir)
{
    static const char *const argv[] = { "/bin/sh", "-c",
                                        "printf start; head -c 1000000 /dev/zero; printf end",
                                        NULL };
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };

    assert_int_equal(spawn_run(argv, NULL, LONG_MS, &result), 0);
    assert_true(result.exited);
    assert_int_equal(result.output.len, 64 * KIB);
    assert_memory_equal(result.output.data, "start\0", 6);
    assert_memory_equal(result.output.data + 64 * KIB - 4, "\0end", 4);
}

/* Fails unless the process, which is no child of ours, has ended or does so soon. */
static void assert_ended(pid_t pid)
{
    struct pollfd polled = { .events = POLLIN };

    assert_true(pid > 1);
    polled.fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (polled.fd < 0) {
        assert_int_equal(errno, ESRCH);
        return;
    }
    assert_int_equal(poll(&polled, 1, LONG_MS), 1);
    fd_close(polled.fd);
}

static void run_ends_at_its_time_limit_with_all_its_children(void **dir)
{
    static const char *const argv[] = { "/bin/sh", "-c", "sleep 600 & echo $!; sleep 600; true",
                                        NULL };
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };
    int64_t start = now_ms();
    char text[64];

    assert_int_equal(spawn_run(argv, NULL, 300, &result), 0);
    assert_in_range(now_ms() - start, 300, LONG_MS);
    assert_true(result.timed_out);
    assert_false(result.exited);
    assert_string_equal(spawn_result_text(&result, text, sizeof(text)),
                        "no end within its time limit");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_non_null(buf_terminate(&result.output));
    assert_ended((pid_t)atoi(result.output.data));
}

static void run_does_not_wait_for_a_background_child_with_the_pipe(void **dir)
{
    static const char *const argv[] = { "/bin/sh", "-c", "sleep 600 & echo $!; exit 0", NULL };
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };

    assert_int_equal(spawn_run(argv, NULL, LONG_MS, &result), 0);
    assert_true(result.exited);
    assert_non_null(buf_terminate(&result.output));
    assert_int_equal(kill((pid_t)atoi(result.output.data), SIGKILL), 0);
}

static void run_feeds_more_than_a_pipe_holds_by_a_pipe(void **dir)
{
    static const char *const argv[] = { "/bin/sh", "-c", "[ -p /dev/stdin ] && wc -c", NULL };
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };
    CLEANUP(buf_done) struct buf input = { 0 };

    assert_non_null(buf_reserve(&input, MIB));
    memset(input.data, 'x', MIB);
    input.len = MIB;
    assert_int_equal(spawn_run(argv, &input, LONG_MS, &result), 0);
    assert_string_equal(buf_terminate(&result.output), "1048576\n");
}

static void run_ends_though_nobody_reads_the_input(void **dir)
{
    static const char *const argv[] = { "/bin/sh", "-c", "exit 3", NULL };
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };
    CLEANUP(buf_done) struct buf input = { 0 };

    assert_non_null(buf_reserve(&input, MIB));
    memset(input.data, 'x', MIB);
    input.len = MIB;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(spawn_run(argv, &input, LONG_MS, &result), 0);
    assert_int_equal(result.exit_code, 3);
    signal(SIGPIPE, SIG_DFL);
}

static void a_child_has_the_umask_of_a_login(void **dir)
{
    mode_t before = umask(0077);
    char output[64];

    assert_int_equal(run_argv(ARGV("/bin/sh", "-c", "umask"), NULL, output, sizeof(output)), 0);
    assert_string_equal(output, "0022\n");
    assert_int_equal(umask(before), 0077);
}

/* As a unit of systemd has it. */
static void what_the_service_manager_tells_the_agent_is_not_passed_on(void **dir)
{
    static const char *const names[] = { "JOURNAL_STREAM", "CREDENTIALS_DIRECTORY",
                                         "QGA_CONF",       "INVOCATION_ID",
                                         "NOTIFY_SOCKET",  "LISTEN_FDS",
                                         "LISTEN_PID",     "WATCHDOG_USEC",
                                         "STATE_DIRECTORY" };
    char output[8192];

    setenv("LISTEN", "stays", 1);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        setenv(names[i], "x", 1);
    assert_int_equal(run_argv(ARGV("/usr/bin/env"), NULL, output, sizeof(output)), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_null(strstr(output, names[i]));
        unsetenv(names[i]);
    }
    assert_non_null(strstr(output, "LISTEN=stays\n"));
    unsetenv("LISTEN");
}

static void a_login_is_added_where_the_environment_lacks_it(void **dir)
{
    static const char *const names[] = { "HOME", "USER", "LOGNAME", "SHELL" };
    struct passwd *entry = getpwuid(geteuid());
    char output[1024], expected[1024];

    if (!entry)
        skip();
    spawn_env_init();
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unsetenv(names[i]);
    setenv("HOME", "/elsewhere", 1);
    assert_int_equal(run_argv(ARGV("/bin/sh", "-c", "echo $HOME $USER $LOGNAME $SHELL"), NULL,
                              output, sizeof(output)),
                     0);
    snprintf(expected, sizeof(expected), "/elsewhere %s %s %s\n", entry->pw_name, entry->pw_name,
             entry->pw_shell);
    assert_string_equal(output, expected);
    unsetenv("HOME");
    assert_int_equal(run_argv(ARGV("/bin/sh", "-c", "echo $HOME"), NULL, output, sizeof(output)),
                     0);
    snprintf(expected, sizeof(expected), "%s\n", entry->pw_dir);
    assert_string_equal(output, expected);
}

static void statuses_are_reported_though_the_parent_left_sigchld_ignored(void **dir)
{
    static const char *const argv[] = { "/bin/sh", "-c", "exit 3", NULL };
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };

    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(spawn_run(argv, NULL, LONG_MS, &result), -ECHILD); /* never a status */
    spawn_init(0);
    assert_int_equal(spawn_run(argv, NULL, LONG_MS, &result), 0);
    assert_true(result.exited);
    assert_int_equal(result.exit_code, 3);
}

/* From its first instruction on, whoever else is scheduled. */
static void a_child_keeps_the_old_limit_of_descriptors(void **dir)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 200;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    spawn_init(300);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, 300);
    for (int i = 0; i < 100; i++) {
        char output[64];

        assert_int_equal(
            run_argv(ARGV("/bin/sh", "-c", "ulimit -Sn"), NULL, output, sizeof(output)), 0);
        assert_string_equal(output, "200\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_status_of_a_program_arrive),
        cmocka_unit_test(pidfd_is_close_on_exec_and_readable_after_the_end),
        TEST_IN_TEMPDIR(failed_exec_is_reported_with_its_errno),
        TEST_IN_TEMPDIR(script_without_interpreter_line_is_run_by_the_shell),
        TEST_IN_TEMPDIR(name_is_searched_in_the_path_of_its_environment_else_of_the_agent),
        TEST_IN_TEMPDIR(empty_path_element_is_not_the_working_directory),
        cmocka_unit_test(given_environment_is_exactly_that),
        cmocka_unit_test(child_has_no_descriptors_of_the_agent),
        cmocka_unit_test(child_has_default_signals_and_an_empty_mask),
        TEST_IN_TEMPDIR(standard_streams_may_be_crossed),
        cmocka_unit_test(null_streams_are_empty_and_swallow),
        cmocka_unit_test(run_feeds_input_and_catches_both_streams_in_order),
        cmocka_unit_test(run_reports_a_signal_and_a_program_that_is_not_there),
        cmocka_unit_test(run_keeps_the_begin_and_the_end_of_output),
        cmocka_unit_test(run_ends_at_its_time_limit_with_all_its_children),
        cmocka_unit_test(run_does_not_wait_for_a_background_child_with_the_pipe),
        cmocka_unit_test(run_feeds_more_than_a_pipe_holds_by_a_pipe),
        cmocka_unit_test(run_ends_though_nobody_reads_the_input),
        cmocka_unit_test(a_child_has_the_umask_of_a_login),
        cmocka_unit_test(what_the_service_manager_tells_the_agent_is_not_passed_on),
        cmocka_unit_test(a_login_is_added_where_the_environment_lacks_it),
        cmocka_unit_test(statuses_are_reported_though_the_parent_left_sigchld_ignored),
        cmocka_unit_test(a_child_keeps_the_old_limit_of_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
