/* guest-get-disks on the made trees. */
#include "unit/cmds/linux/reply_check.h"
#include "unit/cmds/linux/tree_make.h"

#define DISKS(tree) reply_value(cmd_get_disks, PQGA_TEST_DATA "/" tree, NULL)

static void disks_come_before_their_partitions_and_empty_ones_are_left_out(void **state)
{
    static const char *const names[] = { "/dev/loop0", "/dev/vda", "/dev/vda1", "/dev/vda2",
                                         "/dev/vdb" };
    struct json_object *value = DISKS("virtio-blk");
    char pointer[32];

    check_count(value, "", ARRAY_LEN(names)); /* neither sr0 nor loop1 */
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(pointer, sizeof(pointer), "/%zu/name", i);
        check_str(value, pointer, names[i]);
    }
    json_object_put(value);
}

static void a_disk_has_an_address_and_no_dependencies(void **state)
{
    struct json_object *value = DISKS("virtio-blk");

    assert_false(json_object_get_boolean(value_at(value, "/1/partition")));
    check_count(value, "/1/dependencies", 0);
    check_int(value, "/1/address/pci-controller/slot", 5);
    check_str(value, "/1/address/serial", "root-disk-01");
    check_absent(value, "/1/alias");
    check_absent(value, "/1/smart");
    json_object_put(value);
}

static void a_partition_depends_on_its_disk(void **state)
{
    struct json_object *value = DISKS("virtio-blk");

    assert_true(json_object_get_boolean(value_at(value, "/2/partition")));
    check_count(value, "/2/dependencies", 1);
    check_str(value, "/2/dependencies/0", "/dev/vda");
    check_absent(value, "/2/address");
    json_object_put(value);
}

static void virtual_devices_have_no_address(void **state)
{
    struct json_object *value = DISKS("virtio-blk");

    check_count(value, "/0/dependencies", 0);
    check_absent(value, "/0/address");
    json_object_put(value);
}

static void device_mapper_has_its_name_as_alias_and_its_slaves_as_dependencies(void **state)
{
    struct json_object *value = DISKS("virtio-scsi-lvm");

    check_count(value, "", 7);
    check_str(value, "/0/name", "/dev/dm-0");
    check_str(value, "/0/alias", "luks-4f1c");
    check_str(value, "/0/dependencies/0", "/dev/sda2");
    check_str(value, "/1/alias", "vg0-root");
    check_count(value, "/1/dependencies", 2);
    check_str(value, "/1/dependencies/0", "/dev/dm-0");
    check_str(value, "/1/dependencies/1", "/dev/sdb");
    check_str(value, "/2/alias", "vg0-my--data");
    json_object_put(value);
}

static void a_partition_of_md_depends_on_the_array(void **state)
{
    struct json_object *value = DISKS("sata-md-usb");

    check_str(value, "/0/name", "/dev/md0");
    check_count(value, "/0/dependencies", 2);
    check_str(value, "/1/name", "/dev/md0p1");
    check_count(value, "/1/dependencies", 1);
    check_str(value, "/1/dependencies/0", "/dev/md0");
    json_object_put(value);
}

static void nvme_partitions_are_in_order_and_hidden_paths_left_out(void **state)
{
    static const char *const names[] = { "/dev/nvme0n1", "/dev/nvme0n1p1", "/dev/nvme0n1p10",
                                         "/dev/nvme1n1" };
    struct json_object *value = DISKS("nvme");
    char pointer[32];

    check_count(value, "", ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(pointer, sizeof(pointer), "/%zu/name", i);
        check_str(value, pointer, names[i]);
    }
    check_str(value, "/3/address/bus-type", "nvme");
    check_absent(value, "/0/smart"); /* no device node in the tree */
    json_object_put(value);
}

static void names_with_a_slash_are_spelled_as_their_node(void **state)
{
    struct json_object *value = DISKS("no-udev");

    check_str(value, "/0/name", "/dev/cciss/c0d0");
    check_str(value, "/0/address/dev", "/dev/cciss/c0d0");
    json_object_put(value);
}

static void a_disk_without_a_readable_size_is_left_out(void **state)
{
    struct json_object *value;

    make_dirs(state, "sys/block");
    make_dirs(state, "sys/devices/a/sda");
    make_dirs(state, "sys/devices/a/sdb/size");
    make_link(state, "../devices/a/sda", "sys/block/sda");
    make_link(state, "../devices/a/sdb", "sys/block/sdb");
    make_link(state, "../devices/a/sdc", "sys/block/sdc");
    value = reply_value(cmd_get_disks, *state, NULL);
    check_count(value, "", 0);
    json_object_put(value);
}

static void without_sysfs_the_command_fails(void **state)
{
    reply_fails(cmd_get_disks, *state, NULL,
                "Can't open directory \"/sys/block\": No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disks_come_before_their_partitions_and_empty_ones_are_left_out),
        cmocka_unit_test(a_disk_has_an_address_and_no_dependencies),
        cmocka_unit_test(a_partition_depends_on_its_disk),
        cmocka_unit_test(virtual_devices_have_no_address),
        cmocka_unit_test(device_mapper_has_its_name_as_alias_and_its_slaves_as_dependencies),
        cmocka_unit_test(a_partition_of_md_depends_on_the_array),
        cmocka_unit_test(nvme_partitions_are_in_order_and_hidden_paths_left_out),
        cmocka_unit_test(names_with_a_slash_are_spelled_as_their_node),
        TEST_IN_TEMPDIR(a_disk_without_a_readable_size_is_left_out),
        TEST_IN_TEMPDIR(without_sysfs_the_command_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
