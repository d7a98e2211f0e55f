#include "unit/cmds/linux/reply_check.h"

#include <unistd.h>

static int64_t ms(int64_t ticks)
{
    return ticks * 1000 / sysconf(_SC_CLK_TCK);
}

static void each_processor_has_its_times_in_milliseconds(void **state)
{
    struct json_object *list = reply_value(cmd_get_cpustats, PQGA_TEST_DATA "/vcpu-machine", NULL);

    check_count(list, "", 3); /* the sum of all is left out */
    check_str(list, "/0/type", "linux");
    check_int(list, "/0/cpu", 0);
    check_int(list, "/0/user", ms(101));
    check_int(list, "/0/nice", ms(11));
    check_int(list, "/0/system", ms(41));
    check_int(list, "/0/idle", ms(30001));
    check_int(list, "/0/iowait", ms(21));
    check_int(list, "/0/irq", ms(2));
    check_int(list, "/0/softirq", ms(3));
    check_int(list, "/0/steal", ms(1));
    check_int(list, "/0/guest", ms(10));
    check_int(list, "/0/guestnice", ms(1));
    check_int(list, "/2/cpu", 11);
    json_object_put(list);
}

static void columns_an_old_kernel_lacks_are_left_out(void **state)
{
    struct json_object *list = reply_value(cmd_get_cpustats, PQGA_TEST_DATA "/old-kernel", NULL);

    check_count(list, "", 1);
    check_int(list, "/0/idle", ms(4));
    check_int(list, "/0/iowait", ms(5));
    check_absent(list, "/0/irq");
    json_object_put(list);
}

static void a_line_that_is_no_statistic_is_an_error(void **state)
{
    reply_fails(cmd_get_cpustats, PQGA_TEST_DATA "/broken-sysfs", NULL,
                "Parsing cpu stat from /proc/stat failed, see \"man proc\"");
}

static void a_missing_file_is_an_error(void **state)
{
    reply_fails(cmd_get_cpustats, PQGA_TEST_DATA "/freeze-machine", NULL,
                "failed to read '/proc/stat': No such file or directory");
}

static void a_guest_without_processors_has_an_empty_list(void **state)
{
    struct json_object *list = reply_value(cmd_get_cpustats, PQGA_TEST_DATA "/no-sysfs", NULL);

    check_count(list, "", 0);
    json_object_put(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_processor_has_its_times_in_milliseconds),
        cmocka_unit_test(columns_an_old_kernel_lacks_are_left_out),
        cmocka_unit_test(a_line_that_is_no_statistic_is_an_error),
        cmocka_unit_test(a_missing_file_is_an_error),
        cmocka_unit_test(a_guest_without_processors_has_an_empty_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
