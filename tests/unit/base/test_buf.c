#include "base/buf.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void zeroed_buffer_is_empty_and_terminates_to_an_empty_string(void **state)
{
    CLEANUP(buf_done) struct buf buf = { 0 };

    assert_true(buf_ok(&buf));
    buf_append(&buf, "x", 0);
    assert_null(buf.data);
    assert_string_equal(buf_terminate(&buf), "");
    assert_int_equal(buf.len, 0);
}

static void appends_of_every_kind_come_out_in_order(void **state)
{
    CLEANUP(buf_done) struct buf buf = { 0 };

    buf_puts(&buf, "one");
    buf_putc(&buf, ' ');
    buf_append(&buf, "two\0", 4);
    buf_printf(&buf, "%d-%s", 3, "three");
    assert_true(buf_ok(&buf));
    assert_int_equal(buf.len, 15);
    assert_memory_equal(buf.data, "one two\0003-three", 15);
}

static void integers_come_out_in_decimal(void **state)
{
    CLEANUP(buf_done) struct buf buf = { 0 };

    buf_put_int(&buf, 0);
    buf_putc(&buf, ' ');
    buf_put_int(&buf, -7);
    buf_putc(&buf, ' ');
    buf_put_int(&buf, INT64_MAX);
    buf_putc(&buf, ' ');
    buf_put_int(&buf, INT64_MIN);
    assert_string_equal(buf_terminate(&buf), "0 -7 9223372036854775807 -9223372036854775808");
}

static void printf_text_longer_than_the_first_guess_is_whole(void **state)
{
    CLEANUP(buf_done) struct buf buf = { 0 };
    char text[1000];

    for (size_t len = 120; len < 136; len++) {
        memset(text, 'a', len);
        text[len] = '\0';
        buf.len = 0;
        buf_printf(&buf, "<%s>", text);
        assert_int_equal(buf.len, len + 2);
        assert_int_equal(buf.data[0], '<');
        assert_int_equal(buf.data[len], 'a');
        assert_int_equal(buf.data[len + 1], '>');
    }
}

static void growing_keeps_a_megabyte_of_single_bytes(void **state)
{
    CLEANUP(buf_done) struct buf buf = { 0 };

    for (size_t i = 0; i < MIB; i++)
        buf_putc(&buf, (char)(i * 7));
    assert_int_equal(buf.len, MIB);
    for (size_t i = 0; i < MIB; i += 4093)
        assert_int_equal(buf.data[i], (char)(i * 7));
    assert_true(buf.cap < 4 * MIB);
}

static void impossible_size_fails_once_and_for_all(void **state)
{
    CLEANUP(buf_done) struct buf buf = { 0 };

    buf_puts(&buf, "kept");
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_false(buf_ok(&buf));
    buf_puts(&buf, "dropped");
    buf_printf(&buf, "%d", 1);
    assert_null(buf_terminate(&buf));
    assert_int_equal(buf.len, 4);
}

static void consume_drops_from_the_front(void **state)
{
    CLEANUP(buf_done) struct buf buf = { 0 };

    buf_puts(&buf, "headtail");
    buf_consume(&buf, 0);
    buf_consume(&buf, 4);
    assert_string_equal(buf_terminate(&buf), "tail");
    buf_consume(&buf, 4);
    assert_int_equal(buf.len, 0);
}

/* In release builds too. */
static void dropping_more_than_there_is_ends_the_program(void **state)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        CLEANUP(buf_done) struct buf buf = { 0 };

        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        buf_puts(&buf, "head");
        buf_consume(&buf, 5);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void take_moves_the_bytes_and_leaves_an_empty_buffer(void **state)
{
    CLEANUP(buf_done) struct buf buf = { 0 };
    CLEANUP(buf_done) struct buf taken = { 0 };
    const char *data;

    buf_puts(&buf, "bytes");
    data = buf.data;
    taken = buf_take(&buf);
    assert_ptr_equal(taken.data, data);
    assert_int_equal(taken.len, 5);
    assert_null(buf.data);
    assert_int_equal(buf.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_buffer_is_empty_and_terminates_to_an_empty_string),
        cmocka_unit_test(appends_of_every_kind_come_out_in_order),
        cmocka_unit_test(integers_come_out_in_decimal),
        cmocka_unit_test(printf_text_longer_than_the_first_guess_is_whole),
        cmocka_unit_test(growing_keeps_a_megabyte_of_single_bytes),
        cmocka_unit_test(impossible_size_fails_once_and_for_all),
        cmocka_unit_test(consume_drops_from_the_front),
        cmocka_unit_test(dropping_more_than_there_is_ends_the_program),
        cmocka_unit_test(take_moves_the_bytes_and_leaves_an_empty_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
