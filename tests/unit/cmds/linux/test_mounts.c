#include "cmds/linux/mounts.h"

#include "unit/cmds/linux/guest_tree.h"

static struct mounts read_machine(const char *machine)
{
    struct sysroot root;
    struct mounts mounts = { 0 };
    char prefix[512];

    snprintf(prefix, sizeof(prefix), PQGA_TEST_DATA "/%s", machine);
    assert_int_equal(sysroot_init(&root, prefix), 0);
    assert_int_equal(mounts_read(&root, &mounts), 0);
    return mounts;
}

static struct mounts read_text(const char *text)
{
    struct guest_tree tree;
    struct mounts mounts = { 0 };

    tree_init(&tree);
    tree_write(&tree, "/proc/self/mountinfo", text, 0644);
    assert_int_equal(mounts_read(&tree.root, &mounts), 0);
    tree_done(&tree);
    return mounts;
}

static void mounts_are_read_in_mount_order(void **state)
{
    CLEANUP(mounts_done) struct mounts mounts = read_machine("freeze-machine");

    assert_int_equal(mounts.count, 17);
    assert_string_equal(mounts.items[2].target, "/");
    assert_string_equal(mounts.items[2].source, "/dev/vda1");
    assert_string_equal(mounts.items[2].fstype, "ext4");
    assert_int_equal(mounts.items[2].major, 253);
    assert_int_equal(mounts.items[2].minor, 1);
    assert_string_equal(mounts.items[16].target, "/mnt/sshfs");
}

static void octal_escapes_are_decoded(void **state)
{
    CLEANUP(mounts_done) struct mounts mounts = read_machine("freeze-machine");

    assert_string_equal(mounts.items[13].target, "/mnt/with space\ttab\\back\nline");
}

static void names_that_are_no_utf8_stay_as_they_are(void **state)
{
    CLEANUP(mounts_done) struct mounts mounts = read_machine("freeze-machine");

    assert_string_equal(mounts.items[14].target, "/mnt/\xe9t\xe9\xff");
}

static void btrfs_gets_the_number_of_its_source_device(void **state)
{
    CLEANUP(mounts_done) struct mounts mounts = read_machine("freeze-machine");

    assert_int_equal(mounts.items[8].major, 253);
    assert_int_equal(mounts.items[8].minor, 32);
    assert_int_equal(mounts.items[9].first, 8);
}

/* The source is any text that a mount was made with; a name elsewhere may lead anywhere. */
static void a_btrfs_source_outside_of_dev_is_not_followed(void **state)
{
    static const char *const sources[] = { "/home/u/fuse/vda1", "/dev/../home/u/vda1",
                                           "/dev/shm/vda1", "vda1" };
    struct guest_tree tree;

    tree_init(&tree);
    tree_write(&tree, "/sys/class/block/vda1/dev", "253:1\n", 0644);
    for (size_t i = 0; i <= ARRAY_LEN(sources); i++) {
        CLEANUP(mounts_done) struct mounts mounts = { 0 };
        char line[128];

        snprintf(line, sizeof(line), "1 0 0:40 / / rw - btrfs %s rw\n",
                 i < ARRAY_LEN(sources) ? sources[i] : "/dev/vda1");
        tree_write(&tree, "/proc/self/mountinfo", line, 0644);
        assert_int_equal(mounts_read(&tree.root, &mounts), 0);
        assert_int_equal(mounts.items[0].major, i < ARRAY_LEN(sources) ? 0 : 253);
    }
    tree_done(&tree);
}

static void filesystems_without_a_device_are_reported_apart(void **state)
{
    CLEANUP(mounts_done) struct mounts mounts = read_machine("freeze-machine");

    assert_false(mount_has_device(&mounts.items[0]));  /* proc */
    assert_false(mount_has_device(&mounts.items[3]));  /* tmpfs */
    assert_false(mount_has_device(&mounts.items[11])); /* nfs4 */
    assert_false(mount_has_device(&mounts.items[12])); /* overlay */
    assert_false(mount_has_device(&mounts.items[16])); /* fuse */
    assert_true(mount_has_device(&mounts.items[8]));   /* btrfs */
}

static void a_bind_mount_belongs_to_the_first_mount_of_its_device(void **state)
{
    CLEANUP(mounts_done) struct mounts mounts = read_machine("freeze-machine");

    assert_int_equal(mounts.items[10].first, 7);
    assert_true(mount_is_first(&mounts, 7));
    assert_false(mount_is_first(&mounts, 10));
    assert_false(mount_is_first(&mounts, 3));
}

static void a_path_is_found_on_the_longest_and_newest_mount(void **state)
{
    CLEANUP(mounts_done)
    struct mounts mounts = read_text("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
                                     "2 1 8:2 / /srv rw - ext4 /dev/sda2 rw\n"
                                     "3 1 8:3 / /srv/data rw - ext4 /dev/sda3 rw\n"
                                     "4 1 8:4 / /srv rw - ext4 /dev/sda4 rw\n");

    assert_int_equal(mounts_find_path(&mounts, "/etc/passwd"), 0);
    assert_int_equal(mounts_find_path(&mounts, "/srvx"), 0);
    assert_int_equal(mounts_find_path(&mounts, "/srv/x"), 3);
    assert_int_equal(mounts_find_path(&mounts, "/srv/data"), 2);
    assert_int_equal(mounts_find_path(&mounts, "/srv/data/x"), 2);
    assert_int_equal(mounts_find_path(&mounts, "relative"), SIZE_MAX);
}

static void a_device_is_found_at_its_first_mount(void **state)
{
    CLEANUP(mounts_done)
    struct mounts mounts = read_text("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
                                     "2 1 0:9 / /run rw - tmpfs tmpfs rw\n"
                                     "3 1 259:70000 / /a rw - ext4 /dev/nvme0n1 rw\n"
                                     "4 1 259:70000 / /b rw - ext4 /dev/nvme0n1 rw\n");

    assert_int_equal(mounts_find_device(&mounts, 259, 70000), 2);
    assert_int_equal(mounts_find_device(&mounts, 0, 9), 1);
    assert_int_equal(mounts_find_device(&mounts, 8, 2), SIZE_MAX);
}

static void an_empty_source_and_bad_lines_are_survived(void **state)
{
    CLEANUP(mounts_done)
    struct mounts mounts = read_text("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
                                     "rubbish\n"
                                     "2 1 0:9 / /run rw - tmpfs  rw\n"
                                     "3 1 8:2 / /a rw - ext4 /dev/sda2 rw\n");

    assert_int_equal(mounts.count, 3);
    assert_string_equal(mounts.items[0].target, "/");
    assert_string_equal(mounts.items[1].target, "/run");
    assert_string_equal(mounts.items[2].target, "/a");
}

static void optional_fields_are_passed_over(void **state)
{
    CLEANUP(mounts_done)
    struct mounts mounts = read_text(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "2 1 8:2 / /a rw shared:1 - ext4 /dev/sda2 rw\n"
        "3 1 8:3 / /b rw master:1 propagate_from:2 unbindable - xfs /dev/sda3 rw,noquota\n"
        "4 1 8:4 /- /- - shared:4 - ext3 - -\n");

    assert_int_equal(mounts.count, 4);
    assert_string_equal(mounts.items[1].fstype, "ext4");
    assert_string_equal(mounts.items[1].source, "/dev/sda2");
    assert_string_equal(mounts.items[2].fstype, "xfs");
    assert_string_equal(mounts.items[2].source, "/dev/sda3");
    assert_string_equal(mounts.items[3].target, "/-");
    assert_string_equal(mounts.items[3].fstype, "ext3");
    assert_string_equal(mounts.items[3].source, "-");
}

static void lines_that_are_too_short_are_skipped(void **state)
{
    CLEANUP(mounts_done)
    struct mounts mounts = read_text("\n"
                                     "1 0\n"
                                     "1 0 8:1 /\n"
                                     "1 0 8:1 / /a rw\n"
                                     "1 0 8:1 / /a rw shared:1 shared:2\n"
                                     "1 0 8:1 / /a rw -\n"
                                     "1 0 8:1 / /a rw - ext4\n"
                                     "1 0 8:1 / /last rw - ext4 /dev/sda1");

    assert_int_equal(mounts.count, 1);
    assert_string_equal(mounts.items[0].target, "/last");
    assert_string_equal(mounts.items[0].source, "/dev/sda1");
}

static void lines_with_a_wrong_device_or_no_name_are_skipped(void **state)
{
    CLEANUP(mounts_done)
    struct mounts mounts = read_text("1 0 8 / /a rw - ext4 /dev/sda1 rw\n"
                                     "1 0 8: / /a rw - ext4 /dev/sda1 rw\n"
                                     "1 0 x:1 / /a rw - ext4 /dev/sda1 rw\n"
                                     "1 0 8:1x / /a rw - ext4 /dev/sda1 rw\n"
                                     "1 0 8:1 /  rw - ext4 /dev/sda1 rw\n"
                                     "1 0 8:1 / /a rw -  /dev/sda1 rw\n"
                                     "1 0 259:1048575 / /a rw - ext4 /dev/sda1 rw\n");

    assert_int_equal(mounts.count, 1);
    assert_int_equal(mounts.items[0].major, 259);
    assert_int_equal(mounts.items[0].minor, 1048575);
}

static void backslashes_that_are_no_escape_stay(void **state)
{
    CLEANUP(mounts_done)
    struct mounts mounts =
        read_text("1 0 8:1 / /\\04\\9\\x\\134040\\ rw - fuse.a\\040b /dev/\\043x rw\n");

    assert_int_equal(mounts.count, 1);
    assert_string_equal(mounts.items[0].target, "/\\04\\9\\x\\040\\");
    assert_string_equal(mounts.items[0].fstype, "fuse.a b");
    assert_string_equal(mounts.items[0].source, "/dev/#x");
}

static void an_empty_table_has_no_mounts(void **state)
{
    CLEANUP(mounts_done) struct mounts mounts = read_text("");

    assert_int_equal(mounts.count, 0);
}

static void a_missing_table_is_an_error(void **state)
{
    struct sysroot root;
    struct mounts mounts = { 0 };

    assert_int_equal(sysroot_init(&root, PQGA_TEST_DATA "/no-sysfs"), 0);
    assert_int_equal(mounts_read(&root, &mounts), -ENOENT);
}

static void a_table_that_cannot_be_read_is_an_error(void **state)
{
    struct sysroot root;
    struct mounts mounts = { 0 };

    assert_int_equal(sysroot_init(&root, PQGA_TEST_DATA "/broken-sysfs"), 0);
    assert_true(mounts_read(&root, &mounts) < 0);
    assert_null(mounts.items);
}

static void four_thousand_mounts_are_read(void **state)
{
    CLEANUP(mounts_done) struct mounts mounts = { 0 };
    CLEANUP(buf_done) struct buf text = { 0 };

    for (int i = 0; i < 4000; i++)
        buf_printf(&text, "%d 1 8:%d / /m/%d rw,relatime shared:%d - ext4 /dev/sd%d rw\n", i + 2,
                   i % 2000, i, i, i % 2000);
    assert_non_null(buf_terminate(&text));
    mounts = read_text(text.data);
    assert_int_equal(mounts.count, 4000);
    assert_int_equal(mounts.items[3999].first, 1999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mounts_are_read_in_mount_order),
        cmocka_unit_test(octal_escapes_are_decoded),
        cmocka_unit_test(names_that_are_no_utf8_stay_as_they_are),
        cmocka_unit_test(btrfs_gets_the_number_of_its_source_device),
        cmocka_unit_test(a_btrfs_source_outside_of_dev_is_not_followed),
        cmocka_unit_test(filesystems_without_a_device_are_reported_apart),
        cmocka_unit_test(a_bind_mount_belongs_to_the_first_mount_of_its_device),
        cmocka_unit_test(a_path_is_found_on_the_longest_and_newest_mount),
        cmocka_unit_test(a_device_is_found_at_its_first_mount),
        cmocka_unit_test(an_empty_source_and_bad_lines_are_survived),
        cmocka_unit_test(optional_fields_are_passed_over),
        cmocka_unit_test(lines_that_are_too_short_are_skipped),
        cmocka_unit_test(lines_with_a_wrong_device_or_no_name_are_skipped),
        cmocka_unit_test(backslashes_that_are_no_escape_stay),
        cmocka_unit_test(an_empty_table_has_no_mounts),
        cmocka_unit_test(a_missing_table_is_an_error),
        cmocka_unit_test(a_table_that_cannot_be_read_is_an_error),
        cmocka_unit_test(four_thousand_mounts_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
