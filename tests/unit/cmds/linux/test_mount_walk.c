/* Which mounts a path leads to, told from tables that the kernel could show. */
#include "cmds/linux/mount_walk.h"

#include "unit/cmds/linux/guest_tree.h"

struct table {
    struct mounts mounts;
    struct mount_walk reach;
};

static void table_read(struct table *table, const char *text)
{
    struct guest_tree tree;

    tree_init(&tree);
    tree_write(&tree, "/proc/self/mountinfo", text, 0644);
    assert_int_equal(mounts_read(&tree.root, &table->mounts), 0);
    tree_done(&tree);
    assert_int_equal(mount_walk_init(&table->reach, &table->mounts), 0);
}

static void table_done(struct table *table)
{
    mount_walk_done(&table->reach);
    mounts_done(&table->mounts);
}

/* Each mount in turn: 'l'ocal, 'r'emote, in a 'f'use, or 'h'idden. */
static void assert_reach(const char *text, const char *expected)
{
    struct table table = { 0 };

    table_read(&table, text);
    assert_int_equal(table.mounts.count, strlen(expected));
    for (size_t i = 0; i < table.mounts.count; i++)
        assert_int_equal("lrfh"[mount_walk_reach(&table.reach, i)], expected[i]);
    table_done(&table);
}

static void the_last_mount_at_a_place_hides_those_below(void **state)
{
    assert_reach("1 0 8:1 / / rw - ext4 a rw\n"
                 "2 1 8:2 / /a rw - ext4 b rw\n"
                 "3 2 8:3 / /a/b rw - ext4 c rw\n"
                 "4 2 8:4 / /a rw - ext4 d rw\n",
                 "lhhl");
}

static void a_mount_over_a_directory_above_hides_it(void **state)
{
    assert_reach("1 0 8:1 / / rw - ext4 a rw\n"
                 "2 1 8:2 / /a/b/c rw - ext4 b rw\n"
                 "3 1 8:3 / /a rw - ext4 c rw\n"
                 "4 1 8:4 / /ab rw - ext4 d rw\n",
                 "lhll");
}

static void the_order_of_the_table_is_not_the_order_of_mounting(void **state)
{
    assert_reach("30 20 8:3 / /a/b rw - ext4 c rw\n"
                 "20 10 8:2 / /a rw - ext4 b rw\n"
                 "10 1 8:1 / / rw - ext4 a rw\n",
                 "lll");
}

static void an_initramfs_below_the_root_hides_nothing(void **state)
{
    assert_reach("1 1 0:2 / / rw - rootfs rootfs rw\n"
                 "2 3 8:1 / /live rw - ext4 a rw\n"
                 "3 1 8:2 / / rw - ext4 b rw\n",
                 "hll");
}

/* The mount that holds the root directory is not in the table then. */
static void a_chroot_into_a_directory_has_a_table_without_root(void **state)
{
    assert_reach("5 4 8:2 / /a rw - ext4 b rw\n"
                 "6 5 8:3 / /a/b rw - ext4 c rw\n"
                 "7 6 0:9 / /a/b rw - tmpfs d rw\n",
                 "lhl");
}

static void what_lies_behind_a_network_filesystem_is_remote(void **state)
{
    assert_reach("1 0 8:1 / / rw - ext4 a rw\n"
                 "2 1 0:7 / /net rw - nfs4 server:/ rw\n"
                 "3 2 8:2 / /net/disk rw - ext4 b rw\n"
                 "4 3 8:3 / /net/disk/more rw - ext4 c rw\n"
                 "5 1 0:8 / /auto rw - autofs auto rw\n"
                 "6 5 8:4 / /auto/x rw - ext4 d rw\n",
                 "lrrrrr");
}

static void a_fuse_mount_and_what_lies_behind_it_is_never_entered(void **state)
{
    assert_reach("1 0 8:1 / / rw - ext4 a rw\n"
                 "2 1 0:7 / /f rw - fuse x rw\n"
                 "3 2 8:2 / /f/a rw - ext4 b rw\n"
                 "4 1 0:8 / /g rw - fuse.sshfs x rw\n"
                 "5 4 8:3 / /g/a rw - ext4 c rw\n"
                 "6 1 8:4 / /ntfs rw - fuseblk d rw\n"
                 "7 6 8:5 / /ntfs/a rw - ext4 e rw\n"
                 "8 2 8:6 / /f rw - ext4 g rw\n", /* over the first: nothing of it is seen */
                 "lhhffrrl");
}

static void what_only_begins_like_fuse_is_none(void **state)
{
    assert_reach("1 0 8:1 / / rw - ext4 a rw\n"
                 "2 1 0:51 / /ctl rw - fusectl fusectl rw\n"
                 "3 1 0:52 / /x rw - fuseblk.ntfs /dev/sdd rw\n"
                 "4 1 0:53 / /y rw - fuse. y rw\n",
                 "llrf");
}

static void a_mount_on_a_directory_above_hides_the_earlier_one_only(void **state)
{
    assert_reach("20 1 8:1 / / rw - ext4 a rw\n"
                 "21 20 8:2 / /home/u/disk rw - ext4 b rw\n"
                 "22 20 8:3 / /home/u rw - ext4 c rw\n"
                 "23 22 8:4 / /home/u/disk rw - ext4 d rw\n",
                 "lhll");
}

static void a_table_of_a_chroot_or_in_a_circle_ends(void **state)
{
    assert_reach("20 99 8:1 / / rw - ext4 a rw\n"
                 "21 22 8:2 / /a rw - ext4 b rw\n"
                 "22 21 8:3 / /b rw - ext4 c rw\n"
                 "23 23 8:4 / /c rw - ext4 d rw\n",
                 "lhhh");
}

static void the_table_is_marked_at_once(void **state)
{
    struct table table = { 0 };

    table_read(&table, "1 0 8:1 / / rw - ext4 a rw\n"
                       "2 1 0:50 / /f rw - fuse.x x rw\n"
                       "3 2 8:2 / /f/disk rw - ext4 b rw\n");
    assert_int_equal(mounts_find_reach(&table.mounts), 0);
    assert_int_equal(table.mounts.items[0].reach, MOUNT_REACHABLE);
    assert_int_equal(table.mounts.items[2].reach, MOUNT_IN_FUSE);
    table_done(&table);
}

static void tables_that_no_kernel_shows_end_too(void **state)
{
    assert_reach("1 2 8:1 / /a rw - ext4 a rw\n"
                 "2 1 8:2 / /a rw - ext4 b rw\n"
                 "3 3 8:3 / /b rw - ext4 c rw\n"
                 "3 3 8:4 / /b rw - ext4 d rw\n"
                 "4 9 8:5 / relative rw - ext4 e rw\n"
                 "5 9 8:6 / // rw - ext4 f rw\n",
                 "hhhlhl");
}

/* Counted in slots looked at, not in time. */
static uint64_t probes(const char *format, unsigned count)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    struct table table = { 0 };
    uint64_t result;

    buf_puts(&text, "1 0 8:1 / / rw - ext4 a rw\n");
    for (unsigned i = 0; i < count; i++)
        buf_printf(&text,
                   format[0] == 's' ? "%u %u 8:2 / /same rw - ext4 b rw\n"
                                    : "%u 1 8:%u / /var/lib/c%u rw - ext4 b rw\n",
                   i + 2, i + 1, i);
    table_read(&table, buf_terminate(&text));
    for (size_t i = 0; i < table.mounts.count; i++)
        mount_walk_reach(&table.reach, i);
    result = table.reach.by_place.probes;
    table_done(&table);
    return result;
}

static void thousands_of_mounts_cost_no_more_each(void **state)
{
    /* Eight times as many; the rest is luck with the seed of the hash. Squared it would be 64. */
    assert_true(probes("apart", 4000) < 32 * probes("apart", 500));
    assert_true(probes("stacked", 4000) < 32 * probes("stacked", 500));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_mount_at_a_place_hides_those_below),
        cmocka_unit_test(a_mount_over_a_directory_above_hides_it),
        cmocka_unit_test(the_order_of_the_table_is_not_the_order_of_mounting),
        cmocka_unit_test(an_initramfs_below_the_root_hides_nothing),
        cmocka_unit_test(a_chroot_into_a_directory_has_a_table_without_root),
        cmocka_unit_test(what_lies_behind_a_network_filesystem_is_remote),
        cmocka_unit_test(a_fuse_mount_and_what_lies_behind_it_is_never_entered),
        cmocka_unit_test(what_only_begins_like_fuse_is_none),
        cmocka_unit_test(a_mount_on_a_directory_above_hides_the_earlier_one_only),
        cmocka_unit_test(a_table_of_a_chroot_or_in_a_circle_ends),
        cmocka_unit_test(the_table_is_marked_at_once),
        cmocka_unit_test(tables_that_no_kernel_shows_end_too),
        cmocka_unit_test(thousands_of_mounts_cost_no_more_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
