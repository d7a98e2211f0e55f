#include "unit/cmds/files/file_calls.h"

#include <fcntl.h>

/* --- open and close ------------------------------------------------------------------- */

static void open_takes_every_spelling_of_a_mode(void **state)
{
    static const char *const modes[] = { "r",   "w",  "a",   "rb",  "wb", "ab",  "r+", "rb+",
                                         "r+b", "w+", "wb+", "w+b", "a+", "ab+", "a+b" };
    struct fixture *fixture = *state;

    write_file(path_in(fixture, "f"), "x", 1);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        assert_close(fixture, open_file(fixture, path_in(fixture, "f"), modes[i]), "{}");
}

static void open_refuses_other_modes_before_it_looks_at_the_path(void **state)
{
    static const char *const modes[] = {
        "", "zz", "b", "+r", "rr", "r+b+", "rbb", "wx", "R", "re"
    };
    struct fixture *fixture = *state;
    char expected[64];

    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        snprintf(expected, sizeof(expected), "error: invalid file open mode '%s'", modes[i]);
        assert_open(fixture, "/no/such", modes[i], expected);
    }
}

static void open_only_reads_tells_modes_that_change_nothing(void **state)
{
    struct file_open_args args = open_args("x", NULL);

    (void)state;
    assert_true(file_open_only_reads(&args));
    args = open_args("x", "rb");
    assert_true(file_open_only_reads(&args));
    args = open_args("x", "zz");
    assert_true(file_open_only_reads(&args));
    args = open_args("x", "r+");
    assert_false(file_open_only_reads(&args));
    args = open_args("x", "a");
    assert_false(file_open_only_reads(&args));
    args = open_args("x", "wb");
    assert_false(file_open_only_reads(&args));
}

static void open_names_path_mode_and_reason_of_a_failure(void **state)
{
    struct fixture *fixture = *state;
    char expected[256];

    assert_open(fixture, "/nonexist", NULL,
                "error: failed to open file '/nonexist' (mode: 'r'): No such file or directory");
    snprintf(expected, sizeof(expected),
             "error: failed to open file '%s' (mode: 'w'): Is a directory", fixture->dir);
    assert_open(fixture, fixture->dir, "w", expected);
}

static void open_makes_new_files_0666_whatever_the_umask_and_keeps_old_modes(void **state)
{
    struct fixture *fixture = *state;
    mode_t before = umask(077);

    assert_close(fixture, open_file(fixture, path_in(fixture, "new"), "a"), "{}");
    umask(before);
    assert_int_equal(file_mode(path_in(fixture, "new")), 0666);
    assert_int_equal(chmod(path_in(fixture, "new"), 0640), 0);
    assert_close(fixture, open_file(fixture, path_in(fixture, "new"), "w"), "{}");
    assert_int_equal(file_mode(path_in(fixture, "new")), 0640);
}

static void open_does_not_create_through_a_dangling_link(void **state)
{
    struct fixture *fixture = *state;
    char expected[256];

    assert_int_equal(symlink(path_in(fixture, "target"), path_in(fixture, "link")), 0);
    snprintf(expected, sizeof(expected),
             "error: failed to open file '%s' (mode: 'w'): No such file or directory",
             path_in(fixture, "link"));
    assert_open(fixture, path_in(fixture, "link"), "w", expected);
    assert_int_equal(access(path_in(fixture, "target"), F_OK), -1);
}

static void handles_count_up_and_are_not_reused(void **state)
{
    struct fixture *fixture = *state;
    int64_t first = open_file(fixture, "/dev/null", "r");

    assert_int_equal(first, 1000);
    assert_close(fixture, first, "{}");
    assert_open(fixture, "/nonexist", "r",
                "error: failed to open file '/nonexist' (mode: 'r'): No such file or directory");
    assert_int_equal(open_file(fixture, "/dev/null", "r"), 1001);
}

static void unknown_and_closed_handles_are_named(void **state)
{
    struct fixture *fixture = *state;
    const char *expected = "error: handle '1000' has not been found";
    struct file_handle_args flush = { .handle = 1000 };
    int64_t handle = open_file(fixture, "/dev/null", "r+");

    assert_close(fixture, handle, "{}");
    assert_close(fixture, handle, expected);
    assert_read(fixture, handle, -1, expected); /* before the count is looked at */
    assert_write_b64(fixture, handle, "!!!!", expected);
    assert_seek(fixture, handle, 0, 9, expected);
    assert_reply(fixture, cmd_file_flush, &flush, expected);
    assert_close(fixture, -1, "error: handle '-1' has not been found");
}

static void a_close_that_fails_tells_so_and_frees_the_handle(void **state)
{
    struct fixture *fixture = *state;
    int64_t handle = open_file(fixture, path_in(fixture, "f"), "w");

    close(fd_of(path_in(fixture, "f")));
    assert_close(fixture, handle, "error: failed to close handle: Bad file descriptor");
    assert_close(fixture, handle, "error: handle '1000' has not been found");
}

static void handles_are_limited_and_failed_opens_take_no_room(void **state)
{
    struct fixture *fixture = *state;
    int64_t handle = 0;

    for (int i = 0; i < TEST_MAX_HANDLES; i++) {
        assert_open(
            fixture, "/nonexist", "r",
            "error: failed to open file '/nonexist' (mode: 'r'): No such file or directory");
        handle = open_file(fixture, "/dev/null", "r");
    }
    assert_open(fixture, path_in(fixture, "f"), "w", "error: too many open files (limit 64)");
    assert_int_equal(access(path_in(fixture, "f"), F_OK), -1);
    assert_close(fixture, handle, "{}");
    open_file(fixture, "/dev/null", "r");
}

/* A counter of handles must not lock the host out. */
static void an_open_goes_on_when_the_handle_cannot_be_stored(void **state)
{
    struct fixture *fixture = *state;
    int64_t last = 0;

    assert_int_equal(nftw(fixture->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
    for (int i = 0; i < 1000; i++) { /* past the numbers that were reserved on disk */
        struct file_open_args args = open_args("/dev/null", "r");
        CLEANUP(free_ptr) char *text = call(fixture, cmd_file_open, &args);

        assert_true(atoll(text) > last);
        last = atoll(text);
        assert_close(fixture, last, "{}");
    }
}

/* Without a handle a file is not emptied. */
static void an_open_that_fails_leaves_the_content(void **state)
{
    struct fixture *fixture = *state;
    char *path = path_in(fixture, "kept");
    struct stat info;

    write_file(path, "abc", 3);
    for (int i = 0; i < TEST_MAX_HANDLES; i++)
        open_file(fixture, "/dev/null", "r");
    assert_open(fixture, path, "w", "error: too many open files (limit 64)");
    assert_open(fixture, path, "w+", "error: too many open files (limit 64)");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 3);
}

static void mode_w_empties_files_only(void **state)
{
    struct fixture *fixture = *state;
    struct stat info;

    write_file(path_in(fixture, "f"), "abc", 3);
    open_file(fixture, path_in(fixture, "f"), "w");
    assert_int_equal(stat(path_in(fixture, "f"), &info), 0);
    assert_int_equal(info.st_size, 0);
    open_file(fixture, "/dev/null", "w");
    write_file(path_in(fixture, "g"), "abc", 3);
    open_file(fixture, path_in(fixture, "g"), "a");
    assert_int_equal(stat(path_in(fixture, "g"), &info), 0);
    assert_int_equal(info.st_size, 3);
}

static void descriptors_are_close_on_exec_and_never_block(void **state)
{
    struct fixture *fixture = *state;
    int fd;

    open_file(fixture, path_in(fixture, "f"), "w");
    fd = fd_of(path_in(fixture, "f"));
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

/* --- seek ---------------------------------------------------------------------------- */

static void seek_refuses_bad_whence_and_goes_far_beyond_the_end(void **state)
{
    struct fixture *fixture = *state;
    int64_t handle = open_file(fixture, path_in(fixture, "f"), "w+");

    assert_seek(fixture, handle, 0, 9, "error: invalid whence code 9");
    assert_seek(fixture, handle, 0, -1, "error: invalid whence code -1");
    assert_seek(fixture, handle, 0, 3, "error: invalid whence code 3");
    assert_seek(fixture, handle, 1LL << 40, 0, "{\"position\": 1099511627776, \"eof\": false}");
    assert_read(fixture, handle, 1, READ_REPLY("", 0, true));
    assert_seek(fixture, handle, INT64_MAX, 1, "error: failed to seek file: Invalid argument");
    assert_seek(fixture, handle, 0, 1, "{\"position\": 1099511627776, \"eof\": false}");
}

/* --- arguments ------------------------------------------------------------------------ */

static void arguments_are_bound_to_their_members(void **state)
{
    struct file_open_args open_bound = { 0 };
    struct file_read_args read_bound = { 0 };
    struct file_write_args write_bound = { 0 };
    struct file_seek_args seek_bound = { 0 };
    struct json_doc *doc;

    (void)state;
    doc = bind_json(args_file_open, "{\"path\": \"/p\", \"mode\": \"w\"}", &open_bound);
    assert_string_equal(open_bound.path.text, "/p");
    assert_true(open_bound.has_mode);
    assert_string_equal(open_bound.mode.text, "w");
    json_doc_free(doc);
    doc = bind_json(args_file_read, "{\"handle\": 1000, \"count\": 7}", &read_bound);
    assert_int_equal(read_bound.handle, 1000);
    assert_true(read_bound.has_count);
    assert_int_equal(read_bound.count, 7);
    json_doc_free(doc);
    doc = bind_json(args_file_write, "{\"handle\": 1, \"buf-b64\": \"A\\u0000=\"}", &write_bound);
    assert_int_equal(write_bound.buf_b64.len, 3);
    assert_false(write_bound.has_count);
    json_doc_free(doc);
    doc = bind_json(args_file_seek, "{\"handle\": 1, \"offset\": -5, \"whence\": \"end\"}",
                    &seek_bound);
    assert_int_equal(seek_bound.offset, -5);
    assert_int_equal(seek_bound.whence, 2);
    json_doc_free(doc);
}

static void arguments_of_the_wrong_kind_are_refused_in_qapis_words(void **state)
{
    (void)state;
    assert_bind_fails(args_file_open, "{\"path\": 1}",
                      "Invalid parameter type for 'path', expected: string");
    assert_bind_fails(args_file_read, "{}", "Parameter 'handle' is missing");
    assert_bind_fails(args_file_seek, "{\"handle\": 1, \"offset\": 0, \"whence\": \"bogus\"}",
                      "Parameter 'whence' does not accept value 'bogus'");
    assert_bind_fails(args_file_seek, "{\"handle\": 1, \"offset\": 0, \"whence\": null}",
                      "Invalid parameter type for 'whence', expected: GuestFileWhence");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(open_takes_every_spelling_of_a_mode),
        TEST(open_refuses_other_modes_before_it_looks_at_the_path),
        TEST(open_only_reads_tells_modes_that_change_nothing),
        TEST(open_names_path_mode_and_reason_of_a_failure),
        TEST(open_makes_new_files_0666_whatever_the_umask_and_keeps_old_modes),
        TEST(open_does_not_create_through_a_dangling_link),
        TEST(handles_count_up_and_are_not_reused),
        TEST(unknown_and_closed_handles_are_named),
        TEST(a_close_that_fails_tells_so_and_frees_the_handle),
        TEST(handles_are_limited_and_failed_opens_take_no_room),
        TEST(an_open_goes_on_when_the_handle_cannot_be_stored),
        TEST(an_open_that_fails_leaves_the_content),
        TEST(mode_w_empties_files_only),
        TEST(seek_refuses_bad_whence_and_goes_far_beyond_the_end),
        TEST(descriptors_are_close_on_exec_and_never_block),
        TEST(arguments_are_bound_to_their_members),
        TEST(arguments_of_the_wrong_kind_are_refused_in_qapis_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
