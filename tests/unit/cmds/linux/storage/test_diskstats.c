/* guest-get-diskstats with the columns of old and new kernels. */
#include "unit/cmds/linux/reply_check.h"

static struct json_object *stats(void)
{
    return reply_value(cmd_get_diskstats, PQGA_TEST_DATA "/virtio-blk", NULL);
}

static void a_current_kernel_gives_all_17_members(void **state)
{
    struct json_object *value = stats();

    check_count(value, "", 5); /* the line that is none is left out */
    check_str(value, "/0/name", "vda");
    check_int(value, "/0/major", 254);
    check_int(value, "/0/minor", 0);
    assert_int_equal(json_object_object_length(value_at(value, "/0/stats")), 17);
    check_int(value, "/0/stats/read-ios", 54288);
    check_int(value, "/0/stats/read-merges", 11790);
    check_int(value, "/0/stats/read-sectors", 3375658);
    check_int(value, "/0/stats/read-ticks", 15927);
    check_int(value, "/0/stats/write-ios", 15192);
    check_int(value, "/0/stats/write-merges", 6744);
    check_int(value, "/0/stats/write-sectors", 657224);
    check_int(value, "/0/stats/write-ticks", 3403);
    check_int(value, "/0/stats/ios-pgr", 0);
    check_int(value, "/0/stats/total-ticks", 10232);
    check_int(value, "/0/stats/weight-ticks", 20203);
    check_int(value, "/0/stats/discard-ios", 6969);
    check_int(value, "/0/stats/discard-merges", 24);
    check_int(value, "/0/stats/discard-sectors", 231864);
    check_int(value, "/0/stats/discard-ticks", 682);
    check_int(value, "/0/stats/flush-ios", 2475);
    check_int(value, "/0/stats/flush-ticks", 190);
    json_object_put(value);
}

static void columns_that_a_kernel_lacks_are_left_out(void **state)
{
    struct json_object *value = stats();

    assert_int_equal(json_object_object_length(value_at(value, "/1/stats")), 15);
    check_int(value, "/1/stats/discard-ticks", 14);
    check_absent(value, "/1/stats/flush-ios");
    assert_int_equal(json_object_object_length(value_at(value, "/2/stats")), 11);
    check_int(value, "/2/stats/weight-ticks", 11);
    json_object_put(value);
}

static void the_four_columns_of_an_old_partition_are_reads_and_writes(void **state)
{
    struct json_object *value = stats();

    assert_int_equal(json_object_object_length(value_at(value, "/3/stats")), 4);
    check_int(value, "/3/stats/read-ios", 35486);
    check_int(value, "/3/stats/write-sectors", 38030);
    json_object_put(value);
}

static void columns_of_a_newer_kernel_are_ignored(void **state)
{
    struct json_object *value = stats();

    assert_int_equal(json_object_object_length(value_at(value, "/4/stats")), 17);
    json_object_put(value);
}

static void without_the_file_the_command_fails(void **state)
{
    reply_fails(cmd_get_diskstats, *state, NULL,
                "failed to open file /proc/diskstats: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_current_kernel_gives_all_17_members),
        cmocka_unit_test(columns_that_a_kernel_lacks_are_left_out),
        cmocka_unit_test(the_four_columns_of_an_old_partition_are_reads_and_writes),
        cmocka_unit_test(columns_of_a_newer_kernel_are_ignored),
        TEST_IN_TEMPDIR(without_the_file_the_command_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
