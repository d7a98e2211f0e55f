/*
 * Small requests on the I/O thread: done without waiting, or left to the ordinary handler with
 * nothing changed.
 */
#include "unit/cmds/files/file_calls.h"

#include "cmds/files/file_table.h"

#include <sched.h>
#include <sys/mount.h>

#define WOULD_BLOCK 1

/* On a tmpfs of its own, which only this process sees; skipped where none can be mounted. */
static const char *memory_path(void)
{
    static char path[64];

    snprintf(path, sizeof(path), "/tmp/pqga-test-now-%d/f", getpid());
    return path;
}

static bool mount_tmpfs(const char *dir)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", dir, "tmpfs", 0, "size=1m") == 0;
}

/* The namespace goes with the process, and the mount with it. */
static bool make_tmpfs(void)
{
    static bool tried, made;
    char dir[64];

    if (tried)
        return made;
    tried = true;
    snprintf(dir, sizeof(dir), "/tmp/pqga-test-now-%d", getpid());
    made = mkdir(dir, 0700) == 0 && mount_tmpfs(dir);
    return made;
}

static int remove_tmpfs(void **state)
{
    char dir[64];

    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/pqga-test-now-%d", getpid());
    umount2(dir, MNT_DETACH);
    rmdir(dir);
    return 0;
}

static void setup_memory_file(const char *text)
{
    FILE *file;

    if (!make_tmpfs())
        skip();
    file = fopen(memory_path(), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Calls a handler of the I/O thread: the reply's text, or NULL when it would wait. */
static char *call_inline(struct fixture *fixture, command_fn *run, void *args)
{
    struct cmd_reply reply = { 0 };
    int r = run(&fixture->env, args, &reply);
    char *text;

    assert_null(reply.error.text);
    if (r == WOULD_BLOCK) {
        buf_done(&reply.text);
        return NULL;
    }
    assert_int_equal(r, 0);
    assert_true(reply.is_text);
    text = strdup(buf_terminate(&reply.text));
    buf_done(&reply.text);
    return text;
}

static void assert_inline(struct fixture *fixture, command_fn *run, void *args,
                          const char *expected)
{
    char *text = call_inline(fixture, run, args);

    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(text);
    free(text);
}

static void assert_read_inline(struct fixture *fixture, int64_t handle, int64_t count,
                               const char *expected)
{
    struct file_read_args args = { .handle = handle, .count = count, .has_count = true };

    assert_inline(fixture, cmd_file_read_inline, &args, expected);
}

static void a_memory_file_is_read_and_positioned(void **state)
{
    struct fixture *fixture = *state;
    struct file_seek_args seek = { .offset = 1, .whence = 0 };
    int64_t handle;

    setup_memory_file("abcdef");
    handle = open_file(fixture, memory_path(), "r+");
    seek.handle = handle;
    assert_read_inline(fixture, handle, 3, "{\"buf-b64\": \"YWJj\", \"count\": 3, \"eof\": false}");
    assert_read_inline(fixture, handle, 100,
                       "{\"buf-b64\": \"ZGVm\", \"count\": 3, \"eof\": true}");
    assert_inline(fixture, cmd_file_seek_inline, &seek, "{\"position\": 1, \"eof\": false}");
    assert_write_b64(fixture, handle, "eHk=", "{\"count\": 2, \"eof\": false}");
    assert_read_inline(fixture, handle, 1, "{\"buf-b64\": \"ZA==\", \"count\": 1, \"eof\": false}");
    seek.offset = 0;
    assert_inline(fixture, cmd_file_seek_inline, &seek, "{\"position\": 0, \"eof\": false}");
    assert_read(fixture, handle, 6, "{\"buf-b64\": \"YXh5ZGVm\", \"count\": 6, \"eof\": false}");
    unlink(memory_path());
}

/* What a user can hold for long: the inode of any file, the pages of one on a disk. */
static void writes_and_other_filesystems_are_left_to_a_worker(void **state)
{
    struct fixture *fixture = *state;
    struct file_seek_args seek = { .offset = 0, .whence = 0 };

    for (size_t i = 0; i < all_commands.count; i++) {
        if (strcmp(all_commands.rows[i].name, "guest-file-write") == 0)
            assert_null(all_commands.rows[i].try_inline);
    }
    seek.handle = open_file(fixture, "/proc/self/status", "r");
    assert_read_inline(fixture, seek.handle, 1, NULL);
    assert_inline(fixture, cmd_file_seek_inline, &seek, NULL);
}

static void unusual_requests_are_left_to_a_worker(void **state)
{
    struct fixture *fixture = *state;
    struct file_seek_args from_end = { .offset = 0, .whence = 2 };
    int64_t handle;

    setup_memory_file("abc");
    handle = open_file(fixture, memory_path(), "r+");
    from_end.handle = handle;
    assert_read_inline(fixture, 99999, 1, NULL);
    assert_read_inline(fixture, handle, -1, NULL);
    assert_read_inline(fixture, handle, FILE_INLINE_MAX_BYTES + 1, NULL);
    assert_inline(fixture, cmd_file_seek_inline, &from_end, NULL);
    assert_read(fixture, handle, 9, "{\"buf-b64\": \"YWJj\", \"count\": 3, \"eof\": true}");
    unlink(memory_path());
}

static void a_file_in_use_and_one_without_positions_are_left_to_a_worker(void **state)
{
    struct fixture *fixture = *state;
    struct cmd_error error = { 0 };
    struct file *busy;
    int64_t handle, fifo;
    char path[128];

    setup_memory_file("abc");
    handle = open_file(fixture, memory_path(), "r");
    busy = file_table_lock(fixture->env.files, handle, &error);
    assert_non_null(busy);
    assert_read_inline(fixture, handle, 1, NULL);
    file_unlockp(&busy);
    assert_read_inline(fixture, handle, 1, "{\"buf-b64\": \"YQ==\", \"count\": 1, \"eof\": false}");
    snprintf(path, sizeof(path), "%s/fifo", fixture->dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    fifo = open_file(fixture, path, "r");
    assert_read_inline(fixture, fifo, 1, NULL);
    unlink(memory_path());
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_memory_file_is_read_and_positioned),
        CASE(writes_and_other_filesystems_are_left_to_a_worker),
        CASE(unusual_requests_are_left_to_a_worker),
        CASE(a_file_in_use_and_one_without_positions_are_left_to_a_worker),
    };

    return cmocka_run_group_tests_name("file_inline", tests, NULL, remove_tmpfs);
}
