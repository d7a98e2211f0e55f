#include "unit/cmds/fixture.h"

#include "cmds/files/file_table.h"

#include <fcntl.h>
#include <pthread.h>

static int64_t add_file(struct fixture *fixture, const char *path)
{
    struct file_table *table = fixture->env.files;
    struct file *file;
    int64_t handle;

    assert_int_equal(file_table_reserve(table), 0);
    assert_int_equal(file_new(open(path, O_RDONLY | O_CLOEXEC), false, &file), 0);
    assert_int_equal(file_table_number(table, file), 0);
    handle = file_table_add(table, file);
    file_unref(file);
    return handle;
}

static int close_file(struct fixture *fixture, int64_t handle)
{
    struct file_handle_args args = { .handle = handle };
    char *text = call(fixture, cmd_file_close, &args);
    int r = strcmp(text, "{}") == 0 ? 0 : -1;

    free(text);
    return r;
}

static void handles_on_one_file_have_one_key(void **state)
{
    struct fixture *fixture = *state;
    struct file_key first, second, other;

    write_file(path_in(fixture, "a"), "", 0);
    write_file(path_in(fixture, "b"), "", 0);
    assert_int_equal(link(path_in(fixture, "a"), path_in(fixture, "a2")), 0);
    assert_int_equal(
        file_table_key(fixture->env.files, add_file(fixture, path_in(fixture, "a")), &first), 0);
    assert_int_equal(
        file_table_key(fixture->env.files, add_file(fixture, path_in(fixture, "a2")), &second), 0);
    assert_int_equal(
        file_table_key(fixture->env.files, add_file(fixture, path_in(fixture, "b")), &other), 0);
    assert_int_equal(first.dev, second.dev);
    assert_int_equal(first.ino, second.ino);
    assert_int_not_equal(first.ino, other.ino);
}

static void an_unknown_handle_has_no_key(void **state)
{
    struct fixture *fixture = *state;
    struct file_key key;
    int64_t handle = add_file(fixture, "/dev/null");

    assert_int_equal(file_table_key(fixture->env.files, handle + 1, &key), -ENOENT);
    assert_int_equal(file_table_key(fixture->env.files, -1, &key), -ENOENT);
    assert_int_equal(close_file(fixture, handle), 0);
    assert_int_equal(file_table_key(fixture->env.files, handle, &key), -ENOENT);
}

static void room_is_given_out_up_to_the_limit_and_comes_back(void **state)
{
    struct file_table *table = file_table_new(((struct fixture *)*state)->state, 2, 0666);

    assert_int_equal(file_table_limit(table), 2);
    assert_int_equal(file_table_reserve(table), 0);
    assert_int_equal(file_table_reserve(table), 0);
    assert_int_equal(file_table_reserve(table), -EMFILE);
    file_table_unreserve(table);
    assert_int_equal(file_table_reserve(table), 0);
    assert_null(file_table_free(table));
    assert_null(file_table_free(NULL));
}

static void handles_that_share_a_bucket_are_reported_apart(void **state)
{
    enum { MANY = 3000 };
    struct fixture *fixture = *state;
    int64_t kept[2];

    kept[0] = add_file(fixture, "/dev/null");
    for (int i = 0; i < MANY; i++) {
        int64_t handle = add_file(fixture, "/dev/null");

        assert_int_equal(handle, kept[0] + 1 + i);
        if ((handle - kept[0]) % 1024 != 0)
            assert_int_equal(close_file(fixture, handle), 0);
    }
    for (kept[1] = kept[0]; kept[1] <= kept[0] + MANY; kept[1] += 1024) {
        assert_int_equal(close_file(fixture, kept[1]), 0);
        assert_int_equal(close_file(fixture, kept[1]), -1);
    }
}

static void scratch_is_reused_and_never_shared(void **state)
{
    struct file_table *table = ((struct fixture *)*state)->env.files;
    char *held[10];

    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        held[i] = file_scratch_get(table);
        assert_non_null(held[i]);
        memset(held[i], (int)i, FILE_PIECE_BYTES);
    }
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        assert_int_equal(held[i][FILE_PIECE_BYTES - 1], i);
    file_scratch_put(table, held[0]);
    assert_ptr_equal(file_scratch_get(table), held[0]);
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        file_scratch_put(table, held[i]);
}

/* --- threads -------------------------------------------------------------------------- */

struct shared_handle {
    struct fixture *fixture;
    int64_t handle;
    _Atomic int reads, closes;
};

static void *read_until_closed(void *arg)
{
    struct shared_handle *shared = arg;
    struct file_read_args args = { .handle = shared->handle, .count = 30000, .has_count = true };

    for (;;) {
        char *text = call(shared->fixture, cmd_file_read, &args);
        bool ended = strstr(text, "has not been found") != NULL;

        if (!ended && !strstr(text, "\"count\": 30000, \"eof\": false}"))
            fprintf(stderr, "unexpected: %s\n", text);
        free(text);
        if (ended)
            return NULL;
        shared->reads++;
    }
}

static void *close_one(void *arg)
{
    struct shared_handle *shared = arg;

    if (close_file(shared->fixture, shared->handle) == 0)
        shared->closes++;
    return NULL;
}

static void a_close_beside_reads_ends_them_and_only_one_close_wins(void **state)
{
    struct shared_handle shared = { .fixture = *state };
    pthread_t readers[3], closers[2];

    shared.handle = add_file(shared.fixture, "/dev/zero");
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        PTOK(pthread_create(&readers[i], NULL, read_until_closed, &shared));
    while (shared.reads < 50)
        nap();
    for (size_t i = 0; i < ARRAY_LEN(closers); i++)
        PTOK(pthread_create(&closers[i], NULL, close_one, &shared));
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        PTOK(pthread_join(readers[i], NULL));
    for (size_t i = 0; i < ARRAY_LEN(closers); i++)
        PTOK(pthread_join(closers[i], NULL));
    assert_int_equal(shared.closes, 1);
}

static void *write_records(void *arg)
{
    struct shared_handle *shared = arg;

    for (int i = 0; i < 200; i++) {
        char base64[] = "MDEyMzQ1Njc4OTAxMjM0Cg=="; /* "012345678901234\n" */
        struct file_write_args args = { .handle = shared->handle,
                                        .buf_b64 = { .text = base64, .len = sizeof(base64) - 1 } };

        free(call(shared->fixture, cmd_file_write, &args));
    }
    return NULL;
}

static void writes_of_several_threads_on_one_handle_do_not_tear(void **state)
{
    struct shared_handle shared = { .fixture = *state };
    struct file_open_args args = { .path = arg(path_in(shared.fixture, "f")),
                                   .mode = arg("w"),
                                   .has_mode = true };
    pthread_t writers[3];
    char *text = call(shared.fixture, cmd_file_open, &args);
    struct stat info;

    shared.handle = atoll(text);
    free(text);
    for (size_t i = 0; i < ARRAY_LEN(writers); i++)
        PTOK(pthread_create(&writers[i], NULL, write_records, &shared));
    for (size_t i = 0; i < ARRAY_LEN(writers); i++)
        PTOK(pthread_join(writers[i], NULL));
    assert_int_equal(stat(path_in(shared.fixture, "f"), &info), 0);
    assert_int_equal(info.st_size, 3 * 200 * 16);
}

static void *open_and_close(void *arg)
{
    struct shared_handle *shared = arg;

    for (int i = 0; i < 200; i++) {
        struct file_key key;
        int64_t handle = add_file(shared->fixture, "/dev/null");

        if (file_table_key(shared->fixture->env.files, handle, &key) == 0 &&
            close_file(shared->fixture, handle) == 0)
            shared->closes++;
    }
    return NULL;
}

static void threads_open_and_close_side_by_side(void **state)
{
    struct shared_handle shared = { .fixture = *state };
    pthread_t threads[4];

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        PTOK(pthread_create(&threads[i], NULL, open_and_close, &shared));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        PTOK(pthread_join(threads[i], NULL));
    assert_int_equal(shared.closes, 800);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(handles_on_one_file_have_one_key),
        TEST(an_unknown_handle_has_no_key),
        TEST(room_is_given_out_up_to_the_limit_and_comes_back),
        TEST(handles_that_share_a_bucket_are_reported_apart),
        TEST(scratch_is_reused_and_never_shared),
        TEST(a_close_beside_reads_ends_them_and_only_one_close_wins),
        TEST(writes_of_several_threads_on_one_handle_do_not_tear),
        TEST(threads_open_and_close_side_by_side),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
