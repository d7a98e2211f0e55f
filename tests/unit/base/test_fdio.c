#include "base/fdio.h"

#include "unit/tempdir.h"

#include <pthread.h>

static void close_returns_minus_one_and_keeps_errno(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    errno = ERANGE;
    assert_int_equal(fd_close(fd), -1);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    errno = ERANGE;
    assert_int_equal(fd_close(-1), -1);
    assert_int_equal(errno, ERANGE);
}

static void take_leaves_nothing_to_close(void **state)
{
    CLEANUP(fd_closep) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int taken = TAKE_FD(fd);

    assert_int_equal(fd, -1);
    assert_true(taken >= 0);
    fd_close(taken);
}

static void read_all_appends_the_whole_file_behind_what_is_there(void **state)
{
    CLEANUP(buf_done) struct buf buf = { 0 };
    CLEANUP(buf_done) struct buf text = { 0 };
    CLEANUP(fd_closep) int fd = -1;

    for (int i = 0; i < 20000; i++)
        buf_printf(&text, "%d\n", i);
    tempdir_write(state, "file", buf_terminate(&text));
    fd = open(tempdir_path(state, "file"), O_RDONLY | O_CLOEXEC);
    buf_puts(&buf, "before ");
    assert_int_equal(fd_read_all(fd, MIB, &buf), 0);
    assert_int_equal(buf.len, text.len + 7);
    assert_memory_equal(buf.data, "before 0\n1\n", 11);
    assert_memory_equal(buf.data + 7, text.data, text.len);
}

static void read_all_takes_exactly_the_limit_and_tells_of_more(void **state)
{
    for (size_t max = 3; max <= 5; max++) {
        CLEANUP(buf_done) struct buf buf = { 0 };
        CLEANUP(fd_closep) int fd = -1;

        tempdir_write(state, "file", "1234");
        fd = open(tempdir_path(state, "file"), O_RDONLY | O_CLOEXEC);
        assert_int_equal(fd_read_all(fd, max, &buf), max < 4 ? -EFBIG : 0);
        assert_int_equal(buf.len, MIN_OF(max, 4));
    }
}

static void read_and_write_report_errno(void **state)
{
    CLEANUP(buf_done) struct buf buf = { 0 };
    CLEANUP(fd_closep) int dir = open(*state, O_RDONLY | O_CLOEXEC);
    CLEANUP(fd_closep) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    assert_int_equal(fd_read_all(dir, 10, &buf), -EISDIR);
    assert_int_equal(fd_write_all(full, "x", 1), -ENOSPC);
    assert_int_equal(fd_write_all(-1, "", 0), 0);
}

#define PIPED_BYTES (3 * MIB)

static void *read_slowly(void *arg)
{
    static char total[PIPED_BYTES + 1];
    size_t len = 0;
    ssize_t n;

    while ((n = read(*(int *)arg, total + len, MIN_OF(sizeof(total) - len, (size_t)50000))) > 0)
        len += (size_t)n;
    for (size_t i = 0; i < len; i++) {
        if (total[i] != (char)(i * 13))
            return NULL;
    }
    return len == PIPED_BYTES ? arg : NULL;
}

static void write_all_goes_on_after_short_writes(void **state)
{
    CLEANUP(free_ptr) char *data = malloc(PIPED_BYTES);
    int fds[2];
    void *same;
    pthread_t reader;

    assert_non_null(data);
    for (size_t i = 0; i < PIPED_BYTES; i++)
        data[i] = (char)(i * 13);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    PTOK(pthread_create(&reader, NULL, read_slowly, &fds[0]));
    assert_int_equal(fd_write_all(fds[1], data, PIPED_BYTES), 0);
    fd_close(fds[1]);
    PTOK(pthread_join(reader, &same));
    assert_ptr_equal(same, &fds[0]);
    fd_close(fds[0]);
}

static void nonblock_can_be_switched_on_and_off(void **state)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(fd_set_nonblock(fds[0], true), 0);
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    assert_int_equal(fd_set_nonblock(fds[0], false), 0);
    assert_false(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    fd_close(fds[0]);
    fd_close(fds[1]);
    assert_int_equal(fd_set_nonblock(-1, true), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_returns_minus_one_and_keeps_errno),
        cmocka_unit_test(take_leaves_nothing_to_close),
        TEST_IN_TEMPDIR(read_all_appends_the_whole_file_behind_what_is_there),
        TEST_IN_TEMPDIR(read_all_takes_exactly_the_limit_and_tells_of_more),
        TEST_IN_TEMPDIR(read_and_write_report_errno),
        cmocka_unit_test(write_all_goes_on_after_short_writes),
        cmocka_unit_test(nonblock_can_be_switched_on_and_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
