/* guest-get-users from utmp files written here. */
#include "cmds/linux/accounts/users_utmp.h"

#include "unit/cmds/linux/reply_check.h"

#include <sys/stat.h>
#include <utmpx.h>

static void append_record(struct buf *file, short type, const char *user, int sec, int usec)
{
    struct utmpx record = { .ut_type = type };

    memcpy(record.ut_user, user, MIN_OF(strlen(user), sizeof(record.ut_user)));
    record.ut_tv.tv_sec = (__typeof__(record.ut_tv.tv_sec))sec;
    record.ut_tv.tv_usec = usec;
    buf_append(file, &record, sizeof(record));
}

static void write_utmp(void **state, struct buf *file, size_t len)
{
    int fd;

    mkdir(tempdir_path(state, "var"), 0755);
    mkdir(tempdir_path(state, "var/run"), 0755);
    fd = open(tempdir_path(state, "var/run/utmp"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, file->data, len), 0);
    fd_close(fd);
    buf_done(file);
}

static double login_time(struct json_object *value, const char *pointer)
{
    struct json_object *time = value_at(value, pointer);

    assert_non_null(time);
    assert_int_equal(json_object_get_type(time), json_type_double);
    return json_object_get_double(time);
}

static void each_user_is_listed_once_with_the_earliest_login(void **state)
{
    struct buf file = { 0 };
    struct json_object *value;

    append_record(&file, BOOT_TIME, "reboot", 1500000000, 0);
    append_record(&file, USER_PROCESS, "ann", 1600000500, 0);
    append_record(&file, USER_PROCESS, "bob", 1600000100, 250000);
    append_record(&file, USER_PROCESS, "ann", 1600000000, 250000);
    append_record(&file, USER_PROCESS, "ann", 1600000900, 0);
    append_record(&file, DEAD_PROCESS, "eve", 1600000000, 0);
    write_utmp(state, &file, file.len);
    value = reply_value(cmd_get_users, *state, NULL);
    check_count(value, "", 2);
    check_str(value, "/0/user", "ann");
    assert_true(login_time(value, "/0/login-time") == 1600000000.25);
    check_str(value, "/1/user", "bob");
    assert_true(login_time(value, "/1/login-time") == 1600000100.25);
    check_absent(value, "/0/domain");
    json_object_put(value);
}

static void a_name_that_fills_its_field_is_taken_whole(void **state)
{
    const char name[] = "abcdefghijklmnopqrstuvwxyz012345";
    struct buf file = { 0 };
    struct json_object *value;

    assert_int_equal(strlen(name), sizeof(((struct utmpx *)NULL)->ut_user));
    append_record(&file, USER_PROCESS, name, 5, 0);
    write_utmp(state, &file, file.len);
    value = reply_value(cmd_get_users, *state, NULL);
    check_str(value, "/0/user", name);
    json_object_put(value);
}

static void a_record_cut_short_is_ignored(void **state)
{
    struct buf file = { 0 };
    struct json_object *value;

    append_record(&file, USER_PROCESS, "ann", 5, 0);
    append_record(&file, USER_PROCESS, "bob", 5, 0);
    write_utmp(state, &file, file.len - 1);
    value = reply_value(cmd_get_users, *state, NULL);
    check_count(value, "", 1);
    json_object_put(value);
}

static void a_machine_without_utmp_has_no_users(void **state)
{
    struct json_object *value = reply_value(cmd_get_users, *state, NULL);

    check_count(value, "", 0);
    json_object_put(value);
}

static void a_utmp_that_cannot_be_read_is_an_error(void **state)
{
    mkdir(tempdir_path(state, "var"), 0755);
    mkdir(tempdir_path(state, "var/run"), 0755);
    mkdir(tempdir_path(state, "var/run/utmp"), 0755);
    reply_fails(cmd_get_users, *state, NULL, "failed to read /var/run/utmp: Is a directory");
}

/* As those of logind, which come first. */
static void logins_of_two_sources_are_united(void **state)
{
    struct user_list list = { 0 };
    struct buf file = { 0 };
    struct sysroot root;

    assert_int_equal(sysroot_init(&root, *state), 0);
    append_record(&file, USER_PROCESS, "ann", 1600000500, 0);
    append_record(&file, USER_PROCESS, "bob", 1600000100, 0);
    append_record(&file, USER_PROCESS, "zoe", 1600000200, 0);
    write_utmp(state, &file, file.len);
    assert_int_equal(user_list_add(&list, "ann", 1600000000000000), 0);
    assert_int_equal(user_list_add(&list, "bob", 1600000300000000), 0);
    assert_int_equal(users_add_utmp(&root, &list), 0);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.items[0].login_usec, 1600000000000000);
    assert_int_equal(list.items[1].login_usec, 1600000100000000);
    assert_string_equal(list.items[2].name, "zoe");
    user_list_done(&list);
}

static void the_list_is_bounded(void **state)
{
    struct user_list list = { 0 };

    for (int i = 0; i < USER_LIST_MAX + 10; i++) {
        char name[32];

        snprintf(name, sizeof(name), "user%d", i);
        assert_int_equal(user_list_add(&list, name, i), 0);
    }
    assert_int_equal(list.count, USER_LIST_MAX);
    user_list_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_TEMPDIR(each_user_is_listed_once_with_the_earliest_login),
        TEST_IN_TEMPDIR(a_name_that_fills_its_field_is_taken_whole),
        TEST_IN_TEMPDIR(a_record_cut_short_is_ignored),
        TEST_IN_TEMPDIR(a_machine_without_utmp_has_no_users),
        TEST_IN_TEMPDIR(a_utmp_that_cannot_be_read_is_an_error),
        TEST_IN_TEMPDIR(logins_of_two_sources_are_united),
        cmocka_unit_test(the_list_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
