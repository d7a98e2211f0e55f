#include "base/state.h"

#include "unit/tempdir.h"

#include <pthread.h>
#include <sys/stat.h>

static int64_t next_handle(struct state *state)
{
    int64_t handle = -1;

    assert_int_equal(state_handle_next(state, &handle), 0);
    return handle;
}

static struct state *open_state(void **dir)
{
    struct state *state = NULL;

    assert_int_equal(state_open(*dir, &state), 0);
    return state;
}

static void new_directory_starts_at_1000_with_a_file(void **dir)
{
    struct state *state = open_state(dir);

    assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=1000\n");
    assert_int_equal(next_handle(state), 1000);
    assert_int_equal(next_handle(state), 1001);
    state_close(state);
    assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=1002\n");
}

static void numbering_goes_on_after_a_clean_end(void **dir)
{
    struct state *state;

    tempdir_write(dir, "qga.state", "[global]\nfd_counter=5000\n");
    state = open_state(dir);
    for (int64_t i = 5000; i < 5600; i++)
        assert_int_equal(next_handle(state), i);
    state_close(state);
    state = open_state(dir);
    assert_int_equal(next_handle(state), 5600);
    state_close(state);
}

static void file_that_is_there_is_not_written_before_a_number_is_asked_for(void **dir)
{
    static const char text[] = "# by hand\n[global]\nfd_counter = 7\n";
    struct state *state;

    tempdir_write(dir, "qga.state", text);
    state = open_state(dir);
    assert_string_equal(tempdir_read(dir, "qga.state"), text);
    assert_int_equal(next_handle(state), 7);
    assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=263\n");
    state_close(state);
    state = open_state(dir);
    state_close(state);
    assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=8\n");
}

static void number_is_reserved_on_disk_before_it_is_given_out(void **dir)
{
    struct state *state = open_state(dir);

    assert_int_equal(next_handle(state), 1000);
    assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=1256\n");
    for (int i = 1; i < 256; i++)
        next_handle(state);
    assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=1256\n");
    assert_int_equal(next_handle(state), 1256);
    assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=1512\n");
    state_close(state);
}

static void bad_or_missing_counter_counts_as_1000(void **dir)
{
    static const char *const texts[] = {
        "",
        "\n# comment\n  # another\n",
        "[global]\n",
        "[global]\nother=1\n",
        "[other]\nfd_counter=7\n",
        "[global]\nfd_counter=\n",
        "[global]\nfd_counter=-5\n",
        "[global]\nfd_counter=many\n",
        "[global]\nfd_counter=12x\n",
        "[global]\nfd_counter=9223372036854775808\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct state *state;

        tempdir_write(dir, "qga.state", texts[i]);
        state = open_state(dir);
        assert_int_equal(next_handle(state), 1000);
        state_close(state);
    }
}

static void counter_of_any_int64_and_any_spelling_is_taken(void **dir)
{
    static const char *const texts[] = {
        "[global]\nfd_counter=3000000000",
        "# made by hand\n\n[x]\nfd_counter=1\n[global]\n fd_counter = 3000000000 \r\n",
        "[global]\nfd_counter=5\nfd_counter=3000000000\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct state *state;

        tempdir_write(dir, "qga.state", texts[i]);
        state = open_state(dir);
        assert_true(next_handle(state) == 3000000000);
        state_close(state);
    }
}

static void text_that_is_no_key_file_is_refused_and_kept(void **dir)
{
    static const char *const texts[] = {
        "fd_counter=1000\n",
        "[global]\nfd_counter\n",
        "[global\nfd_counter=1000\n",
        "[global]\n=5\n",
        "\177ELF",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct state *state = NULL;

        tempdir_write(dir, "qga.state", texts[i]);
        assert_int_equal(state_open(*dir, &state), -EINVAL);
        assert_null(state);
        assert_string_equal(tempdir_read(dir, "qga.state"), texts[i]);
    }
}

static void counter_at_the_end_of_int64_gives_no_number(void **dir)
{
    struct state *state;
    int64_t handle;

    tempdir_write(dir, "qga.state", "[global]\nfd_counter=9223372036854775807\n");
    state = open_state(dir);
    assert_int_equal(state_handle_next(state, &handle), -EOVERFLOW);
    state_close(state);
}

static void unusable_directory_is_reported(void **dir)
{
    struct state *state;

    assert_int_equal(state_open(tempdir_path(dir, "none"), &state), -ENOENT);
    tempdir_write(dir, "file", "");
    assert_int_equal(state_open(tempdir_path(dir, "file"), &state), -ENOTDIR);
    assert_int_equal(mkdir(tempdir_path(dir, "qga.state"), 0755), 0);
    assert_int_equal(state_open(*dir, &state), -EISDIR);
}

static void failed_write_gives_no_number_and_later_ones_work_again(void **dir)
{
    struct state *state = open_state(dir);
    int64_t handle = 7;

    /* A directory of the new file's name: nothing can be written, not even by root. */
    assert_int_equal(mkdir(tempdir_path(dir, "qga.state.new"), 0755), 0);
    assert_int_equal(state_handle_next(state, &handle), -EISDIR);
    assert_int_equal(handle, 7);
    assert_int_equal(rmdir(tempdir_path(dir, "qga.state.new")), 0);
    assert_int_equal(next_handle(state), 1000);
    state_close(state);
}

static void marker_keeps_its_text_across_openings(void **dir)
{
    struct state *state = open_state(dir);
    char text[32] = "untouched";

    assert_false(state_marker_get(state, text, sizeof(text)));
    assert_int_equal(state_marker_clear(state), 0);
    assert_int_equal(state_marker_set(state, "deadline 17"), 0);
    state_close(state);
    state = open_state(dir);
    assert_true(state_marker_get(state, NULL, 0));
    assert_true(state_marker_get(state, text, sizeof(text)));
    assert_string_equal(text, "deadline 17");
    assert_true(state_marker_get(state, text, 9));
    assert_string_equal(text, "deadline");
    assert_int_equal(state_marker_clear(state), 0);
    assert_null(tempdir_read(dir, "qga.state.isfrozen"));
    state_close(state);
}

static void nothing_is_written_at_start_and_end_while_the_marker_is_there(void **dir)
{
    struct state *state;

    tempdir_write(dir, "qga.state.isfrozen", "");
    state = open_state(dir);
    assert_null(tempdir_read(dir, "qga.state"));
    assert_int_equal(state_marker_clear(state), 0);
    assert_int_equal(next_handle(state), 1000);
    assert_int_equal(state_marker_set(state, ""), 0);
    state_close(state);
    assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=1256\n");
}

#define THREADS      4
#define HANDLES_EACH 600

static struct state *shared;
static _Atomic unsigned char given[THREADS * HANDLES_EACH];

static void *take_handles(void *arg)
{
    for (int i = 0; i < HANDLES_EACH; i++) {
        int64_t handle;

        if (state_handle_next(shared, &handle) == 0 && handle >= 1000 &&
            handle < 1000 + (int64_t)ARRAY_LEN(given))
            given[handle - 1000]++;
    }
    return arg;
}

static void threads_get_each_number_once(void **dir)
{
    pthread_t threads[THREADS];

    shared = open_state(dir);
    for (size_t i = 0; i < THREADS; i++)
        PTOK(pthread_create(&threads[i], NULL, take_handles, NULL));
    for (size_t i = 0; i < THREADS; i++)
        PTOK(pthread_join(threads[i], NULL));
    for (size_t i = 0; i < ARRAY_LEN(given); i++)
        assert_int_equal(given[i], 1);
    state_close(shared);
}

static void closing_nothing_is_fine(void **dir)
{
    state_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_TEMPDIR(new_directory_starts_at_1000_with_a_file),
        TEST_IN_TEMPDIR(numbering_goes_on_after_a_clean_end),
        TEST_IN_TEMPDIR(file_that_is_there_is_not_written_before_a_number_is_asked_for),
        TEST_IN_TEMPDIR(number_is_reserved_on_disk_before_it_is_given_out),
        TEST_IN_TEMPDIR(bad_or_missing_counter_counts_as_1000),
        TEST_IN_TEMPDIR(counter_of_any_int64_and_any_spelling_is_taken),
        TEST_IN_TEMPDIR(text_that_is_no_key_file_is_refused_and_kept),
        TEST_IN_TEMPDIR(counter_at_the_end_of_int64_gives_no_number),
        TEST_IN_TEMPDIR(unusable_directory_is_reported),
        TEST_IN_TEMPDIR(failed_write_gives_no_number_and_later_ones_work_again),
        TEST_IN_TEMPDIR(marker_keeps_its_text_across_openings),
        TEST_IN_TEMPDIR(nothing_is_written_at_start_and_end_while_the_marker_is_there),
        TEST_IN_TEMPDIR(threads_get_each_number_once),
        cmocka_unit_test(closing_nothing_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
