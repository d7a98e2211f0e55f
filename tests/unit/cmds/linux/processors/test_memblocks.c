#include "unit/cmds/linux/guest_tree.h"
#include "unit/cmds/linux/reply_check.h"

#define MACHINE PQGA_TEST_DATA "/vcpu-machine"

static bool flag(struct json_object *list, const char *pointer)
{
    struct json_object *value = value_at(list, pointer);

    assert_non_null(value);
    return json_object_get_boolean(value);
}

static void blocks_are_listed_in_order(void **state)
{
    struct json_object *list = reply_value(cmd_get_memory_blocks, MACHINE, NULL);
    const int indices[] = { 0, 1, 2, 10, 11, 32 };

    check_count(list, "", 6);
    for (size_t i = 0; i < ARRAY_LEN(indices); i++) {
        char pointer[32];

        snprintf(pointer, sizeof(pointer), "/%zu/phys-index", i);
        check_int(list, pointer, indices[i]);
    }
    json_object_put(list);
}

static void state_and_removable_are_read(void **state)
{
    struct json_object *list = reply_value(cmd_get_memory_blocks, MACHINE, NULL);

    assert_true(flag(list, "/0/online"));
    assert_false(flag(list, "/0/can-offline")); /* removable 0 */
    assert_true(flag(list, "/1/can-offline"));
    assert_false(flag(list, "/2/online"));
    assert_true(flag(list, "/3/can-offline")); /* no such file */
    assert_true(flag(list, "/4/online"));      /* no state: online for good */
    assert_false(flag(list, "/4/can-offline"));
    assert_false(flag(list, "/5/online")); /* going-offline */
    json_object_put(list);
}

static void a_guest_without_memory_blocks_has_none_and_can_set_none(void **state)
{
    struct memblk_arg blocks[] = { { .phys_index = 0, .online = true }, { .phys_index = -1 } };
    struct set_memblocks_args args = { .blocks = { .items = blocks, .count = 2 } };
    struct json_object *list;

    list = reply_value(cmd_get_memory_blocks, PQGA_TEST_DATA "/no-sysfs", NULL);
    check_count(list, "", 0);
    json_object_put(list);
    list = reply_value(cmd_set_memory_blocks, PQGA_TEST_DATA "/no-sysfs", &args);
    check_count(list, "", 2);
    check_str(list, "/0/response", "operation-not-supported");
    check_int(list, "/0/error-code", ENOENT);
    check_str(list, "/1/response", "operation-not-supported");
    json_object_put(list);
    reply_fails(cmd_get_memory_block_info, PQGA_TEST_DATA "/no-sysfs", NULL,
                "open sysfs file \"/sys/devices/system/memory/block_size_bytes\": "
                "No such file or directory");
}

static void a_memory_directory_that_cannot_be_read_is_an_error(void **state)
{
    struct guest_tree tree;

    tree_init(&tree);
    tree_write(&tree, "/sys/devices/system/memory", "", 0644);
    reply_fails(cmd_get_memory_blocks, tree.dir, NULL,
                "Can't open directory \"/sys/devices/system/memory/\": Not a directory");
    tree_done(&tree);
}

static void a_negative_index_is_echoed_unsigned(void **state)
{
    struct memblk_arg blocks[] = { { .phys_index = -1, .online = true } };
    struct set_memblocks_args args = { .blocks = { .items = blocks, .count = 1 } };
    struct json_object *list = reply_value(cmd_set_memory_blocks, MACHINE, &args);

    check_str(list, "/0/response", "not-found");
    assert_true(json_object_get_uint64(value_at(list, "/0/phys-index")) == UINT64_MAX);
    json_object_put(list);
}

static void a_state_that_cannot_be_read_is_an_error(void **state)
{
    reply_fails(cmd_get_memory_blocks, PQGA_TEST_DATA "/broken-sysfs", NULL,
                "pread sysfs file \"/sys/devices/system/memory/memory0/state\": Is a directory");
}

static void a_directory_without_blocks_is_an_error(void **state)
{
    struct guest_tree tree;

    tree_init(&tree);
    tree_write(&tree, "/sys/devices/system/memory/block_size_bytes", "8000000\n", 0644);
    reply_fails(cmd_get_memory_blocks, tree.dir, NULL, "guest reported zero memory blocks!");
    tree_done(&tree);
}

static void the_block_size_is_hexadecimal(void **state)
{
    struct json_object *info = reply_value(cmd_get_memory_block_info, MACHINE, NULL);

    check_int(info, "/size", 128 << 20);
    json_object_put(info);
}

static void a_block_size_that_is_no_number_is_an_error(void **state)
{
    reply_fails(cmd_get_memory_block_info, PQGA_TEST_DATA "/broken-sysfs", NULL,
                "open sysfs file \"/sys/devices/system/memory/block_size_bytes\": "
                "Invalid argument");
}

static void each_block_has_its_own_outcome(void **state)
{
    struct memblk_arg blocks[] = {
        { .phys_index = 1, .online = false },
        { .phys_index = 2, .online = false }, /* is so already */
        { .phys_index = 99, .online = true },
        { .phys_index = 3, .online = false }, /* no state file */
        { .phys_index = 3, .online = true },
        { .phys_index = 4, .online = false }, /* cannot be read */
    };
    struct set_memblocks_args args = { .blocks = { .items = blocks, .count = 6 } };
    struct guest_tree tree;
    struct json_object *list;

    tree_init(&tree);
    tree_write(&tree, "/sys/devices/system/memory/memory1/state", "offline-not\n", 0644);
    tree_write(&tree, "/sys/devices/system/memory/memory1/state", "online\n", 0644);
    tree_write(&tree, "/sys/devices/system/memory/memory2/state", "offline\n", 0644);
    tree_write(&tree, "/sys/devices/system/memory/memory3/phys_index", "3\n", 0644);
    tree_write(&tree, "/sys/devices/system/memory/memory4/state/directory", "", 0644);
    list = reply_value(cmd_set_memory_blocks, tree.dir, &args);
    check_count(list, "", 6);
    check_str(list, "/0/response", "success");
    check_absent(list, "/0/error-code");
    assert_memory_equal(tree_read(&tree, "/sys/devices/system/memory/memory1/state"), "offline", 7);
    check_str(list, "/1/response", "success");
    check_int(list, "/2/phys-index", 99);
    check_str(list, "/2/response", "not-found");
    check_int(list, "/2/error-code", ENOENT);
    check_str(list, "/3/response", "operation-not-supported");
    check_str(list, "/4/response", "success");
    check_str(list, "/5/response", "operation-failed");
    check_int(list, "/5/error-code", EISDIR);
    json_object_put(list);
    tree_done(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_listed_in_order),
        cmocka_unit_test(state_and_removable_are_read),
        cmocka_unit_test(a_guest_without_memory_blocks_has_none_and_can_set_none),
        cmocka_unit_test(a_memory_directory_that_cannot_be_read_is_an_error),
        cmocka_unit_test(a_negative_index_is_echoed_unsigned),
        cmocka_unit_test(a_state_that_cannot_be_read_is_an_error),
        cmocka_unit_test(a_directory_without_blocks_is_an_error),
        cmocka_unit_test(the_block_size_is_hexadecimal),
        cmocka_unit_test(a_block_size_that_is_no_number_is_an_error),
        cmocka_unit_test(each_block_has_its_own_outcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
