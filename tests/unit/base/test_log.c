#include "base/log.h"

#include "unit/tempdir.h"

#include <pthread.h>
#include <regex.h>
#include <sys/stat.h>
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
    log_warn("name '%s'", "a\n1.000000: critical: b\x1b[2J\x7f \xc3\xa9 \xc2\x9b \\");
    assert_int_equal(count_lines(tempdir_read(dir, "log")), 1);
    assert_non_null(
        strstr(tempdir_read(dir, "log"),
               "name 'a\\x0a1.000000: critical: b\\x1b[2J\\x7f \xc3\xa9 \\xc2\\x9b \\\\'\n"));
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
    snprintf(last, sizeof(last), "log: %zu lines dropped, they could not be written in time\n",
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

/* --- a thread writes ------------------------------------------------------------------------- */

/* Waits for a text in the log. */
static const char *await(void **dir, const char *name, const char *text)
{
    const char *content;

    for (int i = 0; i < 20000; i++) {
        content = tempdir_read(dir, name);
        if (content && strstr(content, text))
            return content;
        usleep(1000);
    }
    fail_msg("no '%s' in the log", text);
    return NULL;
}

static void thread_writes_in_order_and_all_at_the_end(void **dir)
{
    start_log(dir, false);
    log_start();
    log_warn("first");
    await(dir, "log", "first\n");
    for (int i = 0; i < 300; i++)
        log_warn("line %d", i);
    log_done();
    assert_int_equal(count_lines(tempdir_read(dir, "log")), 301);
    assert_non_null(strstr(tempdir_read(dir, "log"), "line 298\n"));
    assert_non_null(strstr(tempdir_read(dir, "log"), "line 299\n"));
}

static void held_lines_are_written_by_the_thread(void **dir)
{
    start_log(dir, false);
    log_start();
    log_warn("before");
    log_flush();
    log_hold();
    log_warn("held");
    log_flush(); /* does not wait for what is held */
    assert_int_equal(count_lines(tempdir_read(dir, "log")), 1);
    log_release();
    await(dir, "log", "held\n");
    log_done();
}

static void reopen_is_done_by_the_thread(void **dir)
{
    start_log(dir, false);
    log_start();
    log_warn("first");
    log_flush();
    assert_int_equal(rename(tempdir_path(dir, "log"), tempdir_path(dir, "log.1")), 0);
    log_reopen();
    log_warn("second");
    await(dir, "log", "second\n");
    assert_int_equal(count_lines(tempdir_read(dir, "log.1")), 1);
    log_done();
}

/* All that is in the pipe, until it ends with `text`. */
static void read_until(int fd, struct buf *all, const char *text)
{
    alarm(20);
    do {
        char *room = buf_reserve(all, 4096);
        ssize_t n = read(fd, room, 4096);

        assert_true(n > 0);
        all->len += (size_t)n;
    } while (!strstr(buf_terminate(all), text));
    alarm(0);
}

/* Whole lines, and those that lines say are missing. */
static unsigned long lines_accounted_for(const char *text)
{
    unsigned long lines = 0, dropped;

    for (const char *end; text && (end = strchr(text, '\n')); text = end + 1)
        lines += sscanf(text, "%*u.%*u: warning: log: %lu", &dropped) == 1 ? dropped : 1;
    return lines;
}

/* As a terminal that was stopped, or a FIFO that nobody empties. Each line returns at once, or the
 * test would never end: no line can be written before this thread reads. */
static void assert_never_waits(int reader)
{
    CLEANUP(buf_done) struct buf all = { 0 };

    for (int i = 0; i < 10000; i++)
        log_warn("line %d of a host that asks and asks and asks", i);
    log_hold();
    log_release();
    while (lines_accounted_for(buf_terminate(&all)) < 10000)
        read_until(reader, &all, "");
    assert_int_equal(lines_accounted_for(all.data), 10000);
    assert_non_null(strstr(all.data, "warning: line 0 of"));
    assert_non_null(strstr(all.data, "lines dropped, they could not be written in time\n"));
    log_warn("better");
    read_until(reader, &all, "warning: better\n");
}

static void reader_of_stderr_that_stands_still_stops_nobody(void **dir)
{
    int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    int pipe[2];

    assert_int_equal(pipe2(pipe, O_CLOEXEC), 0);
    assert_int_equal(dup2(pipe[1], STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(log_init(NULL, false), 0);
    log_start();
    assert_never_waits(pipe[0]);
    log_done();
    dup2(saved, STDERR_FILENO);
    fd_close(saved);
    fd_close(pipe[0]);
    fd_close(pipe[1]);
}

static void fifo_that_nobody_reads_stops_nobody(void **dir)
{
    CLEANUP(buf_done) struct buf all = { 0 };
    int fd;

    assert_int_equal(mkfifo(tempdir_path(dir, "log"), 0600), 0);
    start_log(dir, false);
    log_start();
    log_warn("line 0 of those that came before there was a reader");
    log_flush();
    fd = open(tempdir_path(dir, "log"), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    read_until(fd, &all, "a reader\n");
    assert_never_waits(fd);
    log_done();
    fd_close(fd);
}

/* Before there is a thread, what does not fit into the pipe is counted, too. */
static void start_does_not_wait_for_the_reader_of_stderr(void **dir)
{
    CLEANUP(buf_done) struct buf all = { 0 };
    int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    int pipe[2];

    assert_int_equal(pipe2(pipe, O_CLOEXEC), 0);
    assert_int_equal(dup2(pipe[1], STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(log_init(NULL, false), 0);
    for (int i = 0; i < 3000; i++)
        log_warn("line %d", i);
    assert_true(read(pipe[0], buf_reserve(&all, 64 * KIB), 64 * KIB) > 0);
    log_warn("better");
    read_until(pipe[0], &all, "warning: better\n");
    assert_non_null(strstr(all.data, "lines dropped"));
    dup2(saved, STDERR_FILENO);
    fd_close(saved);
    fd_close(pipe[0]);
    fd_close(pipe[1]);
}

/* /dev/full is a disk without room: lines are lost, and counted once there is some. */
static void lines_that_a_full_disk_refuses_are_counted(void **dir)
{
    assert_int_equal(symlink("/dev/full", tempdir_path(dir, "log")), 0);
    start_log(dir, false);
    log_warn("one");
    log_warn("two");
    assert_int_equal(unlink(tempdir_path(dir, "log")), 0);
    log_reopen();
    assert_non_null(strstr(tempdir_read(dir, "log"), "log: 2 lines dropped"));
    log_warn("three");
    assert_int_equal(count_lines(tempdir_read(dir, "log")), 2);
    log_done();
}

static void log_file_is_for_its_owner_and_group(void **dir)
{
    mode_t mask = umask(0);
    struct stat st;

    start_log(dir, false);
    umask(mask);
    assert_int_equal(stat(tempdir_path(dir, "log"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    log_done();
}

static void *log_often(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_warn("a line that is whole");
    return arg;
}

static void log_from_several_threads(void **dir, bool by_thread)
{
    pthread_t threads[4];

    start_log(dir, false);
    if (by_thread)
        log_start();
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        PTOK(pthread_create(&threads[i], NULL, log_often, NULL));
    for (int i = 0; i < 50; i++) {
        log_hold();
        log_release();
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        PTOK(pthread_join(threads[i], NULL));
    log_done();
}

/* Whole, and there or counted, when the disk is slower than they are. */
static void assert_all_lines(void **dir)
{
    const char *text = tempdir_read(dir, "log");

    assert_true(
        matches(text, "^([0-9]+\\.[0-9]{6}: warning: (a line that is whole|log: .* in time)\n)*$"));
    assert_int_equal(lines_accounted_for(text), 4 * 500);
}

static void lines_of_several_threads_stay_whole(void **dir)
{
    log_from_several_threads(dir, false);
    assert_all_lines(dir);
}

static void lines_of_several_threads_are_all_written_by_the_thread(void **dir)
{
    log_from_several_threads(dir, true);
    assert_all_lines(dir);
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
        TEST_IN_TEMPDIR(thread_writes_in_order_and_all_at_the_end),
        TEST_IN_TEMPDIR(held_lines_are_written_by_the_thread),
        TEST_IN_TEMPDIR(reopen_is_done_by_the_thread),
        TEST_IN_TEMPDIR(reader_of_stderr_that_stands_still_stops_nobody),
        TEST_IN_TEMPDIR(fifo_that_nobody_reads_stops_nobody),
        TEST_IN_TEMPDIR(start_does_not_wait_for_the_reader_of_stderr),
        TEST_IN_TEMPDIR(lines_that_a_full_disk_refuses_are_counted),
        TEST_IN_TEMPDIR(log_file_is_for_its_owner_and_group),
        TEST_IN_TEMPDIR(lines_of_several_threads_are_all_written_by_the_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
