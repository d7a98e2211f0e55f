#include "cmds/linux/freeze/freeze_plan.h"

#include "cmds/linux/fs_ops.h"
#include "unit/cmds/linux/guest_tree.h"

static struct freeze_plan plan_machine(void)
{
    struct sysroot root;
    struct freeze_plan plan = { 0 };

    assert_int_equal(sysroot_init(&root, PQGA_TEST_DATA "/freeze-machine"), 0);
    assert_int_equal(freeze_plan_make(&root, &plan), 0);
    return plan;
}

static void assert_order(const struct freeze_plan *plan, const char *const *targets, size_t count)
{
    assert_int_equal(plan->count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(plan->mounts.items[plan->order[i]].target, targets[i]);
}
#define ASSERT_ORDER(plan, ...)                                                                    \
    assert_order(plan, (const char *const[]){ __VA_ARGS__ },                                       \
                 sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void keep(struct freeze_plan *plan, const char *const *names, size_t count)
{
    struct arg_str items[8];
    struct arg_str_list list = { .items = items, .count = count };

    for (size_t i = 0; i < count; i++)
        items[i] = (struct arg_str){ .text = strdup(names[i]), .len = strlen(names[i]) };
    assert_int_equal(freeze_plan_keep(plan, &list), 0);
    for (size_t i = 0; i < count; i++)
        free(items[i].text);
}
#define KEEP(plan, ...)                                                                            \
    keep(plan, (const char *const[]){ __VA_ARGS__ },                                               \
         sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void loop_devices_come_before_their_backing_filesystem(void **state)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = plan_machine();

    /* /mnt/image lies on a file of /srv/data, which was mounted later. */
    ASSERT_ORDER(&plan, "/mnt/deep", "/mnt/\xe9t\xe9\xff", "/mnt/with space\ttab\\back\nline",
                 "/home", "/mnt/image", "/srv/data", "/boot/efi", "/boot", "/");
}

static void only_named_filesystems_are_kept_and_unknown_names_ignored(void **state)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = plan_machine();

    KEEP(&plan, "/", "/nowhere", "/boot");
    ASSERT_ORDER(&plan, "/boot", "/");
}

static void a_later_bind_mount_names_its_filesystem(void **state)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = plan_machine();

    KEEP(&plan, "/var/www");
    ASSERT_ORDER(&plan, "/srv/data");
}

static void a_later_subvolume_names_its_filesystem(void **state)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = plan_machine();

    KEEP(&plan, "/var/log", "/home");
    ASSERT_ORDER(&plan, "/home");
}

static void order_holds_though_the_filesystem_between_is_not_frozen(void **state)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = plan_machine();

    KEEP(&plan, "/srv/data", "/mnt/deep");
    ASSERT_ORDER(&plan, "/mnt/deep", "/srv/data");
}

/* A name is what its path leads to: not also what is hidden there, and mounted elsewhere. */
static void a_name_means_what_it_leads_to(void **state)
{
    static const char table[] = "1 0 8:1 / / rw - ext4 a rw\n"
                                "2 1 8:2 / /data rw - ext4 b rw\n"
                                "3 1 8:3 / /data rw - ext4 c rw\n"
                                "4 1 8:2 / /elsewhere rw - ext4 b rw\n"
                                "5 1 8:4 / /lost/disk rw - ext4 d rw\n"
                                "6 1 0:9 / /lost rw - tmpfs e rw\n";
    CLEANUP(freeze_plan_done) struct freeze_plan plan = { 0 };
    CLEANUP(freeze_plan_done) struct freeze_plan lost = { 0 };
    static const char *const excluded[] = { "/data", NULL };
    struct guest_tree tree;

    tree_init(&tree);
    tree_write(&tree, "/proc/self/mountinfo", table, 0644);
    assert_int_equal(freeze_plan_make(&tree.root, &plan), 0);
    KEEP(&plan, "/data");
    ASSERT_ORDER(&plan, "/data");
    assert_int_equal(plan.mounts.items[plan.order[0]].minor, 3);
    freeze_plan_done(&plan);
    /* a name that leads nowhere is not forgotten: the freeze will say so */
    assert_int_equal(freeze_plan_make(&tree.root, &lost), 0);
    KEEP(&lost, "/lost/disk");
    ASSERT_ORDER(&lost, "/lost/disk");
    freeze_plan_done(&lost);
    /* an exclusion takes all that ever had the name */
    assert_int_equal(freeze_plan_make(&tree.root, &plan), 0);
    assert_int_equal(freeze_plan_drop(&plan, excluded), 0);
    ASSERT_ORDER(&plan, "/lost/disk", "/");
    tree_done(&tree);
}

static void an_empty_list_keeps_nothing(void **state)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = plan_machine();

    assert_int_equal(freeze_plan_keep(&plan, &(struct arg_str_list){ 0 }), 0);
    assert_int_equal(plan.count, 0);
}

static void excluded_mountpoints_drop_their_filesystem(void **state)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = plan_machine();
    const char *const exclude[] = { "/var/www", "/mnt/deep", "/nowhere", NULL };

    assert_int_equal(freeze_plan_drop(&plan, exclude), 0);
    ASSERT_ORDER(&plan, "/mnt/\xe9t\xe9\xff", "/mnt/with space\ttab\\back\nline", "/home",
                 "/mnt/image", "/boot/efi", "/boot", "/");
}

static void devices_that_go_in_circles_end(void **state)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = { 0 };
    struct guest_tree tree;

    tree_init(&tree);
    tree_write(&tree, "/proc/self/mountinfo",
               "1 0 7:0 / /a rw - ext4 /dev/loop0 rw\n2 0 7:1 / /b rw - ext4 /dev/loop1 rw\n",
               0644);
    tree_write(&tree, "/sys/dev/block/7:0/loop/backing_file", "/b/image\n", 0644);
    tree_write(&tree, "/sys/dev/block/7:1/loop/backing_file", "/a/image\n", 0644);
    assert_int_equal(freeze_plan_make(&tree.root, &plan), 0);
    assert_int_equal(plan.count, 2);
    tree_done(&tree);
}

/* loop0 has its file on the filesystem of this number; other loop devices do not answer. */
static unsigned backing_major, backing_minor;

static int fake_backing_device(const struct sysroot *root, const char *loop, unsigned *ret_major,
                               unsigned *ret_minor)
{
    if (strcmp(loop, "loop0") != 0)
        return -ENXIO;
    *ret_major = backing_major;
    *ret_minor = backing_minor;
    return 0;
}

/* /image lies on /dev/loop0, whose file was opened as `file` on the filesystem of that number.
 * By mount order alone it would be frozen last. */
static struct freeze_plan plan_loop(unsigned major_number, unsigned minor_number, const char *file)
{
    int (*real)(const struct sysroot *, const char *, unsigned *, unsigned *) =
        fs_ops.backing_device;
    struct freeze_plan plan = { 0 };
    struct guest_tree tree;
    char sysfs[256];

    tree_init(&tree);
    tree_write(&tree, "/proc/self/mountinfo",
               "1 0 7:0 / /image rw - ext4 /dev/loop0 rw\n"
               "2 0 8:1 / /other rw - ext4 /dev/sda1 rw\n"
               "3 0 259:70000 / /late rw - ext4 /dev/nvme0n1 rw\n",
               0644);
    tree_write(&tree, "/sys/block/loop0/loop/backing_file", file, 0644);
    tree_write(&tree, "/sys/dev/block/README", "", 0644);
    snprintf(sysfs, sizeof(sysfs), "%s/sys/dev/block/7:0", tree.dir);
    assert_int_equal(symlink("../../block/loop0", sysfs), 0);
    backing_major = major_number;
    backing_minor = minor_number;
    fs_ops.backing_device = fake_backing_device;
    assert_int_equal(freeze_plan_make(&tree.root, &plan), 0);
    fs_ops.backing_device = real;
    tree_done(&tree);
    return plan;
}

static void a_backing_file_is_found_by_number_though_its_path_leads_elsewhere(void **state)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = plan_loop(259, 70000, "/other/file\n");

    ASSERT_ORDER(&plan, "/image", "/late", "/other");
}

static void a_backing_file_is_found_by_number_though_its_path_leads_nowhere(void **state)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = plan_loop(8, 1, "/file (deleted)\n");

    ASSERT_ORDER(&plan, "/late", "/image", "/other");
}

static void a_backing_filesystem_that_is_not_mounted_orders_nothing(void **state)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = plan_loop(8, 99, "/late/file\n");

    ASSERT_ORDER(&plan, "/late", "/other", "/image");
}

static void an_anonymous_number_that_no_mount_has_leaves_it_to_the_path(void **state)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = plan_loop(0, 45, "/late/file\n");

    ASSERT_ORDER(&plan, "/image", "/late", "/other");
}

static void four_thousand_filesystems_are_planned(void **state)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = { 0 };
    CLEANUP(buf_done) struct buf table = { 0 };
    struct guest_tree tree;

    for (int i = 0; i < 4000; i++)
        buf_printf(&table, "%d 1 8:%d / /m/%d rw - ext4 /dev/sda%d rw\n", i + 2, i, i, i);
    assert_non_null(buf_terminate(&table));
    tree_init(&tree);
    tree_write(&tree, "/proc/self/mountinfo", table.data, 0644);
    tree_write(&tree, "/sys/dev/block/8:3999/loop/backing_file", "/m/0/image\n", 0644);
    tree_write(&tree, "/sys/dev/block/8:7/loop/backing_file", "/m/3998/image\n", 0644);
    assert_int_equal(freeze_plan_make(&tree.root, &plan), 0);
    assert_int_equal(plan.count, 4000);
    assert_string_equal(plan.mounts.items[plan.order[0]].target, "/m/3999");
    assert_string_equal(plan.mounts.items[plan.order[1]].target, "/m/7");
    assert_string_equal(plan.mounts.items[plan.order[2]].target, "/m/3998");
    assert_string_equal(plan.mounts.items[plan.order[3999]].target, "/m/0");
    tree_done(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loop_devices_come_before_their_backing_filesystem),
        cmocka_unit_test(only_named_filesystems_are_kept_and_unknown_names_ignored),
        cmocka_unit_test(a_later_bind_mount_names_its_filesystem),
        cmocka_unit_test(a_later_subvolume_names_its_filesystem),
        cmocka_unit_test(order_holds_though_the_filesystem_between_is_not_frozen),
        cmocka_unit_test(a_name_means_what_it_leads_to),
        cmocka_unit_test(an_empty_list_keeps_nothing),
        cmocka_unit_test(excluded_mountpoints_drop_their_filesystem),
        cmocka_unit_test(devices_that_go_in_circles_end),
        cmocka_unit_test(a_backing_file_is_found_by_number_though_its_path_leads_elsewhere),
        cmocka_unit_test(a_backing_file_is_found_by_number_though_its_path_leads_nowhere),
        cmocka_unit_test(a_backing_filesystem_that_is_not_mounted_orders_nothing),
        cmocka_unit_test(an_anonymous_number_that_no_mount_has_leaves_it_to_the_path),
        cmocka_unit_test(four_thousand_filesystems_are_planned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
