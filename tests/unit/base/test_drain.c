#include "base/drain.h"

#include "base/fdio.h"
#include "base/spawn.h"
#include "unit/tempdir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#define LIMIT_MS 20000 /* for a test that fails */

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 5 * NSEC_PER_MSEC }, NULL);
}

static int open_pipe(void)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    drain_add(fds[0]);
    return fds[1];
}

static void wait_for_count(size_t count)
{
    for (int waited = 0; drain_count() != count; waited += 5) {
        assert_true(waited < LIMIT_MS);
        nap();
    }
}

/* Waits until the pipe takes that much. */
static void write_all(int fd, size_t len)
{
    static char bytes[4096];
    struct pollfd polled = { .fd = fd, .events = POLLOUT };

    while (len > 0) {
        ssize_t n;

        assert_int_equal(poll(&polled, 1, LIMIT_MS), 1);
        n = write(fd, bytes, MIN_OF(len, sizeof(bytes)));
        assert_true(n > 0 || (n < 0 && errno == EAGAIN));
        len -= n > 0 ? (size_t)n : 0;
    }
}

static void who_writes_on_is_read_to_the_end(void **state)
{
    int first = open_pipe(), second = open_pipe();

    write_all(first, 300 * KIB);
    write_all(second, 300 * KIB);
    assert_int_equal(drain_count(), 2);
    fd_close(first);
    wait_for_count(1);
    write_all(second, 100 * KIB);
    fd_close(second);
    wait_for_count(0);
}

static void a_thread_that_ended_is_followed_by_another(void **state)
{
    for (int i = 0; i < 20; i++) {
        int fd = open_pipe();

        write_all(fd, 70 * KIB);
        fd_close(fd);
        wait_for_count(0);
    }
}

static void the_oldest_of_too_many_goes(void **state)
{
    int fds[DRAIN_MAX + 1];

    for (size_t i = 0; i <= DRAIN_MAX; i++)
        fds[i] = open_pipe();
    assert_int_equal(drain_count(), DRAIN_MAX);
    assert_int_equal(write(fds[0], "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    for (size_t i = 1; i <= DRAIN_MAX; i++)
        assert_int_equal(write(fds[i], "x", 1), 1);
    for (size_t i = 0; i <= DRAIN_MAX; i++)
        fd_close(fds[i]);
    wait_for_count(0);
}

/* The child of a freeze hook that keeps a database locked until the thaw, say. */
static void a_background_child_outlives_the_program_that_started_it(void **dir)
{
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };
    char script[512];

    snprintf(script, sizeof(script),
             "(while [ ! -e %s ]; do sleep 0.01; done; echo one; echo two >&2;"
             " head -c 200000 /dev/zero && echo three && touch %s) & echo begun",
             tempdir_path(dir, "go"), tempdir_path(dir, "end"));
    assert_int_equal(
        spawn_run((const char *const[]){ "/bin/sh", "-c", script, NULL }, NULL, LIMIT_MS, &result),
        0);
    assert_true(result.exited);
    assert_string_equal(buf_terminate(&result.output), "begun\n");
    assert_int_equal(drain_count(), 1);
    tempdir_write(dir, "go", "");
    wait_for_count(0);
    assert_int_equal(access(tempdir_path(dir, "end"), F_OK), 0);
}

static void a_program_without_children_leaves_nothing(void **dir)
{
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };

    assert_int_equal(
        spawn_run((const char *const[]){ "/bin/echo", "x", NULL }, NULL, LIMIT_MS, &result), 0);
    assert_int_equal(drain_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_writes_on_is_read_to_the_end),
        cmocka_unit_test(a_thread_that_ended_is_followed_by_another),
        cmocka_unit_test(the_oldest_of_too_many_goes),
        cmocka_unit_test_setup_teardown(a_background_child_outlives_the_program_that_started_it,
                                        tempdir_setup, tempdir_teardown),
        cmocka_unit_test(a_program_without_children_leaves_nothing),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
