/* The cuts are made on the root directory, whatever its filesystem is; those of xfs and
 * btrfs, which ask the filesystem itself, are in tests/vm/cases/trim.py. */
#include "cmds/linux/storage/trim_part.h"

#include "base/fdio.h"
#include "unit/tempdir.h"

#include <sys/statvfs.h>

#define GIB (1ULL << 30)

static int open_root(void)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* All parts; each starts where the one before it ended. */
static uint64_t count_parts(const char *fstype, uint64_t minimum, uint64_t len)
{
    CLEANUP(fd_closep) int fd = open_root();
    struct trim_part part;
    uint64_t from = 0, count = 0;

    for (; trim_part_next(fd, fstype, minimum, from, &part); from += part.len, count++) {
        assert_int_equal(part.start, from);
        assert_int_equal(part.len, len);
        assert_true(count < 1000000);
    }
    return count;
}

static void parts_reach_beyond_the_end_and_do_end(void **state)
{
    static const char *const types[] = { "ext2", "ext3", "ext4", "f2fs", "vfat", "msdos", "exfat" };
    struct statvfs st;
    uint64_t size;

    assert_int_equal(statvfs("/", &st), 0);
    size = (uint64_t)st.f_blocks * st.f_frsize;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        assert_in_range(count_parts(types[i], 0, GIB), size / GIB + 1, size / GIB * 2 + 3);
}

static void a_large_minimum_makes_larger_parts_where_extents_cross_cuts(void **state)
{
    CLEANUP(fd_closep) int fd = open_root();
    struct trim_part part;

    count_parts("vfat", GIB / 16, GIB);
    count_parts("vfat", GIB / 16 + 1, 16 * GIB);
    assert_true(trim_part_next(fd, "exfat", GIB + 1, 0, &part));
    assert_int_equal(part.len, UINT64_MAX);
    count_parts("ext4", GIB + 1, GIB);
}

static void what_does_not_tell_its_layout_is_one_part(void **state)
{
    static const char *const types[] = { "jfs", "xfs", "btrfs", "" };
    CLEANUP(fd_closep) int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct trim_part part;

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        assert_true(trim_part_next(fd, types[i], 0, 0, &part));
        assert_int_equal(part.start, 0);
        assert_int_equal(part.len, UINT64_MAX);
        assert_false(trim_part_next(fd, types[i], 0, UINT64_MAX, &part));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_reach_beyond_the_end_and_do_end),
        cmocka_unit_test(a_large_minimum_makes_larger_parts_where_extents_cross_cuts),
        cmocka_unit_test(what_does_not_tell_its_layout_is_one_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
