/* --dump-conf: what is printed is read back, by us and by qemu-ga. */
#include "config/config_dump.h"

#include "unit/config/config_fixture.h"

#include <sys/wait.h>

#define REFERENCE "/usr/sbin/qemu-ga"

static void keys_come_in_the_order_of_qemu_ga(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;
    const char *ours = "allow-rpcs=\nprofile=open\nfile-allow=\nfile-deny=\nmax-workers=64\n";

    assert_int_equal(fixture_load(f, &config, "-D", NULL), CONFIG_DONE);
    assert_ptr_equal(strstr(f->out, "[general]\n"
                                    "daemon=false\n"
                                    "method=virtio-serial\n"
                                    "path=/dev/virtio-ports/org.qemu.guest_agent.0\n"
                                    "pidfile=/var/run/qemu-ga.pid\n"
                                    "statedir=/var/run\n"
                                    "verbose=false\n"
                                    "retry-path=false\n"
                                    "block-rpcs=\n"
                                    "allow-rpcs=\n"),
                     f->out);
    assert_non_null(strstr(f->out, ours));
}

static void optional_keys_stand_in_their_places(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;

    assert_int_equal(fixture_load(f, &config, "-l", "/l", "-F", "-D", "-v", NULL), CONFIG_DONE);
    assert_non_null(strstr(f->out, "guest_agent.0\nlogfile=/l\npidfile=/var/run/qemu-ga.pid\n"
                                   "fsfreeze-hook=/etc/qemu/fsfreeze-hook\nstatedir=/var/run\n"
                                   "verbose=true\n"));
}

/* A configuration in which every value is unusual. */
static const char unusual[] = "[general]\n"
                              "daemon=1\n"
                              "method=unix-listen\n"
                              "path=\\s\\t x\\\\y\\nz \n"
                              "logfile=\xc3\xa9,;#[\n"
                              "pidfile=p\tq\n"
                              "fsfreeze-hook=\\rh\n"
                              "statedir=\n"
                              "verbose=true\n"
                              "retry-path=1\n"
                              "block-rpcs=\\sa,,b c;d\n"
                              "allow-rpcs=,\n"
                              "max-workers=3\n"
                              "resync-grace=0.05\n"
                              "max-message-size=5K\n"
                              "file-mode=7\n"
                              "unix-mode=0640\n"
                              "freeze-timeout=0\n"
                              "freeze-exclude=\\s/a\\,b,/c\\;d;/e\\\\f\n";

static void dump_of_a_dump_is_the_same(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config first, second;
    CLEANUP(free_ptr) char *dump = NULL;

    setenv("QGA_CONF", fixture_write(f, "conf", unusual), 1);
    assert_int_equal(fixture_load(f, &first, "-D", NULL), CONFIG_DONE);
    dump = strdup(f->out);
    setenv("QGA_CONF", fixture_write(f, "dump", dump), 1);
    assert_int_equal(fixture_load(f, &second, "-D", NULL), CONFIG_DONE);
    assert_string_equal(f->out, dump);

    assert_string_equal(second.path, " \t x\\y\nz ");
    assert_string_equal(second.logfile, "\xc3\xa9,;#[");
    assert_string_equal(second.statedir, "");
    assert_list(second.block_rpcs, "a", "", "b c", "d", NULL);
    assert_list(second.allow_rpcs, "", "", NULL);
    assert_int_equal(second.resync_grace_ms, 50);
    assert_list(second.freeze_exclude, " /a,b", "/c;d", "/e\\f", NULL);
}

/* A key file has one separator for its reader: what came with ';' is read back with it. */
static void separator_of_lists_is_kept(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config, options;

    setenv("QGA_CONF",
           fixture_write(f, "conf",
                         "[general]\nblock-rpcs=guest-ping;guest-get-time\nallow-rpcs=a;b\n"),
           1);
    assert_int_equal(fixture_load(f, &config, "-b", "guest-info", "-D", NULL), CONFIG_DONE);
    assert_non_null(strstr(f->out, "\nblock-rpcs=guest-ping;guest-get-time;guest-info\n"));
    assert_non_null(strstr(f->out, "\nallow-rpcs=a;b\n"));
    setenv("QGA_CONF", "", 1);
    assert_int_equal(fixture_load(f, &options, "-b", "a,b", "-D", NULL), CONFIG_DONE);
    assert_non_null(strstr(f->out, "\nblock-rpcs=a,b\n"));
}

/* The values of `dump` up to its lists, whose order means nothing. */
static void cut_at_lists(char *dump)
{
    char *lists = strstr(dump, "block-rpcs=");

    assert_non_null(lists);
    *lists = '\0';
}

static void qemu_ga_reads_the_dump_back(void **state)
{
    struct fixture *f = *state;
    CLEANUP(config_done) struct config config;
    CLEANUP(free_ptr) char *theirs = NULL;
    char command[300];

    if (access(REFERENCE, X_OK) != 0)
        skip();
    setenv("QGA_CONF", fixture_write(f, "conf", unusual), 1);
    assert_int_equal(fixture_load(f, &config, "-D", NULL), CONFIG_DONE);
    setenv("QGA_CONF", fixture_write(f, "dump", f->out), 1);
    snprintf(command, sizeof(command), "timeout 20 " REFERENCE " -D > %s/theirs", f->dir);
    assert_int_equal(system(command), 0);
    theirs = fixture_read(fixture_path(f, "theirs"));
    cut_at_lists(theirs);
    cut_at_lists(f->out);
    assert_string_equal(f->out, theirs);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(keys_come_in_the_order_of_qemu_ga), CASE(optional_keys_stand_in_their_places),
        CASE(dump_of_a_dump_is_the_same),        CASE(separator_of_lists_is_kept),
        CASE(qemu_ga_reads_the_dump_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
