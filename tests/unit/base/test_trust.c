/*
 * Whether others may change a file, by way of it, its directories, or links to it.
 */
#include "base/trust.h"

#include "unit/tempdir.h"

#include <sys/stat.h>

static char reason[TRUST_REASON_MAX];

static void make_dir(void **dir, const char *name, mode_t mode)
{
    assert_int_equal(mkdir(tempdir_path(dir, name), 0700), 0);
    assert_int_equal(chmod(tempdir_path(dir, name), mode), 0);
}

static void make_file(void **dir, const char *name, mode_t mode)
{
    tempdir_write(dir, name, "");
    assert_int_equal(chmod(tempdir_path(dir, name), mode), 0);
}

static void assert_trusted(void **dir, const char *name)
{
    assert_int_equal(path_is_trusted(tempdir_path(dir, name), reason), 0);
    assert_string_equal(reason, "");
}

static void assert_distrusted(void **dir, const char *name, const char *part, const char *why)
{
    char expected[5000];

    assert_int_equal(path_is_trusted(tempdir_path(dir, name), reason), -EPERM);
    snprintf(expected, sizeof(expected), "%s %s", tempdir_path(dir, part), why);
    assert_string_equal(reason, expected);
}

static void file_and_directories_of_ours_are_trusted(void **dir)
{
    make_dir(dir, "a", 0755);
    make_file(dir, "a/file", 0755);
    assert_trusted(dir, "a/file");
    assert_trusted(dir, "a//./file");
    assert_trusted(dir, "a/");
    assert_int_equal(path_is_trusted("/", reason), 0);
    assert_int_equal(path_is_trusted(tempdir_path(dir, "none"), reason), -ENOENT);
}

static void writable_for_others_is_not(void **dir)
{
    make_dir(dir, "a", 0755);
    make_dir(dir, "open", 0757);
    make_file(dir, "a/all", 0666);
    make_file(dir, "a/group", 0664);
    make_file(dir, "open/file", 0644);
    assert_distrusted(dir, "a/all", "a/all", "is writable for everybody");
    assert_distrusted(dir, "a/group", "a/group", "is writable for its group");
    assert_distrusted(dir, "open/file", "open", "is writable for everybody");
}

static void sticky_directory_is_fine_on_the_way_but_not_at_the_end(void **dir)
{
    make_dir(dir, "sticky", 01777);
    make_file(dir, "sticky/file", 0644);
    assert_trusted(dir, "sticky/file");
    assert_distrusted(dir, "sticky", "sticky", "is writable for everybody");
}

static void links_lead_to_all_that_must_be_trusted(void **dir)
{
    make_dir(dir, "a", 0755);
    make_dir(dir, "open", 0777);
    make_file(dir, "a/file", 0644);
    assert_int_equal(symlink("../a/file", tempdir_path(dir, "open/inner")), 0);
    assert_int_equal(symlink("a/file", tempdir_path(dir, "good")), 0);
    assert_int_equal(symlink("open/inner", tempdir_path(dir, "through")), 0);
    assert_int_equal(symlink(tempdir_path(dir, "good"), tempdir_path(dir, "absolute")), 0);
    assert_int_equal(symlink("loop", tempdir_path(dir, "loop")), 0);
    assert_trusted(dir, "good");
    assert_trusted(dir, "absolute");
    /* It ends at a file that is trusted, by way of a link that everybody may replace. */
    assert_distrusted(dir, "through", "open", "is writable for everybody");
    assert_int_equal(path_is_trusted(tempdir_path(dir, "loop"), reason), -ELOOP);
}

static void what_belongs_to_another_user_is_not(void **dir)
{
    if (geteuid() != 0)
        skip();
    make_dir(dir, "theirs", 0755);
    make_file(dir, "theirs/file", 0644);
    assert_int_equal(chown(tempdir_path(dir, "theirs"), 12345, 0), 0);
    assert_distrusted(dir, "theirs/file", "theirs", "belongs to another user than root");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_TEMPDIR(file_and_directories_of_ours_are_trusted),
        TEST_IN_TEMPDIR(writable_for_others_is_not),
        TEST_IN_TEMPDIR(sticky_directory_is_fine_on_the_way_but_not_at_the_end),
        TEST_IN_TEMPDIR(links_lead_to_all_that_must_be_trusted),
        TEST_IN_TEMPDIR(what_belongs_to_another_user_is_not),
    };

    return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
