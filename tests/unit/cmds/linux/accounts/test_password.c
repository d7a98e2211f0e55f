/* guest-set-user-password against fake chpasswd programs; the system's own is never run. */
#include "unit/cmds/linux/reply_check.h"

#include <sys/stat.h>

/* Keeps its arguments and its input beside itself. */
#define RECORDER "#!/bin/sh\nfor a; do echo \"$a\"; done > \"$0.args\"\ncat > \"$0.in\"\n"

static void install(void **state, const char *script)
{
    mkdir(tempdir_path(state, "usr"), 0755);
    mkdir(tempdir_path(state, "usr/sbin"), 0755);
    tempdir_write(state, "usr/sbin/chpasswd", script);
    assert_int_equal(chmod(tempdir_path(state, "usr/sbin/chpasswd"), 0755), 0);
}

/* Arguments in memory that the command may write to, as in a request. */
static struct password_args *arguments(const char *user, const char *base64, bool crypted)
{
    static char username[256], password[256];
    static struct password_args args;

    snprintf(username, sizeof(username), "%s", user);
    snprintf(password, sizeof(password), "%s", base64);
    args = (struct password_args){ .username = { username, strlen(username) },
                                   .password = { password, strlen(password) },
                                   .crypted = crypted };
    return &args;
}

static void chpasswd_gets_user_and_password_on_its_input_only(void **state)
{
    install(state, RECORDER);
    assert_null(
        reply_value(cmd_set_user_password, *state, arguments("ann", "czNjcmV0OiQx", false)));
    assert_string_equal(tempdir_read(state, "usr/sbin/chpasswd.in"), "ann:s3cret:$1\n");
    assert_string_equal(tempdir_read(state, "usr/sbin/chpasswd.args"), "");
}

static void a_crypted_password_adds_the_option(void **state)
{
    install(state, RECORDER);
    assert_null(reply_value(cmd_set_user_password, *state, arguments("ann", "JDYkeA==", true)));
    assert_string_equal(tempdir_read(state, "usr/sbin/chpasswd.in"), "ann:$6$x\n");
    assert_string_equal(tempdir_read(state, "usr/sbin/chpasswd.args"), "-e\n");
}

static void white_space_in_the_base64_text_is_tolerated(void **state)
{
    install(state, RECORDER);
    assert_null(reply_value(cmd_set_user_password, *state,
                            arguments("ann", " czNj\r\ncm V0\tOiQx\n", false)));
    assert_string_equal(tempdir_read(state, "usr/sbin/chpasswd.in"), "ann:s3cret:$1\n");
}

static void the_password_is_wiped_from_the_request(void **state)
{
    struct password_args *args = arguments("ann", "czNjcmV0OiQx", false);

    install(state, RECORDER);
    assert_null(reply_value(cmd_set_user_password, *state, args));
    for (size_t i = 0; i < args->password.len; i++)
        assert_int_equal(args->password.text[i], 0);
}

static void the_password_is_wiped_when_it_is_refused_too(void **state)
{
    struct password_args *args = arguments("a:b", "czNjcmV0OiQx", false);

    reply_fails(cmd_set_user_password, *state, args, "forbidden characters in username");
    for (size_t i = 0; i < args->password.len; i++)
        assert_int_equal(args->password.text[i], 0);
}

static void what_could_end_the_line_early_is_refused_before_anything_runs(void **state)
{
    install(state, RECORDER);
    reply_fails(cmd_set_user_password, *state, arguments("ro:ot", "eA==", false),
                "forbidden characters in username");
    reply_fails(cmd_set_user_password, *state, arguments("ro\not", "eA==", false),
                "forbidden characters in username");
    reply_fails(cmd_set_user_password, *state, arguments("root", "YQpi", false),
                "forbidden characters in raw password");
    reply_fails(cmd_set_user_password, *state, arguments("root", "YQBi", false),
                "forbidden characters in raw password");
    reply_fails(cmd_set_user_password, *state, arguments("root", "!!!!", false),
                "Base64 data contains invalid characters");
    assert_null(tempdir_read(state, "usr/sbin/chpasswd.in"));
}

static void a_machine_without_chpasswd_says_so(void **state)
{
    reply_fails(cmd_set_user_password, *state, arguments("ann", "eA==", false),
                "cannot set user password: chpasswd is not installed");
}

static void chpasswds_words_and_status_are_in_the_error(void **state)
{
    install(state, "#!/bin/sh\ncat > /dev/null\necho one >&2\n"
                   "echo 'chpasswd: cannot lock /etc/passwd; try again later.' >&2\nexit 5\n");
    reply_fails(cmd_set_user_password, *state, arguments("ann", "eA==", false),
                "chpasswd failed to set user password: exit status 5: one\n"
                "chpasswd: cannot lock /etc/passwd; try again later.");
}

static void of_many_words_the_last_kibibyte_is_in_the_error(void **state)
{
    char expected[1200];

    install(state, "#!/bin/sh\nhead -c 3000 /dev/zero | tr '\\0' x\necho; echo end\nexit 1\n");
    memset(expected, 'x', sizeof(expected));
    memcpy(expected, "chpasswd failed to set user password: exit status 1: ", 53);
    strcpy(expected + 53 + 1024 - 4, "\nend");
    reply_fails(cmd_set_user_password, *state, arguments("ann", "eA==", false), expected);
}

/* SELinux lets it read a pipe of the agent's, and no file of the agent's memory. */
static void chpasswds_input_is_a_pipe(void **state)
{
    install(state, "#!/bin/sh\n[ -p /dev/stdin ] || { echo no pipe; exit 1; }\ncat > /dev/null\n");
    assert_null(reply_value(cmd_set_user_password, *state, arguments("ann", "eA==", false)));
}

static void chpasswd_elsewhere_is_found_in_the_agents_path(void **state)
{
    CLEANUP(free_ptr) char *saved = strdup(getenv("PATH"));

    mkdir(tempdir_path(state, "run"), 0755);
    mkdir(tempdir_path(state, "run/sw"), 0755);
    tempdir_write(state, "run/sw/chpasswd", RECORDER);
    assert_int_equal(chmod(tempdir_path(state, "run/sw/chpasswd"), 0755), 0);
    setenv("PATH", "/no/such:run/sw::/run/sw:/bin:/usr/bin", 1);
    assert_null(reply_value(cmd_set_user_password, *state, arguments("ann", "eA==", false)));
    setenv("PATH", saved, 1);
    assert_string_equal(tempdir_read(state, "run/sw/chpasswd.in"), "ann:x\n");
}

static void a_silent_failure_gives_the_status_alone(void **state)
{
    install(state, "#!/bin/sh\nexit 1\n");
    reply_fails(cmd_set_user_password, *state, arguments("ann", "eA==", false),
                "chpasswd failed to set user password: exit status 1");
}

static void an_end_by_a_signal_is_a_failure(void **state)
{
    install(state, "#!/bin/sh\nkill -9 $$\n");
    reply_fails(cmd_set_user_password, *state, arguments("ann", "eA==", false),
                "chpasswd failed to set user password: signal 9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_TEMPDIR(chpasswd_gets_user_and_password_on_its_input_only),
        TEST_IN_TEMPDIR(a_crypted_password_adds_the_option),
        TEST_IN_TEMPDIR(white_space_in_the_base64_text_is_tolerated),
        TEST_IN_TEMPDIR(the_password_is_wiped_from_the_request),
        TEST_IN_TEMPDIR(the_password_is_wiped_when_it_is_refused_too),
        TEST_IN_TEMPDIR(what_could_end_the_line_early_is_refused_before_anything_runs),
        TEST_IN_TEMPDIR(a_machine_without_chpasswd_says_so),
        TEST_IN_TEMPDIR(chpasswds_words_and_status_are_in_the_error),
        TEST_IN_TEMPDIR(of_many_words_the_last_kibibyte_is_in_the_error),
        TEST_IN_TEMPDIR(chpasswds_input_is_a_pipe),
        TEST_IN_TEMPDIR(chpasswd_elsewhere_is_found_in_the_agents_path),
        TEST_IN_TEMPDIR(a_silent_failure_gives_the_status_alone),
        TEST_IN_TEMPDIR(an_end_by_a_signal_is_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
