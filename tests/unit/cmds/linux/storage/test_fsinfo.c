/* guest-get-fsinfo on the made trees, and on mount tables made up here. */
#include "unit/cmds/linux/reply_check.h"
#include "unit/cmds/linux/tree_make.h"

#include <errno.h>
#include <sys/stat.h>

#define FSINFO(tree) reply_value(cmd_get_fsinfo, PQGA_TEST_DATA "/" tree, NULL)

static void write_mountinfo(void **state, const char *text)
{
    mkdir(tempdir_path(state, "proc"), 0755);
    mkdir(tempdir_path(state, "proc/self"), 0755);
    tempdir_write(state, "proc/self/mountinfo", text);
}

static void filesystems_come_in_reverse_mount_order_without_bind_and_network_mounts(void **state)
{
    struct json_object *value = FSINFO("virtio-blk");

    check_count(value, "", 4);
    check_str(value, "/0/mountpoint", "/snap/core");
    check_str(value, "/1/mountpoint", "/mnt/with space\ttab\\and\357\277\275");
    check_str(value, "/2/mountpoint", "/boot");
    check_str(value, "/3/mountpoint", "/");
    check_str(value, "/3/name", "vda1");
    check_str(value, "/3/type", "ext4");
    json_object_put(value);
}

static void a_disk_entry_has_all_members_of_the_schema(void **state)
{
    struct json_object *value = FSINFO("virtio-blk");

    check_count(value, "/3/disk", 1);
    check_str(value, "/3/disk/0/bus-type", "virtio");
    check_str(value, "/3/disk/0/serial", "root-disk-01");
    check_str(value, "/3/disk/0/dev", "/dev/vda1");
    check_int(value, "/3/disk/0/bus", 0);
    check_int(value, "/3/disk/0/target", 0);
    check_int(value, "/3/disk/0/unit", 0);
    check_int(value, "/3/disk/0/pci-controller/domain", 0);
    check_int(value, "/3/disk/0/pci-controller/bus", 0);
    check_int(value, "/3/disk/0/pci-controller/slot", 5);
    check_int(value, "/3/disk/0/pci-controller/function", 0);
    check_absent(value, "/3/disk/0/ccw-address");
    check_absent(value, "/1/disk/0/serial");
    json_object_put(value);
}

static void a_loop_mount_has_an_empty_disk_list(void **state)
{
    struct json_object *value = FSINFO("virtio-blk");

    check_str(value, "/0/name", "loop0");
    check_count(value, "/0/disk", 0);
    json_object_put(value);
}

static void sizes_are_those_of_the_mount_point_and_absent_without_it(void **state)
{
    struct json_object *value = FSINFO("virtio-blk");
    struct json_object *root = value_at(value, "/3");
    int64_t used = json_object_get_int64(value_at(root, "/used-bytes"));
    int64_t total = json_object_get_int64(value_at(root, "/total-bytes"));

    assert_non_null(value_at(root, "/used-bytes"));
    assert_true(used <= total);
    assert_true(total <= json_object_get_int64(value_at(root, "/total-bytes-privileged")));
    assert_true(total > 0);
    check_absent(value, "/2/used-bytes"); /* the tree has no /boot */
    check_absent(value, "/2/total-bytes");
    check_absent(value, "/2/total-bytes-privileged");
    json_object_put(value);
}

static void a_logical_volume_lists_each_disk_below_it(void **state)
{
    struct json_object *value = FSINFO("virtio-scsi-lvm");

    check_count(value, "", 3);
    check_str(value, "/2/name", "dm-1");
    check_count(value, "/2/disk", 2);
    check_str(value, "/2/disk/0/dev", "/dev/sda2");
    check_int(value, "/2/disk/0/target", 3);
    check_int(value, "/2/disk/0/unit", 7);
    check_str(value, "/2/disk/1/serial", "lvm-two");
    json_object_put(value);
}

static void channel_io_disks_have_a_ccw_address_and_no_pci_one(void **state)
{
    struct json_object *value = FSINFO("s390x-ccw");

    check_int(value, "/1/disk/0/ccw-address/cssid", 0);
    check_int(value, "/1/disk/0/ccw-address/ssid", 0);
    check_int(value, "/1/disk/0/ccw-address/subchno", 3);
    check_int(value, "/1/disk/0/ccw-address/devno", 0x1000);
    check_int(value, "/1/disk/0/pci-controller/domain", -1);
    json_object_put(value);
}

static void a_device_that_sysfs_does_not_know_is_named_by_its_source(void **state)
{
    struct json_object *value = FSINFO("no-udev");

    check_str(value, "/0/mountpoint", "/gone");
    check_str(value, "/0/name", "sdz9");
    check_count(value, "/0/disk", 0);
    check_str(value, "/1/disk/0/bus-type", "unknown");
    check_int(value, "/1/disk/0/pci-controller/slot", -1);
    json_object_put(value);
}

static void what_a_later_mount_covers_is_never_asked_for_its_size(void **state)
{
    struct json_object *value;

    mkdir(tempdir_path(state, "data"), 0755);
    mkdir(tempdir_path(state, "data/sub"), 0755);
    mkdir(tempdir_path(state, "data2"), 0755);
    write_mountinfo(state, "1 9 8:1 / /data/sub rw - ext4 /dev/sda1 rw\n"
                           "2 9 8:2 / /data2 rw - ext4 /dev/sda2 rw\n"
                           "3 9 8:3 / /data rw - ext4 /dev/sda3 rw\n"
                           "4 3 0:50 / /data rw - nfs4 dead:/ rw\n");
    value = reply_value(cmd_get_fsinfo, *state, NULL);
    check_count(value, "", 3);
    check_absent(value, "/0/total-bytes");              /* /data: the same place */
    assert_non_null(value_at(value, "/1/total-bytes")); /* /data2 only begins alike */
    check_absent(value, "/2/total-bytes");              /* /data/sub: below it */
    json_object_put(value);
}

static void a_filesystem_that_is_bound_is_asked_wherever_it_can_be_reached(void **state)
{
    struct json_object *value;

    make_dirs(state, "self/of/a/twice");
    make_dirs(state, "parent/sub");
    make_dirs(state, "elsewhere");
    write_mountinfo(state,
                    "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
                    "2 1 8:2 / /self/of/a rw - ext4 /dev/sda2 rw\n"
                    "3 2 8:2 / /self/of/a rw - ext4 /dev/sda2 rw\n"       /* bound onto itself */
                    "4 3 8:3 / /self/of/a/twice rw - ext4 /dev/sda3 rw\n" /* and bound twice */
                    "5 4 8:3 / /self/of/a/twice rw - ext4 /dev/sda3 rw\n"
                    "6 5 8:3 / /self/of/a/twice rw - ext4 /dev/sda3 rw\n"
                    "7 1 8:4 / /parent/sub rw - ext4 /dev/sda4 rw\n"
                    "8 1 8:1 /parent /parent rw - ext4 /dev/sda1 rw\n" /* rbind of the parent */
                    "9 8 8:4 / /parent/sub rw - ext4 /dev/sda4 rw\n"
                    "10 1 8:5 / /hidden rw - ext4 /dev/sda5 rw\n"
                    "11 10 0:9 / /hidden rw - tmpfs tmpfs rw\n"
                    "12 1 8:5 / /elsewhere rw - ext4 /dev/sda5 rw\n");
    value = reply_value(cmd_get_fsinfo, *state, NULL);
    check_count(value, "", 5);
    for (int i = 0; i < 5; i++) {
        char pointer[32];

        snprintf(pointer, sizeof(pointer), "/%d/total-bytes", i);
        assert_non_null(value_at(value, pointer));
    }
    check_str(value, "/0/mountpoint", "/hidden"); /* the first mount's, as in qemu-ga */
    json_object_put(value);
}

static void no_fuse_mount_is_ever_walked_into(void **state)
{
    struct json_object *value;

    make_dirs(state, "home/u/fuse/disk");
    make_dirs(state, "mnt");
    write_mountinfo(state, "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
                           "2 1 0:9 / /home/u/fuse rw - fuse.sshfs u@host:/ rw\n"
                           "3 2 8:2 / /home/u/fuse/disk rw - ext4 /dev/sda2 rw\n"
                           "4 2 8:3 / /home/u/fuse/disk2 rw - ext4 /dev/sda3 rw\n"
                           "5 1 8:3 / /mnt rw - ext4 /dev/sda3 rw\n");
    value = reply_value(cmd_get_fsinfo, *state, NULL);
    check_count(value, "", 3);
    assert_non_null(value_at(value, "/0/total-bytes")); /* by its other mount */
    check_absent(value, "/1/total-bytes");
    assert_non_null(value_at(value, "/2/total-bytes"));
    json_object_put(value);
}

static void odd_names_are_escaped_in_the_reply(void **state)
{
    struct json_object *value;

    write_mountinfo(state, "1 0 8:1 / /a\\012\"b\\134\302\233\xff rw - ext4 /dev/s\\012da1 rw\n");
    value = reply_value(cmd_get_fsinfo, *state, NULL);
    check_str(value, "/0/mountpoint", "/a\n\"b\\\302\233\357\277\275");
    check_str(value, "/0/name", "s\nda1");
    json_object_put(value);
}

static void a_root_that_was_moved_into_place_hides_no_earlier_mount(void **state)
{
    struct json_object *value;

    mkdir(tempdir_path(state, "live"), 0755);
    write_mountinfo(state, "1 0 0:2 / / rw - rootfs rootfs rw\n"
                           "2 3 8:1 / /live rw - ext4 /dev/sda1 rw\n"
                           "3 1 8:2 / / rw - ext4 /dev/sda2 rw\n");
    value = reply_value(cmd_get_fsinfo, *state, NULL);
    check_str(value, "/1/mountpoint", "/live");
    assert_non_null(value_at(value, "/1/total-bytes"));
    assert_non_null(value_at(value, "/0/total-bytes"));
    json_object_put(value);
}

static void thousands_of_filesystems_are_listed_each(void **state)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    struct json_object *value;

    buf_puts(&text, "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
    for (int i = 0; i < 4000; i++)
        buf_printf(&text, "%d 1 7:%d / /img/%d rw - squashfs /dev/loop%d ro\n", i + 2, i, i, i);
    write_mountinfo(state, buf_terminate(&text));
    value = reply_value(cmd_get_fsinfo, *state, NULL);
    check_count(value, "", 4001);
    check_str(value, "/0/mountpoint", "/img/3999");
    check_str(value, "/4000/mountpoint", "/");
    json_object_put(value);
}

static void thousands_of_container_mounts_leave_one_entry_for_each_filesystem(void **state)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    struct json_object *value;

    buf_puts(&text, "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
    for (int i = 0; i < 4000; i++) {
        buf_printf(&text, "%d 1 0:%d / /run/c/%d rw - overlay overlay rw\n", i + 2, i + 100, i);
        buf_printf(&text, "%d 1 8:1 /c/%d /run/c/%d/hosts rw - ext4 /dev/sda1 rw\n", i + 5000, i,
                   i);
    }
    write_mountinfo(state, buf_terminate(&text));
    value = reply_value(cmd_get_fsinfo, *state, NULL);
    check_count(value, "", 1);
    check_str(value, "/0/mountpoint", "/");
    json_object_put(value);
}

static void without_proc_the_command_fails(void **state)
{
    reply_fails(cmd_get_fsinfo, *state, NULL,
                "failed to read /proc/self/mountinfo: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filesystems_come_in_reverse_mount_order_without_bind_and_network_mounts),
        cmocka_unit_test(a_disk_entry_has_all_members_of_the_schema),
        cmocka_unit_test(a_loop_mount_has_an_empty_disk_list),
        cmocka_unit_test(sizes_are_those_of_the_mount_point_and_absent_without_it),
        cmocka_unit_test(a_logical_volume_lists_each_disk_below_it),
        cmocka_unit_test(channel_io_disks_have_a_ccw_address_and_no_pci_one),
        cmocka_unit_test(a_device_that_sysfs_does_not_know_is_named_by_its_source),
        TEST_IN_TEMPDIR(what_a_later_mount_covers_is_never_asked_for_its_size),
        TEST_IN_TEMPDIR(a_filesystem_that_is_bound_is_asked_wherever_it_can_be_reached),
        TEST_IN_TEMPDIR(no_fuse_mount_is_ever_walked_into),
        TEST_IN_TEMPDIR(odd_names_are_escaped_in_the_reply),
        TEST_IN_TEMPDIR(thousands_of_filesystems_are_listed_each),
        TEST_IN_TEMPDIR(a_root_that_was_moved_into_place_hides_no_earlier_mount),
        TEST_IN_TEMPDIR(thousands_of_container_mounts_leave_one_entry_for_each_filesystem),
        TEST_IN_TEMPDIR(without_proc_the_command_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
