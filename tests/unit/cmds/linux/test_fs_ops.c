/*
 * The real ioctls, on two throw-away ext4 filesystems in loop devices: /outer, and /inner in a file
 * of /outer. They are mounted below the root prefix in a mount namespace of our own, and the mount
 * table that the commands read names these two and nothing else. Skipped without root, loop devices
 * or mkfs.ext4.
 */
#include "cmds/linux/fs_ops.h"

#include "base/fdio.h"
#include "base/frozen.h"
#include "base/spawn.h"
#include "cmds/linux/freeze/fsfreeze.h"
#include "unit/cmds/linux/guest_tree.h"
#include "unit/cmds/linux/reply_check.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#define SKIPPED          77
#define PROGRAM_LIMIT_MS 30000

static struct {
    struct guest_tree tree;
    struct state *store;
    struct freeze_config config;
    struct cmd_env env;
} guest;

static const char *in_tree(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s%s", guest.tree.dir, name);
    return path;
}

static bool run(const char *const argv[])
{
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };

    return spawn_run(argv, NULL, PROGRAM_LIMIT_MS, &result) == 0 && result.exited &&
           result.exit_code == 0;
}
#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

/* An ext4 of `megabytes` in a file, mounted at `target`. */
static bool make_filesystem(const char *image, int megabytes, const char *target)
{
    int fd = open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && ftruncate(fd, (off_t)megabytes << 20) == 0;

    fd_close(fd);
    return ok && mkdir(target, 0755) == 0 && RUN("/sbin/mkfs.ext4", "-q", image) &&
           RUN("mount", "-o", "loop", image, target);
}

/* The node of the filesystem's device, for the mount table below. */
static void make_node(const char *name, dev_t device)
{
    char node[64];

    mkdir(in_tree("/dev"), 0755);
    snprintf(node, sizeof(node), "/dev/of-%s", name + 1);
    assert_int_equal(mknod(in_tree(node), S_IFBLK | 0600, device), 0);
}

static void add_mount(struct buf *table, const char *name, const char *backing_file)
{
    char path[64];
    struct stat st;

    assert_int_equal(stat(in_tree(name), &st), 0);
    make_node(name, st.st_dev);
    buf_printf(table, "1 0 %u:%u / %s rw - ext4 /dev/of-%s rw\n", major(st.st_dev),
               minor(st.st_dev), name, name + 1);
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/loop/backing_file", major(st.st_dev),
             minor(st.st_dev));
    tree_write(&guest.tree, path, backing_file, 0644);
}

/* The inner one first: mount order alone would freeze the filesystem below it before it. */
static void write_mount_table(void)
{
    CLEANUP(buf_done) struct buf table = { 0 };

    add_mount(&table, "/inner", "/outer/inner.img\n");
    add_mount(&table, "/outer", "/outer.img\n");
    assert_non_null(buf_terminate(&table));
    tree_write(&guest.tree, "/proc/self/mountinfo", table.data, 0644);
}

static bool set_up(void)
{
    tree_init(&guest.tree);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return false;
    if (!make_filesystem(in_tree("/outer.img"), 64, in_tree("/outer")) ||
        !make_filesystem(in_tree("/outer/inner.img"), 16, in_tree("/inner")))
        return false;
    write_mount_table();
    mkdir(in_tree("/state"), 0755);
    assert_int_equal(state_open(in_tree("/state"), &guest.store), 0);
    ga_frozen_init(guest.store);
    guest.env.root = guest.tree.root;
    guest.env.freeze = &guest.config;
    return true;
}

static void tear_down(void)
{
    if (guest.store)
        fsfreeze_finish(&guest.env);
    state_close(guest.store);
    umount2(in_tree("/inner"), MNT_DETACH);
    umount2(in_tree("/outer"), MNT_DETACH);
    tree_done(&guest.tree);
}

static int64_t call(command_fn *command)
{
    struct cmd_reply reply = { 0 };
    int64_t value;

    if (command(&guest.env, NULL, &reply) < 0)
        fail_msg("%s", reply.error.text);
    value = json_object_get_int64(reply.value);
    json_object_put(reply.value);
    return value;
}

/* Asks the kernel: a second FIFREEZE is refused with EBUSY. */
static bool is_frozen(const char *name)
{
    int fd = open(in_tree(name), O_RDONLY | O_CLOEXEC);
    int r = ioctl(fd, FIFREEZE), error = errno;

    assert_true(fd >= 0);
    if (r == 0)
        ioctl(fd, FITHAW);
    close(fd);
    assert_true(r == 0 || error == EBUSY);
    return r < 0;
}

static void a_filesystem_in_a_file_of_another_freezes_and_thaws(void **state)
{
    assert_int_equal(call(cmd_fsfreeze_freeze), 2);
    assert_true(is_frozen("/inner"));
    assert_true(is_frozen("/outer"));
    assert_int_equal(call(cmd_fsfreeze_thaw), 2);
    assert_false(is_frozen("/inner"));
    assert_false(is_frozen("/outer"));
    assert_int_equal(call(cmd_fsfreeze_thaw), 0);
}

static void thawed_filesystems_take_writes_again(void **state)
{
    int fd;

    assert_int_equal(call(cmd_fsfreeze_freeze), 2);
    assert_int_equal(call(cmd_fsfreeze_thaw), 2);
    fd = open(in_tree("/inner/file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(fsync(fd), 0);
    close(fd);
}

/* The descriptors that the agent keeps are through mounts of its own. */
static void a_frozen_filesystem_can_be_unmounted_and_is_thawed_all_the_same(void **state)
{
    char image[256];

    snprintf(image, sizeof(image), "%s", in_tree("/outer/inner.img"));
    assert_int_equal(call(cmd_fsfreeze_freeze), 2);
    assert_int_equal(umount2(in_tree("/inner"), 0), 0);
    assert_int_equal(call(cmd_fsfreeze_thaw), 2);
    assert_true(RUN("mount", "-o", "loop", image, in_tree("/inner")));
    assert_false(is_frozen("/inner"));
}

static void umount_lazily_and_a_mount_on_top_do_not_keep_it_frozen(void **state)
{
    int fd = open(in_tree("/inner"), O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(call(cmd_fsfreeze_freeze), 2);
    assert_int_equal(mount("none", in_tree("/outer"), "tmpfs", 0, NULL), 0);
    assert_int_equal(call(cmd_fsfreeze_thaw), 2);
    assert_int_equal(ioctl(fd, FIFREEZE), 0);
    assert_int_equal(ioctl(fd, FITHAW), 0);
    close(fd);
    assert_int_equal(umount2(in_tree("/outer"), 0), 0);
    assert_false(is_frozen("/outer"));
}

/* As after a restart: no descriptor is kept, and the paths lead to what was mounted since. */
static void what_was_hidden_after_it_was_frozen_is_found_by_its_device(void **state)
{
    int fd = open(in_tree("/inner"), O_RDONLY | O_CLOEXEC);
    struct statvfs fs;

    assert_true(fd >= 0);
    assert_int_equal(statvfs(guest.tree.dir, &fs), 0);
    if (fs.f_flag & ST_NODEV)
        skip();
    assert_int_equal(ioctl(fd, FIFREEZE), 0);
    assert_int_equal(mount("none", in_tree("/inner"), "tmpfs", 0, NULL), 0);
    assert_int_equal(call(cmd_fsfreeze_thaw), 1);
    assert_int_equal(umount2(in_tree("/inner"), 0), 0);
    assert_false(is_frozen("/inner"));
    close(fd);
    /* read-only, which a mount of its device has to be then */
    assert_int_equal(mount(NULL, in_tree("/inner"), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    fd = open(in_tree("/inner"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(ioctl(fd, FIFREEZE), 0);
    assert_int_equal(mount("none", in_tree("/inner"), "tmpfs", 0, NULL), 0);
    assert_int_equal(call(cmd_fsfreeze_thaw), 1);
    assert_int_equal(umount2(in_tree("/inner"), 0), 0);
    close(fd);
    assert_int_equal(mount(NULL, in_tree("/inner"), NULL, MS_REMOUNT, NULL), 0);
    assert_false(is_frozen("/inner"));
}

static void what_is_no_directory_and_no_file_is_not_opened(void **state)
{
    struct mount special = { .target = (char[]){ "/fifo" }, .fstype = (char[]){ "ext4" } };
    struct stat st;

    assert_int_equal(mkfifo(in_tree("/fifo"), 0600), 0);
    assert_int_equal(stat(in_tree("/fifo"), &st), 0);
    special.major = major(st.st_dev);
    special.minor = minor(st.st_dev);
    assert_int_equal(fs_ops.open(&guest.tree.root, &special), -ENXIO);
}

static void what_somebody_else_froze_is_thawed_but_not_counted_as_frozen(void **state)
{
    int fd = open(in_tree("/inner"), O_RDONLY | O_CLOEXEC);

    assert_int_equal(ioctl(fd, FIFREEZE), 0);
    close(fd);
    assert_int_equal(call(cmd_fsfreeze_freeze), 1);
    assert_int_equal(call(cmd_fsfreeze_thaw), 2);
    assert_false(is_frozen("/inner"));
}

static void a_mount_that_another_one_hides_is_not_opened(void **state)
{
    struct mount hidden = {
        .target = (char[]){ "/outer" }, .fstype = (char[]){ "ext4" }, .major = 1, .minor = 2
    };

    assert_int_equal(fs_ops.open(&guest.tree.root, &hidden), -ESTALE);
    hidden.target = (char[]){ "/missing" };
    assert_int_equal(fs_ops.open(&guest.tree.root, &hidden), -ENOENT);
}

static void the_file_behind_a_loop_device_is_found_by_number(void **state)
{
    unsigned major_number, minor_number;
    struct stat inner, outer;
    struct sysroot real;
    char link[64], name[PATH_MAX];

    assert_int_equal(sysroot_init(&real, ""), 0);
    assert_int_equal(stat(in_tree("/inner"), &inner), 0);
    assert_int_equal(stat(in_tree("/outer"), &outer), 0);
    snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(inner.st_dev), minor(inner.st_dev));
    assert_int_equal(sysroot_readlink(&real, name, sizeof(name), "%s", link), 0);
    assert_int_equal(
        fs_ops.backing_device(&real, strrchr(name, '/') + 1, &major_number, &minor_number), 0);
    assert_int_equal(makedev(major_number, minor_number), outer.st_dev);
    assert_int_equal(fs_ops.backing_device(&real, "loop-none", &major_number, &minor_number),
                     -ENOENT);
    assert_int_equal(fs_ops.backing_device(&real, "null", &major_number, &minor_number), -ENOTTY);
}

static void trim_reports_each_filesystem(void **state)
{
    struct fstrim_args args = { 0 };
    struct json_object *value = reply_value(cmd_fstrim, guest.tree.dir, &args);

    check_count(value, "/paths", 2);
    check_str(value, "/paths/0/path", "/outer");
    check_str(value, "/paths/1/path", "/inner");
    check_absent(value, "/paths/1/error");
    assert_true(json_object_get_int64(value_at(value, "/paths/1/trimmed")) > 0);
    json_object_put(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filesystem_in_a_file_of_another_freezes_and_thaws),
        cmocka_unit_test(thawed_filesystems_take_writes_again),
        cmocka_unit_test(a_frozen_filesystem_can_be_unmounted_and_is_thawed_all_the_same),
        cmocka_unit_test(umount_lazily_and_a_mount_on_top_do_not_keep_it_frozen),
        cmocka_unit_test(what_was_hidden_after_it_was_frozen_is_found_by_its_device),
        cmocka_unit_test(what_is_no_directory_and_no_file_is_not_opened),
        cmocka_unit_test(what_somebody_else_froze_is_thawed_but_not_counted_as_frozen),
        cmocka_unit_test(a_mount_that_another_one_hides_is_not_opened),
        cmocka_unit_test(the_file_behind_a_loop_device_is_found_by_number),
        cmocka_unit_test(trim_reports_each_filesystem),
    };
    int failed = SKIPPED;

    if (set_up())
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    else
        fprintf(stderr, "skipped: needs root, loop devices and mkfs.ext4\n");
    tear_down();
    return failed;
}
