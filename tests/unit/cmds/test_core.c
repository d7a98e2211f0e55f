#include "unit/cmds/fixture.h"

#include "base/frozen.h"
#include "base/version.h"
#include "cmds/core.h"

#include <inttypes.h>

static void sync_returns_the_id_over_the_whole_range(void **state)
{
    static const int64_t ids[] = { 0, 1, -1, 4294967296, INT64_MAX, INT64_MIN };
    char expected[32];

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct sync_args args = { .id = ids[i] };

        snprintf(expected, sizeof(expected), "%" PRId64, ids[i]);
        assert_reply(*state, cmd_sync, &args, expected);
    }
}

static void ping_returns_an_empty_object(void **state)
{
    assert_reply(*state, cmd_ping, NULL, "{}");
}

static void time_lies_between_the_clocks_of_before_and_after(void **state)
{
    struct timespec before, after;
    char *text;
    int64_t now;

    clock_gettime(CLOCK_REALTIME, &before);
    text = call(*state, cmd_get_time, NULL);
    clock_gettime(CLOCK_REALTIME, &after);
    now = atoll(text);
    assert_true(now >= before.tv_sec * NSEC_PER_SEC + before.tv_nsec);
    assert_true(now <= after.tv_sec * NSEC_PER_SEC + after.tv_nsec);
    free(text);
}

/* The entry of a command in guest-info's list. */
static struct json_object *info_entry(struct json_object *info, const char *name)
{
    struct json_object *list = member(info, "supported_commands");

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);

        if (strcmp(json_object_get_string(member(entry, "name")), name) == 0)
            return entry;
    }
    fail_msg("guest-info lacks %s", name);
    return NULL;
}

static void info_lists_every_command_and_the_version(void **state)
{
    struct json_object *info = call_json(*state, cmd_info, NULL);

    assert_string_equal(json_object_get_string(member(info, "version")), PQGA_QEMU_VERSION);
    assert_int_equal(json_object_array_length(member(info, "supported_commands")),
                     all_commands.count);
    for (size_t i = 0; i < all_commands.count; i++)
        assert_true(bool_member(info_entry(info, all_commands.rows[i].name), "enabled"));
    json_object_put(info);
}

static void info_names_the_commands_that_send_no_success(void **state)
{
    static const char *const silent[] = { "guest-shutdown", "guest-suspend-disk",
                                          "guest-suspend-ram", "guest-suspend-hybrid" };
    struct json_object *info = call_json(*state, cmd_info, NULL);
    size_t without_response = 0;

    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        assert_false(bool_member(info_entry(info, silent[i]), "success-response"));
    for (size_t i = 0; i < all_commands.count; i++)
        without_response +=
            !bool_member(info_entry(info, all_commands.rows[i].name), "success-response");
    assert_int_equal(without_response, ARRAY_LEN(silent));
    json_object_put(info);
}

static void info_shows_what_the_policy_refuses(void **state)
{
    const char *const block[] = { "guest-exec", NULL };
    struct fixture *fixture = *state;
    struct json_object *info;

    policy_free(fixture->env.policy);
    fixture->env.policy =
        policy_new(&all_commands, &(struct policy_config){ profile_open, NULL, block });
    info = call_json(fixture, cmd_info, NULL);
    assert_false(bool_member(info_entry(info, "guest-exec"), "enabled"));
    assert_true(bool_member(info_entry(info, "guest-exec-status"), "enabled"));
    json_object_put(info);
}

static void info_shows_that_only_the_whitelist_runs_while_frozen(void **state)
{
    static const char *const whitelist[] = { "guest-ping",
                                             "guest-sync",
                                             "guest-sync-delimited",
                                             "guest-info",
                                             "guest-fsfreeze-status",
                                             "guest-fsfreeze-thaw" };
    struct fixture *fixture = *state;
    struct json_object *info;
    size_t enabled = 0;
    int marker;

    ga_frozen_init(fixture->state);
    assert_int_equal(ga_set_frozen("", &marker), 0);
    info = call_json(fixture, cmd_info, NULL);
    ga_unset_frozen();
    for (size_t i = 0; i < ARRAY_LEN(whitelist); i++)
        assert_true(bool_member(info_entry(info, whitelist[i]), "enabled"));
    for (size_t i = 0; i < all_commands.count; i++)
        enabled += bool_member(info_entry(info, all_commands.rows[i].name), "enabled");
    assert_int_equal(enabled, ARRAY_LEN(whitelist));
    json_object_put(info);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(sync_returns_the_id_over_the_whole_range),
        TEST(ping_returns_an_empty_object),
        TEST(time_lies_between_the_clocks_of_before_and_after),
        TEST(info_lists_every_command_and_the_version),
        TEST(info_names_the_commands_that_send_no_success),
        TEST(info_shows_what_the_policy_refuses),
        TEST(info_shows_that_only_the_whitelist_runs_while_frozen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
