#include "unit/cmds/linux/guest_tree.h"
#include "unit/cmds/linux/reply_check.h"

#define MACHINE PQGA_TEST_DATA "/vcpu-machine"

static void processors_are_listed_in_order(void **state)
{
    struct json_object *list = reply_value(cmd_get_vcpus, MACHINE, NULL);

    check_count(list, "", 12);
    for (int i = 0; i < 12; i++)
        assert_int_equal(json_object_get_int64(json_object_object_get(
                             json_object_array_get_idx(list, (size_t)i), "logical-id")),
                         i);
    assert_true(json_object_get_boolean(value_at(list, "/1/online")));
    assert_false(json_object_get_boolean(value_at(list, "/3/online")));
    assert_true(json_object_get_boolean(value_at(list, "/3/can-offline")));
    json_object_put(list);
}

static void a_processor_without_the_file_is_online_for_good(void **state)
{
    struct json_object *list = reply_value(cmd_get_vcpus, MACHINE, NULL);

    assert_true(json_object_get_boolean(value_at(list, "/0/online")));
    assert_false(json_object_get_boolean(value_at(list, "/0/can-offline")));
    json_object_put(list);
}

static void a_guest_without_sysfs_is_an_error(void **state)
{
    reply_fails(cmd_get_vcpus, PQGA_TEST_DATA "/no-sysfs", NULL,
                "failed to list entries: /sys/devices/system/cpu: No such file or directory");
}

static void an_empty_or_unreadable_file_is_an_error(void **state)
{
    struct vcpu_arg vcpu = { .logical_id = 2, .online = true };
    struct set_vcpus_args args = { .vcpus = { .items = &vcpu, .count = 1 } };

    reply_fails(cmd_get_vcpus, PQGA_TEST_DATA "/broken-sysfs", NULL,
                "pread(\"/sys/devices/system/cpu/cpu1/online\"): unexpected EOF");
    reply_fails(cmd_set_vcpus, PQGA_TEST_DATA "/broken-sysfs", &args,
                "pread(\"/sys/devices/system/cpu/cpu2/online\"): Is a directory");
}

static void set_up_tree(struct guest_tree *tree)
{
    tree_init(tree);
    tree_write(tree, "/sys/devices/system/cpu/cpu0/core_id", "0\n", 0644);
    tree_write(tree, "/sys/devices/system/cpu/cpu1/online", "1\n", 0644);
    tree_write(tree, "/sys/devices/system/cpu/cpu2/online", "0\n", 0644);
}

static void processors_go_on_and_off_line(void **state)
{
    struct vcpu_arg vcpus[] = {
        { .logical_id = 0, .online = true },
        { .logical_id = 1, .online = false },
        { .logical_id = 2, .online = true },
    };
    struct set_vcpus_args args = { .vcpus = { .items = vcpus, .count = 3 } };
    struct guest_tree tree;
    struct json_object *count;

    set_up_tree(&tree);
    count = reply_value(cmd_set_vcpus, tree.dir, &args);
    assert_int_equal(json_object_get_int64(count), 3);
    assert_string_equal(tree_read(&tree, "/sys/devices/system/cpu/cpu1/online"), "0");
    assert_string_equal(tree_read(&tree, "/sys/devices/system/cpu/cpu2/online"), "1");
    json_object_put(count);
    tree_done(&tree);
}

static void what_came_before_a_failure_counts(void **state)
{
    struct vcpu_arg vcpus[] = {
        { .logical_id = 1, .online = false },
        { .logical_id = 0, .online = false },
        { .logical_id = 2, .online = true },
    };
    struct set_vcpus_args args = { .vcpus = { .items = vcpus, .count = 3 } };
    struct guest_tree tree;
    struct json_object *count;

    set_up_tree(&tree);
    count = reply_value(cmd_set_vcpus, tree.dir, &args);
    assert_int_equal(json_object_get_int64(count), 1);
    assert_string_equal(tree_read(&tree, "/sys/devices/system/cpu/cpu2/online"), "0\n");
    json_object_put(count);
    tree_done(&tree);
}

static void a_failure_of_the_first_is_the_error(void **state)
{
    struct vcpu_arg vcpu = { .logical_id = 0, .online = false };
    struct set_vcpus_args args = { .vcpus = { .items = &vcpu, .count = 1 } };

    reply_fails(cmd_set_vcpus, MACHINE, &args, "logical processor #0 can't be offlined");
    vcpu.logical_id = 99;
    reply_fails(cmd_set_vcpus, MACHINE, &args,
                "open(\"/sys/devices/system/cpu/cpu99/\"): No such file or directory");
    vcpu.logical_id = -1;
    reply_fails(cmd_set_vcpus, MACHINE, &args,
                "open(\"/sys/devices/system/cpu/cpu-1/\"): No such file or directory");
}

static void an_empty_list_is_no_work(void **state)
{
    struct set_vcpus_args args = { 0 };
    struct json_object *count = reply_value(cmd_set_vcpus, MACHINE, &args);

    assert_int_equal(json_object_get_int64(count), 0);
    json_object_put(count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processors_are_listed_in_order),
        cmocka_unit_test(a_processor_without_the_file_is_online_for_good),
        cmocka_unit_test(a_guest_without_sysfs_is_an_error),
        cmocka_unit_test(an_empty_or_unreadable_file_is_an_error),
        cmocka_unit_test(processors_go_on_and_off_line),
        cmocka_unit_test(what_came_before_a_failure_counts),
        cmocka_unit_test(a_failure_of_the_first_is_the_error),
        cmocka_unit_test(an_empty_list_is_no_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
