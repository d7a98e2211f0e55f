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

/* Each mount in turn: 'l'ocal, 'r'emote, or 'n'ever. */
static void assert_reach(const char *text, const char *expected)
{
    struct table table = { 0 };

    table_read(&table, text);
    assert_int_equal(table.mounts.count, strlen(expected));
    for (size_t i = 0; i < table.mounts.count; i++)
        assert_int_equal("lrn"[mount_walk_reach(&table.reach, i)], expected[i]);
    table_done(&table);
}

static void the_last_mount_at_a_place_hides_those_below(void **state)
{
    assert_reach("1 0 8:1 / / rw - ext4 a rw\n"
                 "2 1 8:2 / /a rw - ext4 b rw\n"
                 "3 2 8:3 / /a/b rw - ext4 c rw\n"
                 "4 2 8:4 / /a rw - ext4 d rw\n",
                 "lnnl");
}

static void a_mount_over_a_directory_above_hides_it(void **state)
{
    assert_reach("1 0 8:1 / / rw - ext4 a rw\n"
                 "2 1 8:2 / /a/b/c rw - ext4 b rw\n"
                 "3 1 8:3 / /a rw - ext4 c rw\n"
                 "4 1 8:4 / /ab rw - ext4 d rw\n",
                 "lnll");
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
                 "nll");
}

/* The mount that holds the root directory is not in the table then. */
static void a_chroot_into_a_directory_has_a_table_without_root(void **state)
{
    assert_reach("5 4 8:2 / /a rw - ext4 b rw\n"
                 "6 5 8:3 / /a/b rw - ext4 c rw\n"
                 "7 6 0:9 / /a/b rw - tmpfs d rw\n",
                 "lnl");
}

static void what_lies_behind_a_network_filesystem_is_remote(void **state)
{
    assert_reach("1 0 8:1 / / rw - ext4 a rw\n"
                 "2 1 0:7 / /net rw - nfs4 server:/ rw\n"
                 "3 2 8:2 / /net/disk rw - ext4 b rw\n"
                 "4 3 8:3 / /net/disk/more rw - ext4 c rw\n"
                 "5 1 0:8 / /auto rw - autofs auto rw\n"
                 "6 5 8:4 / /auto/x rw - ext4 d rw\n",
                 "llrrlr");
}

static void what_lies_behind_a_fuse_mount_is_never_reached(void **state)
{
    assert_reach("1 0 8:1 / / rw - ext4 a rw\n"
                 "2 1 0:7 / /f rw - fuse x rw\n"
                 "3 2 8:2 / /f/a rw - ext4 b rw\n"
                 "4 1 0:8 / /g rw - fuse.sshfs x rw\n"
                 "5 4 8:3 / /g/a rw - ext4 c rw\n"
                 "6 1 8:4 / /ntfs rw - fuseblk d rw\n"
                 "7 6 8:5 / /ntfs/a rw - ext4 e rw\n"
                 "8 2 8:6 / /f rw - ext4 g rw\n", /* over the first: nothing of it is seen */
                 "lnnlnlll");
}

static void tables_that_no_kernel_shows_end_too(void **state)
{
    assert_reach("1 2 8:1 / /a rw - ext4 a rw\n"
                 "2 1 8:2 / /a rw - ext4 b rw\n"
                 "3 3 8:3 / /b rw - ext4 c rw\n"
                 "3 3 8:4 / /b rw - ext4 d rw\n"
                 "4 9 8:5 / relative rw - ext4 e rw\n"
                 "5 9 8:6 / // rw - ext4 f rw\n",
                 "nnnlnl");
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
    assert_true(probes("apart", 4000) < 12 * probes("apart", 500));
    assert_true(probes("stacked", 4000) < 12 * probes("stacked", 500));
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
        cmocka_unit_test(what_lies_behind_a_fuse_mount_is_never_reached),
        cmocka_unit_test(tables_that_no_kernel_shows_end_too),
        cmocka_unit_test(thousands_of_mounts_cost_no_more_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
