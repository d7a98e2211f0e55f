#include "base/state.h"

#include "unit/tempdir.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
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

static void junk_is_set_aside_and_numbering_starts_anew(void **dir)
{
    static const char *const texts[] = {
        "fd_counter=1000\n",
        "[global]\nfd_counter\n",
        "[global\nfd_counter=1000\n",
        "[global]\n=5\n",
        "\177ELF",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct state *state;

        tempdir_write(dir, "qga.state", texts[i]);
        state = open_state(dir);
        assert_string_equal(tempdir_read(dir, "qga.state.bad"), texts[i]);
        assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=1000\n");
        assert_int_equal(next_handle(state), 1000);
        state_close(state);
        unlink(tempdir_path(dir, "qga.state.bad"));
    }
}

static void zeros_of_a_crash_are_set_aside(void **dir)
{
    static const char zeros[512];
    int fd = open(tempdir_path(dir, "qga.state"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
    close(fd);
    state_close(open_state(dir));
    assert_non_null(tempdir_read(dir, "qga.state.bad"));
    assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=1000\n");
}

/* Directories (not empty), FIFOs and links where files should be: nothing waits, nothing is
 * followed. */
static void whatever_has_a_name_of_ours_is_set_aside(void **dir)
{
    static const char *const names[] = { "qga.state", "qga.state.new", "qga.state.isfrozen",
                                         "qga.state.room" };
    static const char *const kinds[] = { "directory", "fifo", "link" };

    tempdir_write(dir, "victim", "precious");
    for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
        struct state *state;

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            char name[256], inside[512];

            snprintf(name, sizeof(name), "%s", tempdir_path(dir, names[i]));
            snprintf(inside, sizeof(inside), "%s/x", name);
            if (kind == 0)
                assert_true(mkdir(name, 0700) == 0 && mkdir(inside, 0700) == 0);
            else if (kind == 1)
                assert_int_equal(mkfifo(name, 0600), 0);
            else
                assert_int_equal(symlink("victim", name), 0);
        }
        state = open_state(dir);
        assert_false(state_marker_get(state, NULL, 0));
        assert_int_equal(next_handle(state), 1000);
        assert_int_equal(state_marker_set(state, "text"), 0);
        assert_true(state_marker_get(state, NULL, 0));
        assert_int_equal(state_marker_clear(state), 0);
        state_close(state);
        assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=1001\n");
        assert_string_equal(tempdir_read(dir, "victim"), "precious");
        unlink(tempdir_path(dir, "qga.state"));
    }
}

static void a_marker_of_another_user_is_none(void **dir)
{
    struct state *state;

    if (geteuid() != 0)
        skip();
    tempdir_write(dir, "qga.state.isfrozen", "");
    assert_int_equal(chown(tempdir_path(dir, "qga.state.isfrozen"), 65534, 65534), 0);
    tempdir_write(dir, "qga.state", "[global]\nfd_counter=7\n");
    assert_int_equal(chown(tempdir_path(dir, "qga.state"), 65534, 65534), 0);
    state = open_state(dir);
    assert_false(state_marker_get(state, NULL, 0));
    assert_int_equal(next_handle(state), 1000);
    assert_non_null(tempdir_read(dir, "qga.state.isfrozen.bad"));
    state_close(state);
}

static void the_marker_has_its_room_since_the_start(void **dir)
{
    struct state *state = open_state(dir);
    char text[STATE_MARKER_MAX];

    assert_non_null(tempdir_read(dir, "qga.state.room"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(state_marker_set(state, "deadline"), 0);
        assert_null(tempdir_read(dir, "qga.state.room"));
        assert_true(state_marker_get(state, text, sizeof(text)));
        assert_string_equal(text, "deadline");
        assert_int_equal(state_marker_set(state, "another"), 0);
        assert_true(state_marker_get(state, text, sizeof(text)));
        assert_string_equal(text, "another");
        assert_int_equal(state_marker_clear(state), 0);
        assert_non_null(tempdir_read(dir, "qga.state.room"));
    }
    assert_int_equal(unlink(tempdir_path(dir, "qga.state.room")), 0);
    assert_int_equal(state_marker_set(state, "new"), 0);
    assert_int_equal(state_marker_clear(state), 0);
    state_close(state);
    assert_null(tempdir_read(dir, "qga.state.room"));
}

/* A tmpfs of our own, filled to the last byte. */
static void a_full_disk_takes_the_marker_all_the_same(void **dir)
{
    char place[256], filler[300], block[4096] = { 0 };
    struct state *state;
    int fd;

    snprintf(place, sizeof(place), "%s", tempdir_path(dir, "full"));
    if (mkdir(place, 0700) < 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", place, "tmpfs", 0, "size=64k") < 0)
        skip();
    assert_int_equal(state_open(place, &state), 0);
    snprintf(filler, sizeof(filler), "%s/filler", place);
    fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, block, sizeof(block)) > 0)
        ;
    close(fd);
    for (int i = 0; i < 600; i++)
        assert_int_equal(next_handle(state), 1000 + i);
    for (int i = 0; i < 2; i++) {
        char text[32];

        assert_int_equal(state_marker_set(state, "deadline 17"), 0);
        assert_true(state_marker_get(state, text, sizeof(text)));
        assert_string_equal(text, "deadline 17");
        assert_int_equal(state_marker_clear(state), 0);
    }
    state_close(state);
    assert_int_equal(state_open(place, &state), 0); /* no room now: an empty marker has to do */
    assert_int_equal(state_marker_set(state, "deadline 17"), 0);
    assert_true(state_marker_get(state, NULL, 0));
    assert_int_equal(state_marker_clear(state), 0);
    state_close(state);
    assert_int_equal(mount(NULL, place, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    assert_int_equal(state_open(place, &state), 0);
    assert_true(state_marker_set(state, "") < 0);
    for (int i = 0; i < 600; i++)
        next_handle(state);
    state_close(state);
    assert_int_equal(umount2(place, MNT_DETACH), 0);
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

static void a_missing_directory_is_done_without_until_it_is_there(void **dir)
{
    struct state *state;
    char place[256];

    snprintf(place, sizeof(place), "%s", tempdir_path(dir, "none"));
    tempdir_write(dir, "none", "a file");
    assert_int_equal(state_open(place, &state), 0);
    assert_int_equal(next_handle(state), 1000);
    assert_false(state_marker_get(state, NULL, 0));
    assert_int_equal(state_marker_set(state, ""), -ENOTDIR);
    assert_int_equal(state_marker_clear(state), 0);
    assert_int_equal(unlink(place), 0);
    assert_int_equal(state_marker_set(state, ""), -ENOENT);
    assert_int_equal(mkdir(place, 0700), 0);
    assert_int_equal(state_marker_set(state, ""), 0);
    assert_true(state_marker_get(state, NULL, 0));
    assert_int_equal(state_marker_clear(state), 0);
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

/* The end beside threads that are stuck: they may take numbers yet. */
static void a_sync_writes_the_exact_number_and_ends_nothing(void **dir)
{
    struct state *state = open_state(dir);

    assert_int_equal(next_handle(state), 1000);
    state_sync(state);
    assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=1001\n");
    assert_int_equal(next_handle(state), 1001);
    assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=1257\n");
    state_close(state);
    assert_string_equal(tempdir_read(dir, "qga.state"), "[global]\nfd_counter=1002\n");
}

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
        TEST_IN_TEMPDIR(junk_is_set_aside_and_numbering_starts_anew),
        TEST_IN_TEMPDIR(counter_at_the_end_of_int64_gives_no_number),
        TEST_IN_TEMPDIR(a_missing_directory_is_done_without_until_it_is_there),
        TEST_IN_TEMPDIR(zeros_of_a_crash_are_set_aside),
        TEST_IN_TEMPDIR(whatever_has_a_name_of_ours_is_set_aside),
        TEST_IN_TEMPDIR(a_marker_of_another_user_is_none),
        TEST_IN_TEMPDIR(the_marker_has_its_room_since_the_start),
        TEST_IN_TEMPDIR(a_full_disk_takes_the_marker_all_the_same),
        TEST_IN_TEMPDIR(marker_keeps_its_text_across_openings),
        TEST_IN_TEMPDIR(nothing_is_written_at_start_and_end_while_the_marker_is_there),
        TEST_IN_TEMPDIR(a_sync_writes_the_exact_number_and_ends_nothing),
        TEST_IN_TEMPDIR(threads_get_each_number_once),
        cmocka_unit_test(closing_nothing_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
