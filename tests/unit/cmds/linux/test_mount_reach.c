/* Which mounts their path leads to, from tables as the kernel writes them. */
#include "cmds/linux/mount_reach.h"

#include "unit/cmds/linux/guest_tree.h"

static int set_up(void **state)
{
    struct guest_tree *tree = calloc(1, sizeof(*tree));

    assert_non_null(tree);
    tree_init(tree);
    *state = tree;
    return 0;
}

static int tear_down(void **state)
{
    tree_done(*state);
    free(*state);
    return 0;
}

/* One letter a mount: Reachable, Hidden, in a Fuse. */
static void check(void **state, const char *table, const char *expected)
{
    struct guest_tree *tree = *state;
    struct mounts mounts = { 0 };
    char letters[32] = "";

    tree_write(tree, "/proc/self/mountinfo", table, 0644);
    assert_int_equal(mounts_read(&tree->root, &mounts), 0);
    assert_int_equal(mounts_find_reach(&mounts), 0);
    for (size_t i = 0; i < mounts.count; i++)
        letters[i] = "RHF"[mounts.items[i].reach];
    assert_string_equal(letters, expected);
    mounts_done(&mounts);
}

static void mounts_beside_and_below_each_other_are_reachable(void **state)
{
    check(state,
          "20 1 8:1 / / rw - ext4 a rw\n"
          "21 20 8:2 / /a rw - ext4 b rw\n"
          "22 21 8:3 / /a/b rw - ext4 c rw\n"
          "23 20 8:4 / /ab rw - ext4 d rw\n"
          "24 20 8:4 / /a-b/c rw - ext4 d rw\n",
          "RRRRR");
}

static void a_mount_on_top_hides_what_is_there_and_below(void **state)
{
    check(state,
          "20 1 8:1 / / rw - ext4 a rw\n"
          "21 20 8:2 / /a rw - ext4 b rw\n"
          "22 21 8:3 / /a/b rw - ext4 c rw\n"
          "23 22 8:5 / /a/b/c rw - ext4 e rw\n"
          "24 21 8:4 / /a rw - ext4 d rw\n",
          "RHHHR");
}

static void a_mount_on_a_directory_above_hides_too(void **state)
{
    check(state,
          "20 1 8:1 / / rw - ext4 a rw\n"
          "21 20 8:2 / /home/u/disk rw - ext4 b rw\n"
          "22 20 8:3 / /home/u rw - ext4 c rw\n"
          "23 22 8:4 / /home/u/disk rw - ext4 d rw\n",
          "RHRR");
}

static void the_root_of_a_switched_root_is_reachable(void **state)
{
    check(state,
          "1 0 0:2 / / rw - rootfs rootfs rw\n"
          "20 1 8:1 / / rw - ext4 a rw\n"
          "21 20 8:2 / /a rw - ext4 b rw\n"
          "22 1 8:3 / /old rw - ext4 c rw\n",
          "HRRH");
}

static void fuse_and_what_is_mounted_inside_is_not_entered(void **state)
{
    check(state,
          "20 1 8:1 / / rw - ext4 a rw\n"
          "21 20 0:50 / /home/u/f rw - fuse.sshfs host: rw\n"
          "22 21 8:2 / /home/u/f/disk rw - ext4 b rw\n"
          "23 22 8:3 / /home/u/f/disk/more rw - ext4 c rw\n"
          "24 20 8:4 / /ntfs rw - fuseblk /dev/sdd rw\n"
          "25 20 0:51 / /ctl rw - fusectl fusectl rw\n"
          "26 20 0:52 / /plain rw - fuse x rw\n",
          "RFFFFRF");
}

static void a_table_of_a_chroot_or_in_a_circle_ends(void **state)
{
    check(state,
          "20 99 8:1 / / rw - ext4 a rw\n"
          "21 22 8:2 / /a rw - ext4 b rw\n"
          "22 21 8:3 / /b rw - ext4 c rw\n"
          "23 23 8:4 / /c rw - ext4 d rw\n",
          "RHHH");
}

static void four_thousand_mounts_take_no_time(void **state)
{
    CLEANUP(buf_done) struct buf table = { 0 };
    struct guest_tree *tree = *state;
    struct mounts mounts = { 0 };

    buf_printf(&table, "1 0 8:1 / / rw - ext4 a rw\n");
    for (int i = 2; i < 4000; i++)
        buf_printf(&table, "%d 1 8:%d / /srv/disks/disk%d rw - ext4 x rw\n", i, i, i);
    tree_write(tree, "/proc/self/mountinfo", buf_terminate(&table), 0644);
    assert_int_equal(mounts_read(&tree->root, &mounts), 0);
    assert_int_equal(mounts_find_reach(&mounts), 0);
    for (size_t i = 0; i < mounts.count; i++)
        assert_int_equal(mounts.items[i].reach, MOUNT_REACHABLE);
    mounts_done(&mounts);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(mounts_beside_and_below_each_other_are_reachable),
        CASE(a_mount_on_top_hides_what_is_there_and_below),
        CASE(a_mount_on_a_directory_above_hides_too),
        CASE(the_root_of_a_switched_root_is_reachable),
        CASE(fuse_and_what_is_mounted_inside_is_not_entered),
        CASE(a_table_of_a_chroot_or_in_a_circle_ends),
        CASE(four_thousand_mounts_take_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
