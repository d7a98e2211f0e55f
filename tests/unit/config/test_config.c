/* Where values come from, and which one wins. */
#include "config/config.h"

#include "unit/config/config_fixture.h"

#include <sys/stat.h>

static void defaults_are_those_of_the_documents(void **state)
{
    CLEANUP(config_done) struct config config;

    assert_int_equal(fixture_load(*state, &config, NULL), CONFIG_RUN);
    assert_false(config.daemonize || config.verbose || config.retry_path);
    assert_string_equal(config.method, "virtio-serial");
    assert_string_equal(config.path, "/dev/virtio-ports/org.qemu.guest_agent.0");
    assert_string_equal(config.pidfile, "/var/run/qemu-ga.pid");
    assert_string_equal(config.statedir, "/var/run");
    assert_null(config.logfile);
    assert_null(config.fsfreeze_hook);
    assert_null(config.block_rpcs);
    assert_null(config.allow_rpcs);
    assert_null(config.freeze_exclude);
    assert_int_equal(config.max_workers, 64);
    assert_int_equal(config.resync_grace_ms, 1000);
    assert_int_equal(config.busy_poll_usec, 30);
    assert_int_equal(config.max_clients, 64);
    assert_int_equal(config.max_requests, 1024);
    assert_int_equal(config.max_message_size, 64 * MIB);
    assert_int_equal(config.max_memory, 192 * MIB);
    assert_int_equal(config.max_handles, 4096);
    assert_int_equal(config.file_mode, 0666);
    assert_int_equal(config.max_execs, 4096);
    assert_int_equal(config.max_exec_output, 256 * MIB);
    assert_int_equal(config.freeze_timeout_sec, 600);
    assert_int_equal(config.hook_timeout_sec, 300);
}

static void command_line_beats_the_file(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    setenv("QGA_CONF",
           fixture_write(f, "conf",
                         "[general]\nmethod=isa-serial\nlogfile=/from/file\npidfile=/from/file\n"
                         "daemon=1\n"),
           1);
    assert_int_equal(fixture_load(f, &config, "-l", "/from/option", NULL), CONFIG_RUN);
    assert_string_equal(config.method, "isa-serial");
    assert_string_equal(config.path, "/dev/ttyS0");
    assert_string_equal(config.logfile, "/from/option");
    assert_string_equal(config.pidfile, "/from/file");
    assert_true(config.daemonize);
}

static void option_c_beats_qga_conf_wherever_it_stands(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    setenv("QGA_CONF", fixture_write(f, "env", "[general]\npath=/env\nlogfile=/env\n"), 1);
    fixture_write(f, "option", "[general]\npath=/option\n");
    assert_int_equal(fixture_load(f, &config, "-v", "-c", fixture_path(f, "option"), NULL),
                     CONFIG_RUN);
    assert_string_equal(config.path, "/option");
    assert_null(config.logfile);
}

static void file_of_option_c_has_to_exist(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    assert_int_equal(fixture_load(f, &config, "-c", "/nonexistent/conf", NULL), CONFIG_FAILED);
    assert_non_null(strstr(f->err, "error loading configuration from path: /nonexistent/conf, "
                                   "No such file or directory"));
}

static void file_of_qga_conf_may_be_missing_but_not_unreadable(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    setenv("QGA_CONF", "/nonexistent/conf", 1);
    assert_int_equal(fixture_load(f, &config, NULL), CONFIG_RUN);
    config_done(&config);
    setenv("QGA_CONF", "/", 1);
    assert_int_equal(fixture_load(f, &config, NULL), CONFIG_FAILED);
    assert_non_null(strstr(f->err, "Not a regular file"));
}

static void lists_of_file_and_options_add_up(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    setenv("QGA_CONF",
           fixture_write(f, "conf", "[general]\nblock-rpcs=a,b;c\nallow-rpcs=guest-ping\n"), 1);
    assert_int_equal(fixture_load(f, &config, "-b", "d,,e", "--block-rpcs=f", "-a", "x", NULL),
                     CONFIG_RUN);
    assert_list(config.block_rpcs, "a", "b", "c", "d", "", "e", "f", NULL);
    assert_list(config.allow_rpcs, "guest-ping", "x", NULL);
}

static void empty_list_is_no_list(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    setenv("QGA_CONF", fixture_write(f, "conf", "[general]\nallow-rpcs=\n"), 1);
    assert_int_equal(fixture_load(f, &config, "-b", "", NULL), CONFIG_RUN);
    assert_null(config.allow_rpcs);
    assert_null(config.block_rpcs);
}

static void old_key_blacklist_still_blocks_with_a_warning(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    setenv("QGA_CONF",
           fixture_write(f, "conf", "[general]\nblacklist=guest-exec\nblock-rpcs=guest-shutdown\n"),
           1);
    assert_int_equal(fixture_load(f, &config, NULL), CONFIG_RUN);
    assert_list(config.block_rpcs, "guest-shutdown", "guest-exec", NULL);
    assert_non_null(strstr(f->err, "config using deprecated 'blacklist' key"));
}

static void last_of_several_equal_keys_counts(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    setenv("QGA_CONF",
           fixture_write(f, "conf",
                         "[general]\nverbose=nonsense\nblock-rpcs=a\n[x]\nverbose=2\n"
                         "[general]\nverbose=1\nblock-rpcs=b\n"),
           1);
    assert_int_equal(fixture_load(f, &config, NULL), CONFIG_RUN);
    assert_true(config.verbose);
    assert_list(config.block_rpcs, "b", NULL);
}

static void limits_are_read_in_their_units(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    setenv("QGA_CONF",
           fixture_write(
               f, "conf",
               "[general]\nmax-workers=8 \nresync-grace=0.25\nbusy-poll=0\nmax-message-size=512K\n"
               "max-memory=1G\nmax-exec-output=1048576\nfreeze-timeout=0\n"
               "file-mode=0640 \n"
               "freeze-exclude=/a b,/c\\,d;/e\\\\f\n"),
           1);
    assert_int_equal(fixture_load(f, &config, NULL), CONFIG_RUN);
    assert_int_equal(config.max_workers, 8);
    assert_int_equal(config.resync_grace_ms, 250);
    assert_int_equal(config.busy_poll_usec, 0);
    assert_int_equal(config.max_message_size, 512 * KIB);
    assert_int_equal(config.max_memory, 1024 * MIB);
    assert_int_equal(config.max_exec_output, MIB);
    assert_int_equal(config.file_mode, 0640);
    assert_int_equal(config.freeze_timeout_sec, 0);
    assert_list(config.freeze_exclude, "/a b", "/c,d", "/e\\f", NULL);
}

static void values_out_of_range_are_refused_by_name(void **state)
{
    static const char *const lines[] = {
        "max-workers=0",           "max-workers=1025",      "max-workers=",
        "max-workers=-1",          "max-workers=8x",        "max-workers=1K",
        "max-message-size=65M",    "max-message-size=4095", "max-memory=99999999999999999G",
        "max-memory=1025G",        "resync-grace=1.",       "resync-grace=0.0001",
        "resync-grace=3600.001",   "busy-poll=1001",        "freeze-timeout=1.5",
        "fsfreeze-hook-timeout=0", "max-handles=0x10",      "max-execs=99999999999999999999999",
        "max-clients= ",           "file-mode=0666 0",      "file-mode=0668",
        "file-mode=1777",          "file-mode=rw",          "file-mode=",
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < ARRAY_LEN(lines); i++) {
        CLEANUP(config_done) struct config config;
        char text[128], key[64];

        snprintf(text, sizeof(text), "[general]\n%s\n", lines[i]);
        snprintf(key, sizeof(key), "key '%.*s'", (int)strcspn(lines[i], "="), lines[i]);
        setenv("QGA_CONF", fixture_write(f, "conf", text), 1);
        assert_int_equal(fixture_load(f, &config, NULL), CONFIG_FAILED);
        assert_non_null(strstr(f->err, key));
    }
}

static void range_is_reported_with_the_refusal(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    setenv("QGA_CONF", fixture_write(f, "conf", "[general]\nmax-message-size=1\n"), 1);
    assert_int_equal(fixture_load(f, &config, NULL), CONFIG_FAILED);
    assert_non_null(strstr(f->err, "value '1', which is not in bytes, 4K to 64M, default 64M"));
}

static void listening_method_needs_a_path(void **state)
{
    static const char *const methods[] = { "unix-listen", "vsock-listen" };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < ARRAY_LEN(methods); i++) {
        CLEANUP(config_done) struct config config;

        assert_int_equal(fixture_load(f, &config, "-m", methods[i], NULL), CONFIG_FAILED);
        assert_non_null(strstr(f->err, "must specify a path for this channel"));
    }
}

static void unknown_method_is_named(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    assert_int_equal(fixture_load(f, &config, "-m", "foo", NULL), CONFIG_FAILED);
    assert_non_null(strstr(f->err, "unsupported channel method/type: foo"));
}

static void blanks_around_names_are_cut(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    setenv(
        "QGA_CONF",
        fixture_write(f, "conf", "[general]\nblock-rpcs=guest-exec, guest-ping ;\tguest-info \n"),
        1);
    assert_int_equal(fixture_load(f, &config, "-a", " guest-sync , guest-exec\n", NULL),
                     CONFIG_RUN);
    assert_list(config.block_rpcs, "guest-exec", "guest-ping", "guest-info", NULL);
    assert_list(config.allow_rpcs, "guest-sync", "guest-exec", NULL);
}

static void list_of_blanks_still_allows_nothing(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    assert_int_equal(fixture_load(f, &config, "-a", " ", NULL), CONFIG_RUN);
    assert_list(config.allow_rpcs, "", NULL);
}

static void settings_that_do_nothing_are_warned_of(void **state)
{
    static const struct {
        const char *text, *warning;
    } files[] = {
        { "[general]\nblock_rpcs=guest-exec\n",
          "key 'block_rpcs' is unknown and does nothing, did you mean 'block-rpcs'?" },
        { "[general]\nAllow-RPCs=guest-ping\n", "did you mean 'allow-rpcs'?" },
        { "[general]\nallow-rpcs[de]=guest-ping\n", "key 'allow-rpcs[de]' is unknown" },
        { "[general]\nwhatever=1\n", "key 'whatever' is unknown and does nothing\n" },
        { "[General]\nblock-rpcs=guest-exec\n", "group [General] is unknown" },
    };
    struct fixture *f = *state;
    char strict[200];

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        CLEANUP(config_done) struct config config, strictly;

        setenv("QGA_CONF", fixture_write(f, "conf", files[i].text), 1);
        assert_int_equal(fixture_load(f, &config, NULL), CONFIG_RUN);
        assert_non_null(strstr(f->err, files[i].warning));
        snprintf(strict, sizeof(strict), "%s[general]\nstrict=true\n", files[i].text);
        setenv("QGA_CONF", fixture_write(f, "conf", strict), 1);
        assert_int_equal(fixture_load(f, &strictly, NULL), CONFIG_FAILED);
        assert_non_null(strstr(f->err, "strict=true"));
    }
}

static void file_that_others_may_change_is_refused(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config, thaw, again;

    setenv("QGA_CONF", fixture_write(f, "conf", "[general]\n"), 1);
    assert_int_equal(chmod(fixture_path(f, "conf"), 0666), 0);
    assert_int_equal(fixture_load(f, &config, NULL), CONFIG_FAILED);
    assert_non_null(strstr(f->err, "is writable for everybody"));
    assert_non_null(strstr(f->err, "is refused: others than root may change it"));
    assert_int_equal(fixture_load(f, &thaw, "--thaw", NULL), CONFIG_RUN);
    assert_int_equal(chmod(fixture_path(f, "conf"), 0640), 0);
    assert_int_equal(fixture_load(f, &again, NULL), CONFIG_RUN);
}

static void passed_socket_stands_in_for_the_path(void **state)
{
    CLEANUP(config_done) struct config config;
    char pid[32];

    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    assert_int_equal(fixture_load(*state, &config, "-m", "unix-listen", NULL), CONFIG_RUN);
    assert_null(config.path);
}

static void relative_paths_become_absolute_for_a_daemon(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;
    char cwd[4096], expected[4200];

    assert_non_null(getcwd(cwd, sizeof(cwd)));
    snprintf(expected, sizeof(expected), "%s/a/socket", cwd);
    assert_int_equal(fixture_load(f, &config, "-m", "unix-listen", "-p", "a/socket", NULL),
                     CONFIG_RUN);
    assert_int_equal(config_absolute_paths(&config), 0);
    assert_string_equal(config.path, expected);
    assert_string_equal(config.pidfile, "/var/run/qemu-ga.pid");
    config_done(&config);
    assert_int_equal(fixture_load(f, &config, "-m", "vsock-listen", "-p", "3:1234", NULL),
                     CONFIG_RUN);
    assert_int_equal(config_absolute_paths(&config), 0);
    assert_string_equal(config.path, "3:1234");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(defaults_are_those_of_the_documents),
        CASE(command_line_beats_the_file),
        CASE(option_c_beats_qga_conf_wherever_it_stands),
        CASE(file_of_option_c_has_to_exist),
        CASE(file_of_qga_conf_may_be_missing_but_not_unreadable),
        CASE(lists_of_file_and_options_add_up),
        CASE(empty_list_is_no_list),
        CASE(old_key_blacklist_still_blocks_with_a_warning),
        CASE(last_of_several_equal_keys_counts),
        CASE(limits_are_read_in_their_units),
        CASE(values_out_of_range_are_refused_by_name),
        CASE(range_is_reported_with_the_refusal),
        CASE(listening_method_needs_a_path),
        CASE(unknown_method_is_named),
        CASE(blanks_around_names_are_cut),
        CASE(list_of_blanks_still_allows_nothing),
        CASE(settings_that_do_nothing_are_warned_of),
        CASE(file_that_others_may_change_is_refused),
        CASE(passed_socket_stands_in_for_the_path),
        CASE(relative_paths_become_absolute_for_a_daemon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
