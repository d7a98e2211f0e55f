#include "cmds/linux/fs_ops.h"
#include "unit/cmds/linux/guest_tree.h"
#include "unit/cmds/linux/reply_check.h"

#include <linux/fs.h>

#define GIB (1ULL << 30)

/* What each fake filesystem does is found by its mountpoint. */
static struct {
    char opened[64];
    unsigned calls;
    unsigned cancel_after; /* calls */
    uint64_t lengths;      /* of all calls, added up */
} fake;

static bool is(const char *target)
{
    return strcmp(fake.opened, target) == 0;
}

static int fake_open(const struct sysroot *root, const struct mount *mount)
{
    snprintf(fake.opened, sizeof(fake.opened), "%s", mount->target);
    return is("/gone") ? -ENOENT : 7;
}

static int fake_trim(int fd, struct fstrim_range *range)
{
    fake.calls++;
    if (is("/rotating"))
        return -EOPNOTSUPP;
    if (is("/broken"))
        return -EIO;
    /* Like ext4: 2.5 GiB, and nothing to look at beyond. */
    if (range->start >= GIB * 5 / 2)
        return -EINVAL;
    fake.lengths += range->len;
    range->len = is("/parts") ? 1000 : 5000;
    range->minlen = MAX_OF(range->minlen, 512);
    return 0;
}

static bool fake_trim_part_next(int fd, const char *fstype, uint64_t minimum, uint64_t from,
                                struct trim_part *ret_part)
{
    bool in_parts = strcmp(fstype, "ext4") == 0;

    *ret_part = (struct trim_part){ .start = from, .len = in_parts ? GIB : UINT64_MAX };
    return from == 0 || in_parts;
}

static void fake_close(int fd)
{
    assert_int_equal(fd, 7);
}

static int set_up(void **state)
{
    memset(&fake, 0, sizeof(fake));
    fs_ops = (struct fs_ops){ .open = fake_open,
                              .trim = fake_trim,
                              .trim_part_next = fake_trim_part_next,
                              .close = fake_close };
    return 0;
}

static struct json_object *trim(const char *mountinfo, int64_t minimum)
{
    struct fstrim_args args = { .minimum = minimum, .has_minimum = minimum != 0 };
    struct guest_tree tree;
    struct json_object *value;

    tree_init(&tree);
    tree_write(&tree, "/proc/self/mountinfo", mountinfo, 0644);
    value = reply_value(cmd_fstrim, tree.dir, &args);
    tree_done(&tree);
    return value;
}

static void results_come_against_mount_order_one_a_device(void **state)
{
    struct json_object *value = trim("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
                                     "2 1 0:9 / /run rw - tmpfs tmpfs rw\n"
                                     "3 1 8:2 / /data rw - xfs /dev/sda2 rw\n"
                                     "4 1 8:1 / /bind rw - ext4 /dev/sda1 rw\n",
                                     0);

    check_count(value, "/paths", 2);
    check_str(value, "/paths/0/path", "/data");
    check_str(value, "/paths/1/path", "/");
    check_int(value, "/paths/0/trimmed", 5000);
    check_int(value, "/paths/0/minimum", 512);
    check_absent(value, "/paths/0/error");
    json_object_put(value);
}

static void parts_are_added_up_to_the_end(void **state)
{
    struct json_object *value = trim("1 0 8:1 / /parts rw - ext4 /dev/sda1 rw\n", 0);

    check_int(value, "/paths/0/trimmed", 3000);
    assert_int_equal(fake.calls, 4); /* 0, 1, 2 GiB, and the end */
    assert_int_equal(fake.lengths, 3 * GIB);
    json_object_put(value);
}

static void the_largest_minimum_of_the_parts_is_reported(void **state)
{
    struct json_object *value = trim("1 0 8:1 / /parts rw - ext4 /dev/sda1 rw\n", 1 << 30);

    check_int(value, "/paths/0/minimum", 1 << 30);
    json_object_put(value);
}

static void errors_belong_to_their_path(void **state)
{
    struct json_object *value = trim("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
                                     "2 1 8:2 / /rotating rw - ext4 /dev/sda2 rw\n"
                                     "3 1 8:3 / /broken rw - xfs /dev/sda3 rw\n"
                                     "4 1 8:4 / /gone rw - xfs /dev/sda4 rw\n",
                                     0);

    check_str(value, "/paths/0/error", "failed to open: No such file or directory");
    check_str(value, "/paths/1/error", "failed to trim: Input/output error");
    check_str(value, "/paths/2/error", "trim not supported");
    check_absent(value, "/paths/2/trimmed");
    check_int(value, "/paths/3/trimmed", 15000);
    json_object_put(value);
}

/* Nothing that a user's FUSE or a later mount stands before is opened. */
static void what_cannot_be_reached_is_reported_and_not_opened(void **state)
{
    struct json_object *value = trim("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
                                     "2 1 0:50 / /home/u/f rw - fuse.x x rw\n"
                                     "3 2 8:2 / /home/u/f/disk rw - ext4 /dev/sda2 rw\n"
                                     "4 1 8:3 / /covered rw - ext4 /dev/sda3 rw\n"
                                     "5 1 0:51 / /covered rw - tmpfs x rw\n",
                                     0);

    check_count(value, "/paths", 3);
    check_str(value, "/paths/0/path", "/covered");
    check_str(value, "/paths/0/error", "failed to open: Stale file handle");
    check_str(value, "/paths/1/path", "/home/u/f/disk");
    check_str(value, "/paths/1/error", "failed to open: Stale file handle");
    check_int(value, "/paths/2/trimmed", 15000);
    assert_string_equal(fake.opened, "/");
    json_object_put(value);
}

/* What may have to be waited for is the last way. */
static void a_local_way_is_preferred(void **state)
{
    struct json_object *value = trim("1 0 0:5 / / rw - tmpfs x rw\n"
                                     "2 1 0:50 / /net rw - nfs4 server:/ rw\n"
                                     "3 2 8:2 / /net/disk rw - xfs /dev/sda2 rw\n"
                                     "4 1 8:2 / /disk rw - xfs /dev/sda2 rw\n",
                                     0);

    check_str(value, "/paths/0/path", "/net/disk");
    check_int(value, "/paths/0/trimmed", 5000);
    assert_string_equal(fake.opened, "/disk");
    json_object_put(value);
}

static bool cancelled(const void *job)
{
    return fake.calls >= fake.cancel_after;
}

static void a_trim_stops_between_two_parts(void **state)
{
    struct guest_tree tree;
    struct cmd_env env = { .cancelled = cancelled };
    struct fstrim_args args = { 0 };
    struct cmd_reply reply = { 0 };

    tree_init(&tree);
    tree_write(&tree, "/proc/self/mountinfo",
               "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /data rw - ext4 /dev/sda2 rw\n",
               0644);
    env.root = tree.root;
    fake.cancel_after = 2;
    assert_int_equal(cmd_fstrim(&env, &args, &reply), -1);
    assert_string_equal(reply.error.text, "fstrim was stopped");
    assert_int_equal(fake.calls, 2);
    cmd_error_done(&reply.error);
    tree_done(&tree);
}

static void a_guest_without_filesystems_has_no_paths(void **state)
{
    struct json_object *value = trim("1 0 0:9 / / rw - tmpfs tmpfs rw\n", 0);

    check_count(value, "/paths", 0);
    json_object_put(value);
}

static void a_missing_mount_table_is_an_error(void **state)
{
    struct fstrim_args args = { 0 };

    reply_fails(cmd_fstrim, PQGA_TEST_DATA "/no-sysfs", &args,
                "failed to read the mount table: No such file or directory");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        CASE(results_come_against_mount_order_one_a_device),
        CASE(parts_are_added_up_to_the_end),
        CASE(the_largest_minimum_of_the_parts_is_reported),
        CASE(errors_belong_to_their_path),
        CASE(what_cannot_be_reached_is_reported_and_not_opened),
        CASE(a_local_way_is_preferred),
        CASE(a_trim_stops_between_two_parts),
        CASE(a_guest_without_filesystems_has_no_paths),
        CASE(a_missing_mount_table_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
