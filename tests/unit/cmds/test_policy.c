#include "unit/cmds/fixture.h"

static bool allows(const char *const *allow, const char *const *block, const char *name)
{
    struct policy *policy = policy_new(allow, block);
    bool allowed = policy_allows(policy, command_find(name, strlen(name)));

    assert_null(policy_free(policy));
    return allowed;
}

static void without_lists_everything_is_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++)
        assert_true(allows(NULL, NULL, commands[i].name));
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

static void names_are_exact_and_unknown_ones_do_nothing(void **state)
{
    const char *const block[] = { "",        "Guest-Ping", "guest-pin", "guest-pings",
                                  "guest-*", "nope",       NULL };

    (void)state;
    for (size_t i = 0; i < command_count; i++)
        assert_true(allows(NULL, block, commands[i].name));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_lists_everything_is_allowed),
        cmocka_unit_test(an_allow_list_refuses_everything_else_even_if_empty),
        cmocka_unit_test(the_block_list_wins_over_the_allow_list),
        cmocka_unit_test(names_are_exact_and_unknown_ones_do_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
