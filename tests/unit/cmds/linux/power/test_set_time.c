#include "base/log.h"
#include "cmds/linux/linux.h"
#include "cmds/linux/power/clock_ops.h"

#include "unit/cmds/linux/guest_tree.h"

#include <linux/rtc.h>
#include <time.h>

static struct {
    struct guest_tree tree;
    struct timeval system;
    struct rtc_time rtc;
    struct timespec ptp;
    int system_error, rtc_error, ptp_error;
    int system_sets, rtc_sets;
} fake;

static int fake_set_system(const struct timeval *now)
{
    if (fake.system_error)
        return -fake.system_error;
    fake.system = *now;
    fake.system_sets++;
    return 0;
}

static int fake_set_rtc(int fd, const struct rtc_time *now)
{
    if (fake.rtc_error)
        return -fake.rtc_error;
    fake.rtc = *now;
    fake.rtc_sets++;
    return 0;
}

static int fake_read_rtc(int fd, struct rtc_time *ret_inline)
{
    *ret_inline = fake.rtc;
    return -fake.rtc_error;
}

static int fake_read_ptp(int fd, struct timespec *ret_inline)
{
    *ret_inline = fake.ptp;
    return -fake.ptp_error;
}

static int set_up(void **state)
{
    memset(&fake, 0, sizeof(fake));
    tree_init(&fake.tree);
    tree_write(&fake.tree, "/dev/rtc0", "", 0644);
    clock_ops = (struct clock_ops){ fake_set_system, fake_set_rtc, fake_read_rtc, fake_read_ptp };
    return 0;
}

static int tear_down(void **state)
{
    tree_done(&fake.tree);
    return 0;
}

/* The error's text, to be freed, or NULL. */
static char *set_time_to(bool has_time, int64_t time_ns)
{
    struct set_time_args args = { .time = time_ns, .has_time = has_time };
    struct cmd_env env = { .root = fake.tree.root };
    struct cmd_reply reply = { 0 };
    int r = cmd_set_time(&env, &args, &reply);

    assert_int_equal(r, reply.error.text ? -1 : 0);
    assert_null(reply.value);
    return reply.error.text;
}

static void assert_fails(bool has_time, int64_t time_ns, const char *text)
{
    char *error = set_time_to(has_time, time_ns);

    assert_non_null(error);
    assert_string_equal(error, text);
    free(error);
}

static void assert_rtc(int year, int month, int day, int hour, int minute, int second)
{
    assert_int_equal(fake.rtc.tm_year + 1900, year);
    assert_int_equal(fake.rtc.tm_mon + 1, month);
    assert_int_equal(fake.rtc.tm_mday, day);
    assert_int_equal(fake.rtc.tm_hour, hour);
    assert_int_equal(fake.rtc.tm_min, minute);
    assert_int_equal(fake.rtc.tm_sec, second);
}

static void both_clocks_are_set(void **state)
{
    assert_null(set_time_to(true, 1785942245123456789)); /* 2026-08-05 15:04:05 UTC */
    assert_int_equal(fake.system.tv_sec, 1785942245);
    assert_int_equal(fake.system.tv_usec, 123456);
    assert_rtc(2026, 8, 5, 15, 4, 5);
}

static void the_rtc_gets_the_nearest_second(void **state)
{
    assert_null(set_time_to(true, 1785942245500000000));
    assert_rtc(2026, 8, 5, 15, 4, 6);
}

static void the_range_is_1970_to_2069(void **state)
{
    assert_null(set_time_to(true, 0));
    assert_rtc(1970, 1, 1, 0, 0, 0);
    assert_null(set_time_to(true, 3155759999000000000));
    assert_rtc(2069, 12, 31, 23, 59, 59);
    assert_int_equal(fake.system_sets, 2);
    assert_fails(true, 3155760000000000000, "Invalid time");
    assert_fails(true, -1, "Invalid time");
    assert_fails(true, INT64_MAX, "Invalid time");
    assert_int_equal(fake.system_sets, 2);
}

static void without_a_time_the_rtc_is_read(void **state)
{
    fake.rtc = (struct rtc_time){
        .tm_year = 126, .tm_mon = 7, .tm_mday = 5, .tm_hour = 15, .tm_min = 4, .tm_sec = 5
    };
    assert_null(set_time_to(false, 0));
    assert_int_equal(fake.system.tv_sec, 1785942245);
    assert_int_equal(fake.rtc_sets, 0);
}

static void an_rtc_in_local_time_is_honoured(void **state)
{
    tree_write(&fake.tree, "/etc/adjtime", "0.0 0 0.0\n0\nLOCAL\n", 0644);
    assert_null(set_time_to(true, 1785942245000000000));
    assert_rtc(2026, 8, 5, 17, 4, 5);
    fake.system.tv_sec = 0;
    assert_null(set_time_to(false, 0));
    assert_int_equal(fake.system.tv_sec, 1785942245);
}

static void an_adjtime_that_says_utc_or_nothing_means_utc(void **state)
{
    tree_write(&fake.tree, "/etc/adjtime", "0.0 0 0.0\n0\nUTC\n", 0644);
    assert_null(set_time_to(true, 1785942245000000000));
    assert_rtc(2026, 8, 5, 15, 4, 5);
    tree_write(&fake.tree, "/etc/adjtime", "", 0644);
    assert_null(set_time_to(true, 1785942245000000000));
    assert_rtc(2026, 8, 5, 15, 4, 5);
}

static void remove_rtc(void)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/dev/rtc0", fake.tree.dir);
    assert_int_equal(unlink(path), 0);
}

static void a_guest_without_rtc_has_its_clock_set_and_a_warning_in_the_log(void **state)
{
    char log[128];

    remove_rtc();
    snprintf(log, sizeof(log), "%s/log", fake.tree.dir);
    assert_int_equal(log_init(log, false), 0);
    assert_null(set_time_to(true, 1785942245123456789));
    log_done();
    assert_int_equal(fake.system.tv_sec, 1785942245);
    assert_int_equal(fake.rtc_sets, 0);
    assert_non_null(strstr(tree_read(&fake.tree, "/log"), "warning: time: no hardware clock"));
    assert_fails(false, 0, "failed to read the hardware clock: No such file or directory");
    tree_write(&fake.tree, "/dev/rtc", "", 0644);
    assert_null(set_time_to(true, 1785942245000000000));
    assert_int_equal(fake.rtc_sets, 1);
}

static void without_an_rtc_the_hosts_ptp_clock_is_read(void **state)
{
    remove_rtc();
    tree_write(&fake.tree, "/dev/ptp0", "", 0644);
    fake.ptp = (struct timespec){ .tv_sec = 1785942245, .tv_nsec = 123456789 };
    assert_null(set_time_to(false, 0));
    assert_int_equal(fake.system.tv_sec, 1785942245);
    assert_int_equal(fake.system.tv_usec, 123456);
    fake.ptp_error = EIO;
    assert_fails(false, 0, "failed to read the hardware clock: Input/output error");
}

static void a_network_cards_ptp_clock_is_passed_by(void **state)
{
    remove_rtc();
    tree_write(&fake.tree, "/dev/ptp0", "", 0644);
    tree_write(&fake.tree, "/sys/class/ptp/ptp0/clock_name", "mlx5_ptp\n", 0644);
    assert_fails(false, 0, "failed to read the hardware clock: No such file or directory");
    tree_write(&fake.tree, "/dev/ptp1", "", 0644);
    tree_write(&fake.tree, "/sys/class/ptp/ptp1/clock_name", "KVM virtual PTP\n", 0644);
    fake.ptp.tv_sec = 1785942245;
    assert_null(set_time_to(false, 0));
    assert_int_equal(fake.system.tv_sec, 1785942245);
}

static void an_rtc_goes_before_a_ptp_clock(void **state)
{
    tree_write(&fake.tree, "/dev/ptp0", "", 0644);
    fake.rtc = (struct rtc_time){ .tm_year = 126, .tm_mon = 7, .tm_mday = 5 };
    fake.ptp.tv_sec = 1;
    assert_null(set_time_to(false, 0));
    assert_int_equal(fake.system.tv_sec, 1785888000);
    fake.rtc_error = EIO;
    assert_fails(false, 0, "failed to read the hardware clock: Input/output error");
}

static void an_rtc_that_fails_is_reported(void **state)
{
    fake.rtc_error = EIO;
    assert_fails(true, 0, "failed to set hardware clock to system time: Input/output error");
    assert_fails(false, 0, "failed to read the hardware clock: Input/output error");
}

static void a_system_clock_that_cannot_be_set_leaves_the_rtc_alone(void **state)
{
    fake.system_error = EPERM;
    assert_fails(true, 0, "Failed to set time to guest: Operation not permitted");
    assert_int_equal(fake.rtc_sets, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(both_clocks_are_set),
        CASE(the_rtc_gets_the_nearest_second),
        CASE(the_range_is_1970_to_2069),
        CASE(without_a_time_the_rtc_is_read),
        CASE(an_rtc_in_local_time_is_honoured),
        CASE(an_adjtime_that_says_utc_or_nothing_means_utc),
        CASE(a_guest_without_rtc_has_its_clock_set_and_a_warning_in_the_log),
        CASE(without_an_rtc_the_hosts_ptp_clock_is_read),
        CASE(a_network_cards_ptp_clock_is_passed_by),
        CASE(an_rtc_goes_before_a_ptp_clock),
        CASE(an_rtc_that_fails_is_reported),
        CASE(a_system_clock_that_cannot_be_set_leaves_the_rtc_alone),
    };

    setenv("TZ", "CEST-2", 1); /* NOLINT(concurrency-mt-unsafe): no thread yet */
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
