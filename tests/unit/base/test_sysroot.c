#include "base/sysroot.h"

#include "unit/tempdir.h"

#include <sys/stat.h>

static struct sysroot root;

/* DIR/sys/block/vda -> ../devices/pci/vda, with an attribute and a link that leaves the tree. */
static int tree_setup(void **state)
{
    static const char *const dirs[] = { "sys", "sys/block", "sys/devices", "sys/devices/pci",
                                        "sys/devices/pci/vda" };
    int r = tempdir_setup(state);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        if (mkdir(tempdir_path(state, dirs[i]), 0755) < 0)
            return -1;
    }
    if (symlink("../devices/pci/vda", tempdir_path(state, "sys/block/vda")) < 0 ||
        symlink("/etc", tempdir_path(state, "sys/block/out")) < 0)
        return -1;
    return sysroot_init(&root, *state);
}

#define TEST_IN_TREE(test) cmocka_unit_test_setup_teardown(test, tree_setup, tempdir_teardown)

static void prefix_is_put_in_front_and_slashes_behind_it_do_not_count(void **state)
{
    char path[SYSROOT_PATH_MAX];
    struct sysroot other;

    assert_int_equal(sysroot_init(&other, NULL), 0);
    assert_int_equal(sysroot_path(&other, "/proc/mounts", path), 0);
    assert_string_equal(path, "/proc/mounts");
    assert_int_equal(sysroot_init(&other, "/"), 0);
    assert_string_equal(other.prefix, "");
    assert_int_equal(sysroot_init(&other, "/tree//"), 0);
    assert_int_equal(sysroot_path(&other, "/proc/mounts", path), 0);
    assert_string_equal(path, "/tree/proc/mounts");
}

static void paths_too_long_are_refused(void **state)
{
    char longer[SYSROOT_PATH_MAX + 10], path[SYSROOT_PATH_MAX];
    struct sysroot other;

    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(sysroot_init(&other, longer), -ENAMETOOLONG);
    assert_int_equal(sysroot_init(&other, "/tree"), 0);
    assert_int_equal(sysroot_path(&other, longer, path), -ENAMETOOLONG);
    assert_int_equal(sysroot_read_line(&other, path, sizeof(path), "/%s", longer), -ENAMETOOLONG);
    assert_false(sysroot_exists(&other, "%s", longer));
    assert_null(sysroot_opendir(&other, "%s", longer));
    assert_int_equal(errno, ENAMETOOLONG);
}

static void whole_file_is_read_and_terminated(void **state)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    int fd;

    tempdir_write(state, "sys/file", "one\ntwo\n");
    assert_int_equal(sysroot_read(&root, "/sys/file", &text), 0);
    assert_int_equal(text.len, 8);
    assert_string_equal(text.data, "one\ntwo\n");
    fd = sysroot_open(&root, "/sys/file", O_RDONLY);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    fd_close(fd);
    assert_int_equal(sysroot_open(&root, "/sys/none", O_RDONLY), -ENOENT);
    assert_int_equal(sysroot_read(&root, "/sys/block", &text), -EISDIR);
}

static void file_of_proc_is_read_though_its_size_says_zero(void **state)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    struct sysroot real;

    assert_int_equal(sysroot_init(&real, ""), 0);
    assert_int_equal(sysroot_read(&real, "/proc/self/status", &text), 0);
    assert_non_null(strstr(text.data, "\nPid:"));
}

static void line_is_cut_at_newline_blanks_and_size(void **state)
{
    char line[8];

    tempdir_write(state, "sys/a", "one \t\r\nmore\n");
    assert_int_equal(sysroot_read_line(&root, line, sizeof(line), "/sys/%c", 'a'), 0);
    assert_string_equal(line, "one");
    tempdir_write(state, "sys/a", "0123456789\n");
    assert_int_equal(sysroot_read_line(&root, line, sizeof(line), "/sys/a"), 0);
    assert_string_equal(line, "0123456");
    tempdir_write(state, "sys/a", "");
    assert_int_equal(sysroot_read_line(&root, line, sizeof(line), "/sys/a"), 0);
    assert_string_equal(line, "");
    assert_int_equal(sysroot_read_line(&root, line, sizeof(line), "/sys/b"), -ENOENT);
}

static void numbers_are_decimal_or_hex_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        int r;
        uint64_t value;
    } cases[] = {
        { "0\n", 0, 0 },
        { "12345\n", 0, 12345 },
        { "0x1af4\n", 0, 0x1af4 },
        { "010\n", 0, 10 },
        { "18446744073709551615", 0, UINT64_MAX },
        { "18446744073709551616", -EINVAL, 0 },
        { "-1\n", -EINVAL, 0 },
        { "+1\n", -EINVAL, 0 },
        { "\n", -EINVAL, 0 },
        { "0x\n", -EINVAL, 0 },
        { "1 2\n", -EINVAL, 0 },
        { "online\n", -EINVAL, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t value = 4711;

        tempdir_write(state, "sys/number", cases[i].text);
        assert_int_equal(sysroot_read_u64(&root, &value, "/sys/%s", "number"), cases[i].r);
        assert_true(value == (cases[i].r ? 4711 : cases[i].value));
    }
}

static void write_replaces_an_attribute_and_makes_no_file(void **state)
{
    tempdir_write(state, "sys/online", "offline\n");
    assert_int_equal(sysroot_write(&root, "1", "/sys/%s", "online"), 0);
    assert_string_equal(tempdir_read(state, "sys/online"), "1");
    assert_int_equal(sysroot_write(&root, "1", "/sys/none"), -ENOENT);
    assert_null(tempdir_read(state, "sys/none"));
}

static void links_are_read_as_stored(void **state)
{
    char target[64];

    assert_int_equal(sysroot_readlink(&root, target, sizeof(target), "/sys/block/%s", "vda"), 0);
    assert_string_equal(target, "../devices/pci/vda");
    assert_int_equal(sysroot_readlink(&root, target, 18, "/sys/block/vda"), -ENAMETOOLONG);
    assert_int_equal(sysroot_readlink(&root, target, sizeof(target), "/sys/block"), -EINVAL);
}

static void real_path_loses_the_prefix_and_may_not_leave_the_tree(void **state)
{
    char path[SYSROOT_PATH_MAX];
    struct sysroot real;

    assert_int_equal(sysroot_realpath(&root, path, "/sys/block/vda"), 0);
    assert_string_equal(path, "/sys/devices/pci/vda");
    assert_int_equal(sysroot_realpath(&root, path, "/sys/.."), 0);
    assert_string_equal(path, "/");
    assert_int_equal(sysroot_realpath(&root, path, "/sys/block/out"), -EXDEV);
    assert_int_equal(sysroot_realpath(&root, path, "/sys/block/vdb"), -ENOENT);
    assert_int_equal(sysroot_init(&real, NULL), 0);
    assert_int_equal(sysroot_realpath(&real, path, "%s", "/proc/../dev/"), 0);
    assert_string_equal(path, "/dev");
}

static void links_are_followed_by_their_text(void **state)
{
    char path[SYSROOT_PATH_MAX];
    struct sysroot real;

    assert_int_equal(mkdir(tempdir_path(state, "a"), 0755), 0);
    assert_int_equal(mkdir(tempdir_path(state, "a/b"), 0755), 0);
    assert_int_equal(symlink("../../c/d", tempdir_path(state, "a/b/up")), 0);
    assert_int_equal(symlink("e", tempdir_path(state, "a/b/same")), 0);
    assert_int_equal(symlink("../../../../c", tempdir_path(state, "a/b/too-far")), 0);
    assert_int_equal(symlink("/dev/null", tempdir_path(state, "a/b/absolute")), 0);
    assert_int_equal(sysroot_follow(&root, path, "/a/b", "up"), 0);
    assert_string_equal(path, "/c/d");
    assert_int_equal(sysroot_follow(&root, path, "/a/b", "same"), 0);
    assert_string_equal(path, "/a/b/e");
    assert_int_equal(sysroot_follow(&root, path, "/a/b", "too-far"), 0);
    assert_string_equal(path, "/c"); /* as the kernel: nothing is above the root */
    assert_int_equal(sysroot_follow(&root, path, "/a/b", "absolute"), -EXDEV);
    assert_int_equal(sysroot_follow(&root, path, "/a/b", "none"), -ENOENT);
    assert_int_equal(sysroot_init(&real, ""), 0);
    assert_int_equal(sysroot_follow(&real, path, "/proc", "self/cwd"), 0);
}

static void a_small_file_is_read_into_the_callers_memory(void **state)
{
    char text[8];

    tempdir_write(state, "small", "a\nb\n");
    assert_int_equal(sysroot_read_text(&root, text, sizeof(text), "/%s", "small"), 0);
    assert_string_equal(text, "a\nb\n");
    tempdir_write(state, "small", "0123456789");
    assert_int_equal(sysroot_read_text(&root, text, sizeof(text), "/%s", "small"), 0);
    assert_string_equal(text, "0123456");
    assert_int_equal(sysroot_read_text(&root, text, sizeof(text), "/%s", "none"), -ENOENT);
}

static void existence_and_directories_follow_the_prefix(void **state)
{
    DIR *dir;

    assert_true(sysroot_exists(&root, "/sys/block/%s", "vda"));
    assert_false(sysroot_exists(&root, "/proc"));
    dir = sysroot_opendir(&root, "/sys/%s", "block");
    assert_non_null(dir);
    closedir(dir);
    assert_null(sysroot_opendir(&root, "/proc"));
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefix_is_put_in_front_and_slashes_behind_it_do_not_count),
        cmocka_unit_test(paths_too_long_are_refused),
        TEST_IN_TREE(whole_file_is_read_and_terminated),
        cmocka_unit_test(file_of_proc_is_read_though_its_size_says_zero),
        TEST_IN_TREE(line_is_cut_at_newline_blanks_and_size),
        TEST_IN_TREE(numbers_are_decimal_or_hex_and_nothing_else),
        TEST_IN_TREE(write_replaces_an_attribute_and_makes_no_file),
        TEST_IN_TREE(links_are_read_as_stored),
        TEST_IN_TREE(real_path_loses_the_prefix_and_may_not_leave_the_tree),
        TEST_IN_TREE(links_are_followed_by_their_text),
        TEST_IN_TREE(a_small_file_is_read_into_the_callers_memory),
        TEST_IN_TREE(existence_and_directories_follow_the_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
