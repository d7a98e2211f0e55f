/* The command line: every option, in every spelling. */
#include "config/options.h"

#include "base/version.h"
#include "unit/config/config_fixture.h"

static void short_options_set_what_they_name(void **state)
{
    CLEANUP(config_done) struct config config;

    assert_int_equal(fixture_load(*state, &config, "-munix-listen", "-p", "/s", "-l", "/l", "-f",
                                  "/f", "-t", "/t", "-vdr", "-b", "x", "-a", "y", NULL),
                     CONFIG_RUN);
    assert_string_equal(config.method, "unix-listen");
    assert_string_equal(config.path, "/s");
    assert_string_equal(config.logfile, "/l");
    assert_string_equal(config.pidfile, "/f");
    assert_string_equal(config.statedir, "/t");
    assert_true(config.verbose && config.daemonize && config.retry_path);
    assert_list(config.block_rpcs, "x", NULL);
    assert_list(config.allow_rpcs, "y", NULL);
}

static void long_options_may_be_cut_while_they_are_unique(void **state)
{
    CLEANUP(config_done) struct config config;

    assert_int_equal(fixture_load(*state, &config, "--method=unix-listen", "--path", "/s",
                                  "--logf=/l", "--pid", "/f", "--state", "/t", "--verb",
                                  "--daemonize", "--retry-path", "--block", "x", "--allow=y", NULL),
                     CONFIG_RUN);
    assert_string_equal(config.method, "unix-listen");
    assert_string_equal(config.path, "/s");
    assert_string_equal(config.logfile, "/l");
    assert_string_equal(config.pidfile, "/f");
    assert_string_equal(config.statedir, "/t");
    assert_true(config.verbose && config.daemonize && config.retry_path);
    assert_list(config.block_rpcs, "x", NULL);
    assert_list(config.allow_rpcs, "y", NULL);
}

static void daemonize_alone_uses_the_default_port_and_pid_file(void **state)
{
    CLEANUP(config_done) struct config config;

    assert_int_equal(fixture_load(*state, &config, "-d", NULL), CONFIG_RUN);
    assert_true(config.daemonize);
    assert_string_equal(config.method, "virtio-serial");
    assert_string_equal(config.path, "/dev/virtio-ports/org.qemu.guest_agent.0");
    assert_string_equal(config.pidfile, "/var/run/qemu-ga.pid");
}

static void hook_option_takes_an_attached_argument_only(void **state)
{
    static const struct {
        const char *option, *hook;
    } rows[] = {
        { "-F", "/etc/qemu/fsfreeze-hook" },
        { "--fsfreeze-hook", "/etc/qemu/fsfreeze-hook" },
        { "-F/h", "/h" },
        { "--fsfreeze-hook=/h", "/h" },
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(config_done) struct config config;

        assert_int_equal(fixture_load(*state, &config, rows[i].option, "/operand", NULL),
                         CONFIG_RUN);
        assert_string_equal(config.fsfreeze_hook, rows[i].hook);
    }
}

static void last_of_several_equal_options_counts_and_operands_do_not(void **state)
{
    CLEANUP(config_done) struct config config;

    assert_int_equal(
        fixture_load(*state, &config, "word", "-p", "/a", "-p", "/b", "--", "-p", "/c", NULL),
        CONFIG_RUN);
    assert_string_equal(config.path, "/b");
}

/* As units pass what /etc/sysconfig/qemu-ga and /etc/default/qemu-guest-agent hold: an unset variable
 * is an empty word or an empty value. */
static void variables_of_units_are_understood(void **state)
{
    CLEANUP(config_done) struct config config, empty;

    assert_int_equal(fixture_load(*state, &config, "--method=unix-listen", "--path=/x",
                                  "--allow-rpcs=guest-sync-delimited,guest-sync,guest-ping",
                                  "--block-rpcs=guest-exec", "-F/etc/qemu-ga/fsfreeze-hook", NULL),
                     CONFIG_RUN);
    assert_list(config.allow_rpcs, "guest-sync-delimited", "guest-sync", "guest-ping", NULL);
    assert_list(config.block_rpcs, "guest-exec", NULL);
    assert_string_equal(config.fsfreeze_hook, "/etc/qemu-ga/fsfreeze-hook");
    assert_int_equal(fixture_load(*state, &empty, "--method=unix-listen", "--path=/x", "",
                                  "--allow-rpcs=", "--block-rpcs=", "-b", "", "-F", NULL),
                     CONFIG_RUN);
    assert_null(empty.allow_rpcs);
    assert_null(empty.block_rpcs);
    assert_string_equal(empty.fsfreeze_hook, "/etc/qemu/fsfreeze-hook");
}

static void unknown_option_fails_in_the_words_of_qemu_ga(void **state)
{
    static const char *const options[] = { "--zork", "-Q", "-m", "--path", "--bl" };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < ARRAY_LEN(options); i++) {
        CLEANUP(config_done) struct config config;

        assert_int_equal(fixture_load(f, &config, options[i], NULL), CONFIG_FAILED);
        assert_string_equal(f->out, "Unknown option, try 'qemu-ga --help' for more information.\n");
        assert_non_null(strstr(f->err, "qemu-ga: "));
    }
}

static void version_is_the_one_hosts_know(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    assert_int_equal(fixture_load(f, &config, "-V", NULL), CONFIG_DONE);
    assert_string_equal(f->out, "QEMU Guest Agent " PQGA_QEMU_VERSION " (pqga " PQGA_VERSION ")\n");
    config_done(&config);
    assert_int_equal(fixture_load(f, &config, "--version", "--zork", NULL), CONFIG_DONE);
}

static void error_before_version_is_met_first(void **state)
{
    CLEANUP(config_done) struct config config;

    assert_int_equal(fixture_load(*state, &config, "--zork", "-V", NULL), CONFIG_FAILED);
}

static void help_works_beside_a_broken_file(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    setenv("QGA_CONF", fixture_write(f, "conf", "junk\n"), 1);
    assert_int_equal(fixture_load(f, &config, NULL), CONFIG_FAILED);
    config_done(&config);
    assert_int_equal(fixture_load(f, &config, "-h", NULL), CONFIG_DONE);
    assert_ptr_equal(strstr(f->out, "Usage: qemu-ga [-m <method> -p <path>] [<options>]\n"),
                     f->out);
    assert_non_null(strstr(f->out, "(default is /etc/qemu/fsfreeze-hook)"));
    assert_string_equal(f->err, "");
}

static void list_options_list_the_commands_on_request(void **state)
{
    static const char *const options[] = { "-b", "--block-rpcs", "-a", "--blacklist" };
    struct fixture *f = *state;
    size_t i, lines;
    const char *c;

    for (i = 0; i < ARRAY_LEN(options); i++) {
        CLEANUP(config_done) struct config config;

        assert_int_equal(fixture_load(f, &config, options[i], i % 2 ? "help" : "?", NULL),
                         CONFIG_DONE);
        for (lines = 0, c = f->out; (c = strchr(c, '\n')) != NULL; c++)
            lines++;
        assert_int_equal(lines, FIXTURE_COMMANDS);
        assert_non_null(strstr(f->out, "guest-ping\n"));
    }
}

static void blacklist_option_still_blocks_with_a_warning(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    assert_int_equal(fixture_load(f, &config, "--blacklist", "a,b", NULL), CONFIG_RUN);
    assert_list(config.block_rpcs, "a", "b", NULL);
    assert_non_null(strstr(f->err, "--blacklist is deprecated"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(short_options_set_what_they_name),
        CASE(long_options_may_be_cut_while_they_are_unique),
        CASE(daemonize_alone_uses_the_default_port_and_pid_file),
        CASE(hook_option_takes_an_attached_argument_only),
        CASE(last_of_several_equal_options_counts_and_operands_do_not),
        CASE(variables_of_units_are_understood),
        CASE(unknown_option_fails_in_the_words_of_qemu_ga),
        CASE(version_is_the_one_hosts_know),
        CASE(error_before_version_is_met_first),
        CASE(help_works_beside_a_broken_file),
        CASE(list_options_list_the_commands_on_request),
        CASE(blacklist_option_still_blocks_with_a_warning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
