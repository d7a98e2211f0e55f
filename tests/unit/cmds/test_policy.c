#include "base/log.h"
#include "unit/cmds/fixture.h"
#include "unit/tempdir.h"

static bool allows(const char *const *allow, const char *const *block, const char *name)
{
    const struct policy_config config = { profile_open, allow, block };
    struct policy *policy = policy_new(&all_commands, &config);
    bool allowed = policy_allows(policy, command_find(name, strlen(name)));

    assert_null(policy_free(policy));
    return allowed;
}

static void without_lists_everything_is_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < all_commands.count; i++)
        assert_true(allows(NULL, NULL, all_commands.rows[i].name));
}

static void an_allow_list_refuses_everything_else_even_if_empty(void **state)
{
    const char *const allow[] = { "guest-ping", "guest-info", NULL };
    const char *const none[] = { NULL };

    (void)state;
    assert_true(allows(allow, NULL, "guest-ping"));
    assert_true(allows(allow, NULL, "guest-info"));
    assert_false(allows(allow, NULL, "guest-exec"));
    assert_false(allows(none, NULL, "guest-ping"));
}

static void the_block_list_wins_over_the_allow_list(void **state)
{
    const char *const allow[] = { "guest-ping", "guest-exec", NULL };
    const char *const block[] = { "guest-exec", NULL };

    (void)state;
    assert_false(allows(allow, block, "guest-exec"));
    assert_true(allows(allow, block, "guest-ping"));
    assert_false(allows(NULL, block, "guest-exec"));
    assert_true(allows(NULL, block, "guest-exec-status"));
}

/* What a policy of this profile and block list allows beyond another one. */
static const char *beyond(unsigned classes, const char *blocked, unsigned other_classes,
                          const char *other_blocked)
{
    const char *const block[] = { blocked, NULL }, *const other_block[] = { other_blocked, NULL };
    struct policy *policy = policy_new(
        &all_commands, &(struct policy_config){ .profile = { classes, NULL }, .block = block });
    struct policy *other =
        policy_new(&all_commands, &(struct policy_config){ .profile = { other_classes, NULL },
                                                           .block = other_block });
    const char *what = policy_beyond(policy, other);

    policy_free(policy);
    policy_free(other);
    return what;
}

static void what_a_policy_allows_beyond_another_is_named(void **state)
{
    (void)state;
    assert_null(beyond(CLASS_AUDIT, "x", CLASS_AUDIT, "x"));
    assert_null(beyond(CLASS_AUDIT, "guest-get-time", CLASS_AUDIT | CLASS_EXEC, "x"));
    assert_string_equal(beyond(CLASS_EXEC, "x", CLASS_EXEC, "guest-exec"), "guest-exec");
    assert_string_equal(beyond(CLASS_EXEC, "guest-exec", CLASS_EXEC, "guest-exec-status"),
                        "guest-exec-status");
    /* the same commands, but files may be opened for writing */
    assert_non_null(beyond(CLASS_FILE_READ | CLASS_FILE_WRITE, "guest-file-write", CLASS_FILE_READ,
                           "guest-file-write"));
}

static void names_are_exact_and_unknown_ones_do_nothing(void **state)
{
    const char *const block[] = { "",        "Guest-Ping", "guest-pin", "guest-pings",
                                  "guest-*", "nope",       NULL };

    (void)state;
    for (size_t i = 0; i < all_commands.count; i++)
        assert_true(allows(NULL, block, all_commands.rows[i].name));
}

static void names_that_are_no_command_are_warned_of(void **dir)
{
    const char *const names[] = { "guest-exec", "guest-exce", "Guest-Ping", "", "help me", NULL };
    const char *log;

    assert_int_equal(log_init(tempdir_path(dir, "log"), false), 0);
    assert_int_equal(policy_check_names(&all_commands, "block-rpcs", names), 3);
    assert_int_equal(policy_check_names(&all_commands, "allow-rpcs", NULL), 0);
    log_done();
    log = tempdir_read(dir, "log");
    assert_non_null(strstr(log, "warning: block-rpcs: 'guest-exce' is no command and does nothing, "
                                "did you mean 'guest-exec'?\n"));
    assert_non_null(strstr(log, "'Guest-Ping' is no command and does nothing, did you mean "
                                "'guest-ping'?\n"));
    assert_non_null(strstr(log, "'help me' is no command and does nothing\n"));
}

static void log_says_what_is_refused(void **dir)
{
    const char *const allow[] = { "guest-ping", "guest-exec", "guest-sync", NULL };
    const char *const block[] = { "guest-exec", NULL };

    assert_int_equal(log_init(tempdir_path(dir, "log"), true), 0);
    policy_log_refused(&all_commands, &(struct policy_config){ profile_open, NULL, NULL });
    assert_string_equal(tempdir_read(dir, "log"), "");
    policy_log_refused(&all_commands, &(struct policy_config){ profile_open, NULL, block });
    assert_non_null(
        strstr(tempdir_read(dir, "log"), "info: refused by the configuration: guest-exec\n"));
    policy_log_refused(&all_commands, &(struct policy_config){ profile_open, allow, block });
    log_done();
    assert_non_null(strstr(tempdir_read(dir, "log"), "guest-suspend-ram, guest-sync-delimited\n"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_lists_everything_is_allowed),
        cmocka_unit_test(an_allow_list_refuses_everything_else_even_if_empty),
        cmocka_unit_test(the_block_list_wins_over_the_allow_list),
        cmocka_unit_test(names_are_exact_and_unknown_ones_do_nothing),
        TEST_IN_TEMPDIR(names_that_are_no_command_are_warned_of),
        cmocka_unit_test(what_a_policy_allows_beyond_another_is_named),
        TEST_IN_TEMPDIR(log_says_what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
