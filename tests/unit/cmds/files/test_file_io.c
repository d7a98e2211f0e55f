#include "unit/cmds/files/file_calls.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

/* --- read and write ------------------------------------------------------------------- */

static void write_seek_and_read_answer_as_the_reference(void **state)
{
    struct fixture *fixture = *state;
    int64_t handle = open_file(fixture, path_in(fixture, "f"), "w+");
    struct file_handle_args flush = { .handle = handle };

    assert_write_b64(fixture, handle, "SGVsbG8=", "{\"count\": 5, \"eof\": false}");
    assert_read(fixture, handle, 4096, READ_REPLY("", 0, true));
    assert_seek(fixture, handle, 0, 0, "{\"position\": 0, \"eof\": false}");
    assert_read(fixture, handle, 3, READ_REPLY("SGVs", 3, false));
    assert_read(fixture, handle, 2, READ_REPLY("bG8=", 2, false));
    assert_read(fixture, handle, 1, READ_REPLY("", 0, true));
    assert_read(fixture, handle, 0, READ_REPLY("", 0, false));
    assert_write_b64(fixture, handle, "SGVsbG8", "{\"count\": 3, \"eof\": false}");
    assert_write_b64(fixture, handle, "SGVs\nbG8=", "{\"count\": 5, \"eof\": false}");
    assert_write_b64(fixture, handle, "", "{\"count\": 0, \"eof\": false}");
    assert_write_b64(fixture, handle, "!!!!", "error: Base64 data contains invalid characters");
    assert_seek(fixture, handle, -1, 0, "error: failed to seek file: Invalid argument");
    assert_seek(fixture, handle, 0, 1, "{\"position\": 13, \"eof\": false}");
    assert_seek(fixture, handle, 100, 2, "{\"position\": 113, \"eof\": false}");
    assert_seek(fixture, handle, -113, 1, "{\"position\": 0, \"eof\": false}");
    assert_read(fixture, handle, 100, READ_REPLY("SGVsbG9IZWxIZWxsbw==", 13, true));
    assert_reply(fixture, cmd_file_flush, &flush, "{}");
    assert_close(fixture, handle, "{}");
}

static void writes_have_reached_the_file_when_they_are_answered(void **state)
{
    struct fixture *fixture = *state;
    int64_t writer = open_file(fixture, path_in(fixture, "f"), "w");
    int64_t reader = open_file(fixture, path_in(fixture, "f"), "r");

    assert_read(fixture, reader, 10, READ_REPLY("", 0, true));
    assert_write_b64(fixture, writer, "YWJj", "{\"count\": 3, \"eof\": false}");
    assert_read(fixture, reader, 10, READ_REPLY("YWJj", 3, true)); /* grown after eof */
}

static void write_takes_a_prefix_and_refuses_a_wrong_count(void **state)
{
    struct fixture *fixture = *state;
    int64_t handle = open_file(fixture, path_in(fixture, "f"), "w+");
    struct file_write_args args = { .handle = handle, .has_count = true };
    static const struct {
        int64_t count;
        const char *expected;
    } cases[] = {
        { 2, "{\"count\": 2, \"eof\": false}" },
        { 0, "{\"count\": 0, \"eof\": false}" },
        { 9, "error: value '9' is invalid for argument count" },
        { -1, "error: value '-1' is invalid for argument count" },
        { INT64_MAX, "error: value '9223372036854775807' is invalid for argument count" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char base64[] = "SGVsbG8=";

        args.buf_b64 = arg(base64);
        args.count = cases[i].count;
        assert_reply(fixture, cmd_file_write, &args, cases[i].expected);
    }
    assert_seek(fixture, handle, 0, 0, "{\"position\": 0, \"eof\": false}");
    assert_read(fixture, handle, 10, READ_REPLY("SGU=", 2, true));
}

static void read_refuses_counts_out_of_range(void **state)
{
    struct fixture *fixture = *state;
    int64_t handle = open_file(fixture, "/dev/null", "r");

    assert_read(fixture, handle, -1, "error: value '-1' is invalid for argument count");
    assert_read(fixture, handle, 50331649, "error: value '50331649' is invalid for argument count");
    assert_read(fixture, handle, 50331648, READ_REPLY("", 0, true));
}

static void read_takes_4096_bytes_by_default(void **state)
{
    struct fixture *fixture = *state;
    struct file_read_args args = { .handle = open_file(fixture, "/dev/zero", "r") };
    struct json_object *reply = call_json(fixture, cmd_file_read, &args);

    assert_int_equal(int_member(reply, "count"), 4096);
    assert_false(bool_member(reply, "eof"));
    json_object_put(reply);
}

static void reads_give_every_byte_at_every_size(void **state)
{
    static const size_t sizes[] = {
        1,      2,      3,      4097,   16383,  16384,  16385,   65536,
        258047, 258048, 258049, 258050, 516095, 516097, 1048576, 1048577
    };
    struct fixture *fixture = *state;
    unsigned char *data = malloc(sizes[ARRAY_LEN(sizes) - 1]);

    for (size_t i = 0; i < sizes[ARRAY_LEN(sizes) - 1]; i++)
        data[i] = (unsigned char)(i * 2654435761u >> 13);
    write_file(path_in(fixture, "f"), data, sizes[ARRAY_LEN(sizes) - 1]);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct file_read_args args = { .handle = open_file(fixture, path_in(fixture, "f"), "r"),
                                       .count = (int64_t)sizes[i],
                                       .has_count = true };
        struct json_object *reply = call_json(fixture, cmd_file_read, &args);
        size_t len = 0;
        char *bytes = data_member(reply, "buf-b64", &len);

        assert_int_equal(int_member(reply, "count"), sizes[i]);
        assert_false(bool_member(reply, "eof"));
        assert_int_equal(len, sizes[i]);
        assert_memory_equal(bytes, data, len);
        free(bytes);
        json_object_put(reply);
        assert_close(fixture, args.handle, "{}");
    }
    free(data);
}

static void a_large_write_lands_at_its_position(void **state)
{
    struct fixture *fixture = *state;
    int64_t handle = open_file(fixture, path_in(fixture, "f"), "w+");
    size_t len = MIB + 1, read_len = 0;
    char *data = malloc(len), *text, *bytes;
    struct file_read_args args = { .handle = handle, .count = 2 * MIB, .has_count = true };
    struct json_object *reply;

    memset(data, 'x', len);
    assert_seek(fixture, handle, 10, 0, "{\"position\": 10, \"eof\": false}");
    text = write_bytes(fixture, handle, data, len);
    assert_string_equal(text, "{\"count\": 1048577, \"eof\": false}");
    assert_seek(fixture, handle, 0, 1, "{\"position\": 1048587, \"eof\": false}");
    assert_seek(fixture, handle, 10, 0, "{\"position\": 10, \"eof\": false}");
    reply = call_json(fixture, cmd_file_read, &args);
    bytes = data_member(reply, "buf-b64", &read_len);
    assert_int_equal(read_len, len);
    assert_memory_equal(bytes, data, len);
    assert_true(bool_member(reply, "eof"));
    json_object_put(reply);
    free(bytes);
    free(text);
    free(data);
}

static void a_large_count_on_a_small_file_costs_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct file_read_args args = { .count = FILE_READ_MAX, .has_count = true };
    struct cmd_reply reply = { 0 };

    write_file(path_in(fixture, "f"), "0123456789", 10);
    args.handle = open_file(fixture, path_in(fixture, "f"), "r");
    assert_int_equal(cmd_file_read(&fixture->env, &args, &reply), 0);
    assert_true(reply.text.cap < 4096);
    buf_done(&reply.text);
}

static void reply_max_bounds_the_reply(void **state)
{
    struct fixture *fixture = *state;
    struct file_read_args args = { .handle = open_file(fixture, "/dev/zero", "r"),
                                   .count = 100000,
                                   .has_count = true };
    char *text = call(fixture, cmd_file_read, &args);

    assert_true(strlen(text) <= file_read_reply_max(&args));
    args.count = INT64_MAX;
    assert_true(file_read_reply_max(&args) < 4096);
    args.has_count = false;
    assert_true(file_read_reply_max(&args) >= base64_encoded_len(FILE_READ_DEFAULT));
    free(text);
}

static void a_file_of_proc_without_a_size_is_read_to_its_end(void **state)
{
    struct fixture *fixture = *state;
    struct file_read_args args = { .handle = open_file(fixture, "/proc/self/smaps", "r"),
                                   .count = MIB,
                                   .has_count = true };
    struct json_object *reply = call_json(fixture, cmd_file_read, &args);
    size_t len = 0;
    char *text = data_member(reply, "buf-b64", &len);

    assert_true(bool_member(reply, "eof"));
    assert_true(len > 4096);
    assert_non_null(strstr(text, "VmFlags"));
    free(text);
    json_object_put(reply);
}

static void append_reads_from_the_start_and_writes_at_the_end(void **state)
{
    struct fixture *fixture = *state;
    int64_t handle;

    write_file(path_in(fixture, "f"), "abc", 3);
    handle = open_file(fixture, path_in(fixture, "f"), "a+");
    assert_read(fixture, handle, 1, READ_REPLY("YQ==", 1, false));
    assert_write_b64(fixture, handle, "ZGVm", "{\"count\": 3, \"eof\": false}");
    assert_seek(fixture, handle, 0, 1, "{\"position\": 6, \"eof\": false}");
    assert_seek(fixture, handle, 0, 0, "{\"position\": 0, \"eof\": false}");
    assert_write_b64(fixture, handle, "Zw==", "{\"count\": 1, \"eof\": false}");
    assert_seek(fixture, handle, 1, 0, "{\"position\": 1, \"eof\": false}");
    assert_read(fixture, handle, 10, READ_REPLY("YmNkZWZn", 6, true));
}

static void the_wrong_direction_is_a_bad_descriptor(void **state)
{
    struct fixture *fixture = *state;
    int64_t writer = open_file(fixture, path_in(fixture, "f"), "w");
    int64_t reader = open_file(fixture, path_in(fixture, "f"), "r");

    assert_read(fixture, writer, 1, "error: failed to read file: Bad file descriptor");
    assert_write_b64(fixture, reader,
                     "YQ==", "error: failed to write to file: Bad file descriptor");
}

static void a_directory_opens_and_cannot_be_read(void **state)
{
    struct fixture *fixture = *state;

    assert_read(fixture, open_file(fixture, fixture->dir, "r"), 1,
                "error: failed to read file: Is a directory");
}

/* --- what is no ordinary file --------------------------------------------------------- */

static void a_full_device_is_reported_by_the_write_itself(void **state)
{
    struct fixture *fixture = *state;
    int64_t handle = open_file(fixture, "/dev/full", "w");
    struct file_handle_args flush = { .handle = handle };

    assert_write_b64(fixture, handle, "YWJj",
                     "error: failed to write to file: No space left on device");
    assert_reply(fixture, cmd_file_flush, &flush, "{}");
    assert_close(fixture, handle, "{}");
}

static void a_disk_that_fills_up_moves_the_position_by_what_was_written(void **state)
{
    struct fixture *fixture = *state;
    char *data = calloc(1, 256 * KIB);
    int64_t handle;
    char *text;

    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", fixture->dir, "tmpfs", 0, "size=64k") < 0) {
        free(data);
        skip();
    }
    handle = open_file(fixture, path_in(fixture, "f"), "w");
    text = write_bytes(fixture, handle, data, 256 * KIB);
    assert_string_equal(text, "error: failed to write to file: No space left on device");
    assert_seek(fixture, handle, 0, 1, "{\"position\": 65536, \"eof\": false}");
    assert_close(fixture, handle, "{}");
    assert_int_equal(umount2(fixture->dir, MNT_DETACH), 0);
    free(text);
    free(data);
}

static void a_fifo_gives_what_it_has_and_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    int64_t reader;
    int writer;

    assert_int_equal(mkfifo(path_in(fixture, "p"), 0600), 0);
    reader = open_file(fixture, path_in(fixture, "p"), "r");
    assert_read(fixture, reader, 10, READ_REPLY("", 0, true)); /* no writer */
    writer = open(path_in(fixture, "p"), O_WRONLY | O_CLOEXEC);
    assert_true(writer >= 0);
    assert_read(fixture, reader, 10,
                "error: failed to read file: Resource temporarily unavailable");
    assert_int_equal(write(writer, "abcd", 4), 4);
    assert_read(fixture, reader, 10, READ_REPLY("YWJjZA==", 4, false));
    assert_int_equal(write(writer, "ef", 2), 2);
    close(writer);
    assert_read(fixture, reader, 10, READ_REPLY("ZWY=", 2, true));
    assert_seek(fixture, reader, 0, 0, "error: failed to seek file: Illegal seek");
}

static void a_fifo_takes_what_fits_and_never_blocks(void **state)
{
    struct fixture *fixture = *state;
    size_t len = MIB;
    char *data = calloc(1, len), *text, expected[128];
    struct json_object *reply;
    int64_t writer;
    int reader;

    assert_int_equal(mkfifo(path_in(fixture, "p"), 0600), 0);
    snprintf(expected, sizeof(expected),
             "error: failed to open file '%s' (mode: 'w'): No such device or address",
             path_in(fixture, "p"));
    assert_open(fixture, path_in(fixture, "p"), "w", expected);
    reader = open(path_in(fixture, "p"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    writer = open_file(fixture, path_in(fixture, "p"), "w");
    text = write_bytes(fixture, writer, data, len);
    reply = json_tokener_parse(text);
    assert_int_equal(int_member(reply, "count"), fcntl(reader, F_GETPIPE_SZ));
    assert_write_b64(fixture, writer,
                     "YQ==", "error: failed to write to file: Resource temporarily unavailable");
    close(reader);
    assert_write_b64(fixture, writer, "YQ==", "error: failed to write to file: Broken pipe");
    json_object_put(reply);
    free(text);
    free(data);
}

static void a_large_read_of_a_fifo_leaves_groups_whole(void **state)
{
    struct fixture *fixture = *state;
    struct file_read_args args = { .count = MIB, .has_count = true };
    struct json_object *reply;
    int writer;
    size_t len = 0;
    char data[5000], *bytes;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 7);
    assert_int_equal(mkfifo(path_in(fixture, "p"), 0600), 0);
    args.handle = open_file(fixture, path_in(fixture, "p"), "r");
    writer = open(path_in(fixture, "p"), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    assert_int_equal(write(writer, data, sizeof(data)), sizeof(data));
    reply = call_json(fixture, cmd_file_read, &args);
    bytes = data_member(reply, "buf-b64", &len);
    assert_int_equal(len, sizeof(data));
    assert_memory_equal(bytes, data, len);
    close(writer);
    free(bytes);
    json_object_put(reply);
}

static void a_tty_never_blocks(void **state)
{
    struct fixture *fixture = *state;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    int64_t handle;
    char name[64], echo[16];

    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
    handle = open_file(fixture, name, "r+");
    assert_read(fixture, handle, 10,
                "error: failed to read file: Resource temporarily unavailable");
    assert_int_equal(write(master, "hi\n", 3), 3);
    assert_read(fixture, handle, 10, READ_REPLY("aGkK", 3, false));
    assert_write_b64(fixture, handle, "b2s=", "{\"count\": 2, \"eof\": false}");
    assert_true(read(master, echo, sizeof(echo)) > 0);
    assert_close(fixture, handle, "{}");
    close(master);
}

static void write_comm(struct fixture *fixture, const char *mode, const char *name)
{
    char path[64], expected[64], line[64] = "";
    int64_t handle;
    FILE *file;
    char *text;

    snprintf(path, sizeof(path), "/proc/self/task/%d/comm", getpid());
    handle = open_file(fixture, path, mode);
    text = write_bytes(fixture, handle, name, strlen(name));
    snprintf(expected, sizeof(expected), "{\"count\": %zu, \"eof\": false}", strlen(name));
    assert_string_equal(text, expected);
    free(text);
    assert_close(fixture, handle, "{}");
    file = fopen(path, "r");
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    assert_int_equal(strncmp(line, name, strlen(name)), 0);
    assert_string_equal(line + strlen(name), "\n");
}

/* They take pread(2) but not pwrite(2). */
static void files_of_proc_are_written_in_every_mode(void **state)
{
    struct fixture *fixture = *state;
    char before[17] = "";
    int64_t handle;

    prctl(PR_GET_NAME, before);
    write_comm(fixture, "w", "pqga-w");
    write_comm(fixture, "r+", "pqga-rplus");
    write_comm(fixture, "a", "pqga-a");
    handle = open_file(fixture, "/proc/self/timerslack_ns", "r+");
    assert_write_b64(fixture, handle, "NTAwMDA=", "{\"count\": 5, \"eof\": false}");
    assert_seek(fixture, handle, 0, 0, "{\"position\": 0, \"eof\": false}");
    assert_read(fixture, handle, 20, READ_REPLY("NTAwMDAK", 6, true));
    prctl(PR_SET_NAME, before);
}

static void a_socket_cannot_be_opened(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char expected[256];

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_in(fixture, "s"));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    snprintf(expected, sizeof(expected),
             "error: failed to open file '%s' (mode: 'r'): No such device or address",
             address.sun_path);
    assert_open(fixture, address.sun_path, "r", expected);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(write_seek_and_read_answer_as_the_reference),
        TEST(writes_have_reached_the_file_when_they_are_answered),
        TEST(write_takes_a_prefix_and_refuses_a_wrong_count),
        TEST(read_refuses_counts_out_of_range),
        TEST(read_takes_4096_bytes_by_default),
        TEST(reads_give_every_byte_at_every_size),
        TEST(a_large_write_lands_at_its_position),
        TEST(a_large_count_on_a_small_file_costs_nothing),
        TEST(reply_max_bounds_the_reply),
        TEST(a_file_of_proc_without_a_size_is_read_to_its_end),
        TEST(append_reads_from_the_start_and_writes_at_the_end),
        TEST(the_wrong_direction_is_a_bad_descriptor),
        TEST(a_directory_opens_and_cannot_be_read),
        TEST(a_full_device_is_reported_by_the_write_itself),
        TEST(a_disk_that_fills_up_moves_the_position_by_what_was_written),
        TEST(a_fifo_gives_what_it_has_and_loses_nothing),
        TEST(a_fifo_takes_what_fits_and_never_blocks),
        TEST(a_large_read_of_a_fifo_leaves_groups_whole),
        TEST(a_tty_never_blocks),
        TEST(files_of_proc_are_written_in_every_mode),
        TEST(a_socket_cannot_be_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
