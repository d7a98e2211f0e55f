/*
 * Command line and configuration: exit statuses, messages, precedence, what is dumped.
 */
#include "fixture.h"

#include <sys/wait.h>
#include <unistd.h>

#define REFERENCE "/usr/sbin/qemu-ga"

/* Runs the agent with up to eight arguments: its exit status; *ret_output is to be freed. */
static int run_agent(const char *const *arguments, char **ret_output)
{
    const char *argv[12] = { PQGA_AGENT };
    int status;

    for (size_t i = 0; i < 8 && arguments[i]; i++)
        argv[i + 1] = arguments[i];
    status = run_program(argv, ret_output);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void options_end_with_the_references_status(void **state)
{
    static const struct {
        const char *arguments[9];
        int status;
        const char *text; /* part of what is printed */
    } runs[] = {
        { { "-V" }, 0, "QEMU Guest Agent " },
        { { "--version" }, 0, "QEMU Guest Agent " },
        { { "--vers", "and", "words" }, 0, "QEMU Guest Agent " },
        { { "-h" }, 0, "Usage: " },
        { { "--help" }, 0, "/etc/qemu/fsfreeze-hook" },
        { { "-V", "--bogus" }, 0, "QEMU Guest Agent " },
        { { "-b", "help" }, 0, "guest-file-open\n" },
        { { "-b", "?" }, 0, "guest-ping\n" },
        { { "-a", "help" }, 0, "guest-set-vcpus\n" },
        { { "-D" }, 0, "[general]\ndaemon=false\nmethod=virtio-serial\npath=/dev/virtio-ports/" },
        { { "--bogus" }, 1, "--help' for more information.\n" },
        { { "-m", "foo" }, 1, "unsupported channel method/type: foo" },
        { { "-m" }, 1, "--help' for more information.\n" },
        { { "-m", "bogus", "-p", "/x", "-t", "/tmp" },
          1,
          "unsupported channel method/type: bogus" },
        { { "-m", "unix-listen" }, 1, "must specify a path for this channel" },
        { { "-m", "vsock-listen" }, 1, "must specify a path for this channel" },
        { { "-m", "vsock-listen", "-p", "x:y", "-t", "/tmp" }, 1, "critical: " },
        { { "-m", "unix-listen", "-p", "/no/such/socket", "-t", "/tmp" },
          1,
          "No such file or directory" },
        { { "-m", "unix-listen", "-p", "/tmp/pqga-x", "-t", "/tmp", "-l", "/no/such/log" },
          1,
          "/no/such/log" },
        { { "--profile", "backups", "-m", "unix-listen", "-p", "/tmp/pqga-x", "-t", "/tmp" },
          1,
          "there is no profile 'backups', did you mean 'backup'?" },
        { { "--explain", "guest-exec" },
          0,
          "guest-exec (class exec): allowed by profile=open (default)\n" },
        { { "--explain", "guest-exec", "--profile", "rhel" },
          0,
          "guest-exec (class exec): refused by profile=rhel (command line)\n" },
        { { "--explain", "guest-ping,guest-exec", "-b", "guest-exec" },
          0,
          "guest-exec (class exec): refused by block-rpcs (command line)\n" },
        { { "--explain", "all", "-a", "guest-ping" },
          0,
          "guest-exec (class exec): refused: it is not in allow-rpcs (command line)\n" },
        { { "--explain", "guest-exce" }, 1, "did you mean 'guest-exec'?" },
        { { "-c", "/no/such/config", "-D" }, 1, "/no/such/config" },
    };

    for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
        char *output;
        int status = run_agent(runs[i].arguments, &output);

        if (status != runs[i].status || !strstr(output, runs[i].text))
            fail_msg("run %zu (%s): status %d, printed: %s", i, runs[i].arguments[0], status,
                     output);
        free(output);
    }
}

/* What says so is named by file and line. */
static void explain_names_the_line_of_the_file(void **state)
{
    static const char config[] = "# rights\n[general]\nprofile=managed\n\nblock-rpcs=guest-fstrim\n"
                                 "allow-rpcs=guest-fstrim,guest-shutdown,guest-exec\n";
    struct agent_process agent = { 0 };
    const char *arguments[] = { "-c", NULL, "--explain", "all", NULL };
    char *output;

    agent_make_dir(&agent);
    arguments[1] = agent_path(&agent, "config");
    write_file(arguments[1], config, sizeof(config) - 1);
    assert_int_equal(run_agent(arguments, &output), 0);
    assert_true(reply_has(output, "guest-exec (class exec): refused by profile=managed ("));
    assert_true(reply_has(output, "/config:3)\n"));
    assert_true(reply_has(output, "guest-fstrim (class fs-mgmt): refused by block-rpcs ("));
    assert_true(reply_has(output, "/config:5)\n"));
    assert_true(reply_has(output, "/config:3) and by allow-rpcs ("));
    assert_true(reply_has(output, "/config:6)\n"));
    free(output);
    agent_remove_dir(&agent);
}

/* What asks for the version reads a line. */
static void version_is_one_line(void **state)
{
    static const char *const arguments[] = { "-V", NULL };
    char *output;

    assert_int_equal(run_agent(arguments, &output), 0);
    assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1);
    free(output);
}

/* A block list that would do nothing ends the start, if the owner wants that. */
static void strict_configuration_ends_the_start(void **state)
{
    static const struct {
        const char *text, *told;
    } files[] = {
        { "[general]\nstrict=true\nblock-rpcs=guest-exce\n", "did you mean 'guest-exec'?" },
        { "[general]\nstrict=true\nblock_rpcs=guest-exec\n", "did you mean 'block-rpcs'?" },
        { "[general]\nstrict=true\nfile-deny=/etc/**\n", "guest-exec is allowed, so file-allow" },
        { "[general]\nstrict=1\nstatedir=/tmp\n", "may be changed by others than root: /tmp is" },
    };
    const char *path = agent_path(*state, "config");
    const char *const arguments[] = { "-m", "unix-listen", "-p", agent_path(*state, "s"),
                                      "-c", path,          NULL };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char *output;

        write_file(path, files[i].text, strlen(files[i].text));
        assert_int_equal(run_agent(arguments, &output), 1);
        if (!strstr(output, files[i].told) || !strstr(output, "strict=true"))
            fail_msg("file %zu: %s", i, output);
        free(output);
    }
}

static void every_command_is_listed_once_a_line(void **state)
{
    static const char *const arguments[] = { "--block-rpcs", "help", NULL };
    const char *last = "";
    char *output, *rest, *line;
    int count = 0;

    assert_int_equal(run_agent(arguments, &output), 0);
    rest = output;
    while ((line = strsep(&rest, "\n")) && *line) {
        assert_memory_equal(line, "guest-", 6);
        assert_true(strcmp(last, line) < 0); /* sorted, and none twice */
        last = line;
        count++;
    }
    assert_true(count >= 43); /* those of the schema */
    free(output);
}

/* --- configuration ---------------------------------------------------------------------- */

static void a_broken_configuration_is_reported(void **state)
{
    static const struct {
        const char *text;
        int status;
    } files[] = {
        { "", 0 },
        { "[general]\nunknown=1\n[other]\nverbose=maybe\n", 0 },
        { "# comment\n\n[general]\nverbose=1\nverbose=0\n", 0 },
        { "[general]\nverbose=maybe\n", 1 },
        { "[general]\nno key or value\n", 1 },
        { "verbose=true\n", 1 },
        { "[general]\npath=\\q\n", 1 },
        { "[general]\npath=\xff\n", 1 },
        { "[general]\nmax-handles=many\n", 1 },
        { "[general]\nmax-handles=0\n", 1 },
    };
    const char *path = agent_path(*state, "config");
    const char *const arguments[] = { "-c", path, "-D", NULL };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char *output;
        int status;

        write_file(path, files[i].text, strlen(files[i].text));
        status = run_agent(arguments, &output);
        if (status != files[i].status)
            fail_msg("file %zu: status %d: %s", i, status, output);
        free(output);
    }
}

static void the_command_line_beats_the_file_and_lists_add_up(void **state)
{
    static const char text[] = "[general]\nmethod=isa-serial\npath=/x\nstatedir=/y\n"
                               "block-rpcs=guest-ping\nverbose=true\n";
    const char *path = agent_path(*state, "config");
    const char *const arguments[] = { "-p", "/z", "-c", path, "-b", "guest-info", "-D", NULL };
    char *output;

    write_file(path, text, strlen(text));
    assert_int_equal(run_agent(arguments, &output), 0);
    assert_true(reply_has(output, "\nmethod=isa-serial\n"));
    assert_true(reply_has(output, "\npath=/z\n"));
    assert_true(reply_has(output, "\nstatedir=/y\n"));
    assert_true(reply_has(output, "\nverbose=true\n"));
    assert_true(reply_has(output, "guest-ping"));
    assert_true(reply_has(output, "guest-info"));
    free(output);
}

static void the_environment_names_the_file_and_it_may_be_missing(void **state)
{
    const char *path = agent_path(*state, "config");
    static const char *const arguments[] = { "-D", NULL };
    char *output;

    setenv("QGA_CONF", path, 1);
    assert_int_equal(run_agent(arguments, &output), 0);
    assert_true(reply_has(output, "\nverbose=false\n"));
    free(output);
    write_file(path, "[general]\nverbose=true\n", 23);
    assert_int_equal(run_agent(arguments, &output), 0);
    assert_true(reply_has(output, "\nverbose=true\n"));
    free(output);
    unsetenv("QGA_CONF");
}

/* Whoever tries a configuration hears of what does nothing in it. */
static void a_dump_warns_of_names_that_are_no_command(void **state)
{
    static const char text[] = "[general]\nblock-rpcs=guest-exce\n";
    const char *path = agent_path(*state, "config");
    const char *const arguments[] = { "-c", path, "-a", "guest-pong", "-D", NULL };
    char *output;

    write_file(path, text, strlen(text));
    assert_int_equal(run_agent(arguments, &output), 0);
    assert_true(reply_has(output, "did you mean 'guest-exec'?"));
    assert_true(reply_has(output, "did you mean 'guest-ping'?"));
    assert_true(reply_has(output, "\nblock-rpcs=guest-exce"));
    free(output);
}

/* What both print is a configuration that both read. */
static void the_reference_reads_a_dumped_configuration(void **state)
{
    static const char *const dump[] = { "-D", "-v",         "-p", " /dev/ttyS9\\", "-t", "/a b",
                                        "-b", "guest-ping", NULL };
    static const char *const reference[] = { REFERENCE, "-D", NULL };
    static const char *const lines[] = { "\nmethod=virtio-serial\n", "\npath=\\s/dev/ttyS9\\\\\n",
                                         "\nstatedir=/a b\n", "\nverbose=true\n",
                                         "\nblock-rpcs=guest-ping" };
    const char *path = agent_path(*state, "config");
    char *ours, *theirs;

    if (access(REFERENCE, X_OK) != 0)
        skip();
    assert_int_equal(run_agent(dump, &ours), 0);
    write_file(path, ours, strlen(ours));
    setenv("QGA_CONF", path, 1);
    assert_int_equal(run_program(reference, &theirs), 0);
    unsetenv("QGA_CONF");
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        assert_true(reply_has(ours, lines[i]));
        assert_true(reply_has(theirs, lines[i]));
    }
    free(ours);
    free(theirs);
}

static void the_old_blacklist_gives_a_warning(void **state)
{
    const char *path = agent_path(*state, "config");
    const char *const by_file[] = { "-c", path, "-D", NULL };
    static const char *const by_option[] = { "--blacklist", "guest-ping", "-D", NULL };
    char *output;

    write_file(path, "[general]\nblacklist=guest-ping\n", 31);
    assert_int_equal(run_agent(by_file, &output), 0);
    assert_true(reply_has(output, "warning: config using deprecated 'blacklist' key"));
    assert_true(reply_has(output, "\nblock-rpcs=guest-ping"));
    free(output);
    assert_int_equal(run_agent(by_option, &output), 0);
    assert_true(reply_has(output, "warning: "));
    assert_true(reply_has(output, "\nblock-rpcs=guest-ping"));
    free(output);
}

#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, setup_dir, teardown_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_end_with_the_references_status),
        cmocka_unit_test(version_is_one_line),
        cmocka_unit_test(explain_names_the_line_of_the_file),
        IN_DIR(strict_configuration_ends_the_start),
        cmocka_unit_test(every_command_is_listed_once_a_line),
        IN_DIR(a_broken_configuration_is_reported),
        IN_DIR(the_command_line_beats_the_file_and_lists_add_up),
        IN_DIR(the_environment_names_the_file_and_it_may_be_missing),
        IN_DIR(a_dump_warns_of_names_that_are_no_command),
        IN_DIR(the_reference_reads_a_dumped_configuration),
        IN_DIR(the_old_blacklist_gives_a_warning),
    };

    return cmocka_run_group_tests_name("command_line", tests, NULL, NULL);
}
