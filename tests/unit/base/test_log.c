#include "base/log.h"

#include "unit/tempdir.h"

#include <pthread.h>
#include <regex.h>
#include <time.h>

static void start_log(void **dir, bool verbose)
{
    assert_int_equal(log_init(tempdir_path(dir, "log"), verbose), 0);
}

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    int r;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    r = regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    return r == 0;
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;

    while ((text = strchr(text, '\n'))) {
        lines++;
        text++;
    }
    return lines;
}

static void line_has_seconds_six_digits_level_and_text(void **dir)
{
    start_log(dir, true);
    log_err("error opening channel '%s': %s", "P", "No such file or directory");
    log_warn("two");
    log_info("three");
    log_debug("received signal num %d, quitting", 15);
    assert_true(matches(tempdir_read(dir, "log"),
                        "^[0-9]{9,}\\.[0-9]{6}: critical: error opening channel 'P': No such file "
                        "or directory\n[0-9]+\\.[0-9]{6}: warning: two\n"
                        "[0-9]+\\.[0-9]{6}: info: three\n"
                        "[0-9]+\\.[0-9]{6}: debug: received signal num 15, quitting\n$"));
    log_done();
}

static void time_of_a_line_is_now(void **dir)
{
    time_t before = time(NULL), logged;

    start_log(dir, false);
    log_err("now");
    logged = (time_t)strtoll(tempdir_read(dir, "log"), NULL, 10);
    assert_in_range(logged, before, time(NULL));
    log_done();
}

static void only_critical_and_warning_without_verbose(void **dir)
{
    start_log(dir, false);
    assert_false(log_verbose());
    log_err("one");
    log_warn("two");
    log_info("three");
    log_debug("four");
    log_audit("five");
    assert_int_equal(count_lines(tempdir_read(dir, "log")), 2);
    log_done();
}

static void audit_line_is_an_info_line_of_a_verbose_log(void **dir)
{
    start_log(dir, true);
    assert_true(log_verbose());
    log_audit("guest-fsfreeze called");
    assert_true(matches(tempdir_read(dir, "log"), "^[0-9.]+: info: guest-fsfreeze called\n$"));
    log_done();
}

static void log_is_appended_to(void **dir)
{
    tempdir_write(dir, "log", "old\n");
    start_log(dir, false);
    log_err("new");
    assert_true(matches(tempdir_read(dir, "log"), "^old\n[0-9.]+: critical: new\n$"));
    log_done();
}

static void control_characters_cannot_forge_a_line(void **dir)
{
    start_log(dir, false);
    log_warn("name '%s'", "a\n1.000000: critical: b\x1b[2J\x7f \xc3\xa9");
    assert_int_equal(count_lines(tempdir_read(dir, "log")), 1);
    assert_non_null(strstr(tempdir_read(dir, "log"),
                           "name 'a\\x0a1.000000: critical: b\\x1b[2J\\x7f \xc3\xa9'\n"));
    log_done();
}

static void endless_text_is_cut_to_one_line(void **dir)
{
    char text[10000];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    start_log(dir, false);
    log_warn("%s", text);
    assert_int_equal(count_lines(tempdir_read(dir, "log")), 1);
    assert_in_range(strlen(tempdir_read(dir, "log")), 2000, 2200);
    log_done();
}

static void file_that_cannot_be_opened_is_an_error(void **dir)
{
    assert_int_equal(log_init(tempdir_path(dir, "none/log"), false), -ENOENT);
    assert_int_equal(log_init(*dir, false), -EISDIR);
    log_done();
}

static void reopen_follows_a_rotated_file(void **dir)
{
    start_log(dir, false);
    log_err("first");
    assert_int_equal(rename(tempdir_path(dir, "log"), tempdir_path(dir, "log.1")), 0);
    log_err("second");
    log_reopen();
    log_err("third");
    assert_int_equal(count_lines(tempdir_read(dir, "log.1")), 2);
    assert_true(matches(tempdir_read(dir, "log"), "^[0-9.]+: critical: third\n$"));
    log_done();
}

static void failed_reopen_keeps_the_old_file_and_says_so(void **dir)
{
    start_log(dir, false);
    assert_int_equal(rename(tempdir_path(dir, "log"), tempdir_path(dir, "log.1")), 0);
    assert_int_equal(symlink("log", tempdir_path(dir, "log")), 0);
    log_reopen();
    log_err("still here");
    assert_true(matches(tempdir_read(dir, "log.1"), "^[0-9.]+: warning: log: cannot open '.*': .*\n"
                                                    "[0-9.]+: critical: still here\n$"));
    log_done();
}

static void held_lines_come_in_order_with_the_time_they_were_made(void **dir)
{
    start_log(dir, true);
    log_err("before");
    log_hold();
    log_warn("held 1");
    log_audit("held 2");
    assert_int_equal(count_lines(tempdir_read(dir, "log")), 1);
    log_release();
    log_err("after");
    assert_true(
        matches(tempdir_read(dir, "log"),
                "critical: before\n.*warning: held 1\n.*info: held 2\n.*critical: after\n$"));
    log_done();
}

static void full_hold_keeps_the_oldest_and_counts_the_rest(void **dir)
{
    const char *text;
    size_t lines;
    char last[64];

    start_log(dir, false);
    log_hold();
    for (int i = 0; i < 5000; i++)
        log_warn("line %d", i);
    log_release();
    text = tempdir_read(dir, "log");
    lines = count_lines(text);
    assert_in_range(strlen(text), 50000, 70000);
    assert_non_null(strstr(text, "warning: line 0\n"));
    snprintf(last, sizeof(last), "warning: line %zu\n", lines - 2);
    assert_non_null(strstr(text, last));
    snprintf(last, sizeof(last), "log: %zu lines dropped while filesystems were frozen\n",
             5000 - (lines - 1));
    assert_non_null(strstr(text, last));
    log_hold();
    log_warn("afterwards");
    log_release();
    assert_int_equal(count_lines(tempdir_read(dir, "log")), lines + 1);
    log_done();
}

static void reopen_and_open_while_held_wait_for_the_release(void **dir)
{
    start_log(dir, false);
    log_hold();
    assert_int_equal(rename(tempdir_path(dir, "log"), tempdir_path(dir, "log.1")), 0);
    log_err("held");
    log_reopen();
    assert_null(tempdir_read(dir, "log"));
    log_release();
    assert_int_equal(count_lines(tempdir_read(dir, "log")), 1);
    log_hold();
    assert_int_equal(log_init(tempdir_path(dir, "other"), false), 0);
    log_err("held again");
    assert_null(tempdir_read(dir, "other"));
    log_release();
    assert_int_equal(count_lines(tempdir_read(dir, "other")), 1);
    log_done();
}

static void *log_often(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_warn("a line that is whole");
    return arg;
}

static void lines_of_several_threads_stay_whole(void **dir)
{
    pthread_t threads[4];

    start_log(dir, false);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        PTOK(pthread_create(&threads[i], NULL, log_often, NULL));
    for (int i = 0; i < 50; i++) {
        log_hold();
        log_release();
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        PTOK(pthread_join(threads[i], NULL));
    assert_int_equal(count_lines(tempdir_read(dir, "log")), 4 * 500);
    assert_true(matches(tempdir_read(dir, "log"),
                        "^([0-9]+\\.[0-9]{6}: warning: a line that is whole\n)*$"));
    log_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_TEMPDIR(line_has_seconds_six_digits_level_and_text),
        TEST_IN_TEMPDIR(time_of_a_line_is_now),
        TEST_IN_TEMPDIR(only_critical_and_warning_without_verbose),
        TEST_IN_TEMPDIR(audit_line_is_an_info_line_of_a_verbose_log),
        TEST_IN_TEMPDIR(log_is_appended_to),
        TEST_IN_TEMPDIR(control_characters_cannot_forge_a_line),
        TEST_IN_TEMPDIR(endless_text_is_cut_to_one_line),
        TEST_IN_TEMPDIR(file_that_cannot_be_opened_is_an_error),
        TEST_IN_TEMPDIR(reopen_follows_a_rotated_file),
        TEST_IN_TEMPDIR(failed_reopen_keeps_the_old_file_and_says_so),
        TEST_IN_TEMPDIR(held_lines_come_in_order_with_the_time_they_were_made),
        TEST_IN_TEMPDIR(full_hold_keeps_the_oldest_and_counts_the_rest),
        TEST_IN_TEMPDIR(reopen_and_open_while_held_wait_for_the_release),
        TEST_IN_TEMPDIR(lines_of_several_threads_stay_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
