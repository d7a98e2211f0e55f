/* Profiles: each against each command, and how they are written. */
#include "cmds/profile.h"

#include "cmds/policy.h"
#include "unit/cmds/fixture.h"

/* A letter for each profile that allows the command: open, rhel, audit, backup, managed,
 * confidential. Written from the sources of the profiles, not from the rows. */
static const struct {
    const char *name, *allowed;
} commands[] = {
    { "guest-exec", "o" },
    { "guest-exec-status", "o" },
    { "guest-file-close", "o" },
    { "guest-file-flush", "o" },
    { "guest-file-open", "o" },
    { "guest-file-read", "o" },
    { "guest-file-seek", "o" },
    { "guest-file-write", "o" },
    { "guest-fsfreeze-freeze", "orbmc" },
    { "guest-fsfreeze-freeze-list", "orbmc" },
    { "guest-fsfreeze-status", "orabmc" },
    { "guest-fsfreeze-thaw", "orbmc" },
    { "guest-fstrim", "orbmc" },
    { "guest-get-cpustats", "orabmc" },
    { "guest-get-disks", "orabm" },
    { "guest-get-diskstats", "orabm" },
    { "guest-get-fsinfo", "orabm" },
    { "guest-get-host-name", "orabmc" },
    { "guest-get-load", "orabm" },
    { "guest-get-memory-block-info", "orabmc" },
    { "guest-get-memory-blocks", "orabmc" },
    { "guest-get-osinfo", "orabm" },
    { "guest-get-time", "orabmc" },
    { "guest-get-timezone", "orabm" },
    { "guest-get-users", "orabm" },
    { "guest-get-vcpus", "orabmc" },
    { "guest-info", "orabmc" },
    { "guest-network-get-interfaces", "orabm" },
    { "guest-network-get-route", "orabm" },
    { "guest-ping", "orabmc" },
    { "guest-set-memory-blocks", "ormc" },
    { "guest-set-time", "ormc" },
    { "guest-set-user-password", "or" },
    { "guest-set-vcpus", "ormc" },
    { "guest-shutdown", "ormc" },
    { "guest-ssh-add-authorized-keys", "or" },
    { "guest-ssh-get-authorized-keys", "or" },
    { "guest-ssh-remove-authorized-keys", "or" },
    { "guest-suspend-disk", "ormc" },
    { "guest-suspend-hybrid", "ormc" },
    { "guest-suspend-ram", "ormc" },
    { "guest-sync", "orabmc" },
    { "guest-sync-delimited", "orabmc" },
};

static struct profile profile_of(const char *text)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
    struct profile profile;

    assert_int_equal(profile_parse(text, &profile, &error), 0);
    return profile;
}

static bool allows(const char *profile, const char *name)
{
    struct profile parsed = profile_of(profile);

    return profile_allows(&parsed, command_find(name, strlen(name)));
}

static void each_profile_allows_what_it_says(void **state)
{
    static const char *const names[] = { "open",   "rhel",    "audit",
                                         "backup", "managed", "confidential" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        for (size_t k = 0; k < ARRAY_LEN(commands); k++)
            assert_int_equal(allows(names[i], commands[k].name),
                             strchr(commands[k].allowed, names[i][0]) != NULL);
    }
}

static void classes_are_added_and_taken_away_in_their_order(void **state)
{
    (void)state;
    assert_true(allows("+audit,+fs-mgmt", "guest-fstrim"));
    assert_false(allows("+audit,+fs-mgmt", "guest-shutdown"));
    assert_true(allows("+audit", "guest-ping"));
    assert_false(allows("managed,-power", "guest-shutdown"));
    assert_true(allows("managed, +exec ; -power", "guest-exec"));
    assert_true(allows("-exec,+exec", "guest-exec"));
    assert_false(allows("open,+exec,-exec", "guest-exec"));
    assert_true(allows("audit,+file-read", "guest-file-open"));
    assert_false(allows("audit,+file-read", "guest-file-write"));
    assert_true(allows("-self", "guest-sync")); /* without it there is no conversation */
}

static void wrong_ones_are_named(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        { "", "profile: it is empty" },
        { " , ", "profile: it is empty" },
        { "Open", "profile: there is no profile 'Open', did you mean 'open'?" },
        { "backups", "profile: there is no profile 'backups', did you mean 'backup'?" },
        { "nothing-like-it", "profile: there is no profile 'nothing-like-it'" },
        { "+fsmgmt", "profile: there is no class 'fsmgmt', did you mean 'fs-mgmt'?" },
        { "open,-", "profile: there is no class ''" },
        { "+audit,backup", "profile: 'backup' stands behind others, it needs a + or -" },
        { "open,backup", "profile: 'backup' stands behind others, it needs a + or -" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
        struct profile profile;

        assert_int_equal(profile_parse(rows[i].text, &profile, &error), -1);
        assert_string_equal(error.text, rows[i].error);
    }
}

static enum policy_verdict judge(const struct policy_config *config, const char *name)
{
    return policy_judge(config, command_find(name, strlen(name)));
}

static void lists_only_take_away_from_a_profile(void **state)
{
    const char *const allow[] = { "guest-ping", "guest-exec", "guest-get-users", NULL };
    const char *const block[] = { "guest-get-users", NULL };
    const struct policy_config config = { profile_of("audit"), allow, block };

    (void)state;
    assert_int_equal(judge(&config, "guest-ping"), POLICY_ALLOWED);
    assert_int_equal(judge(&config, "guest-exec"), POLICY_PROFILE);
    assert_int_equal(judge(&config, "guest-get-users"), POLICY_BLOCK_LIST);
    assert_int_equal(judge(&config, "guest-get-fsinfo"), POLICY_ALLOW_LIST);
}

static void classes_in_words(void **state)
{
    CLEANUP(buf_done) struct buf text = { 0 };

    (void)state;
    classes_print(CLASS_FILE_READ | CLASS_FILE_WRITE, &text);
    assert_string_equal(buf_terminate(&text), "file-read or file-write");
    for (size_t i = 0; i < all_commands.count; i++)
        assert_int_not_equal(all_commands.rows[i].classes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_profile_allows_what_it_says),
        cmocka_unit_test(classes_are_added_and_taken_away_in_their_order),
        cmocka_unit_test(wrong_ones_are_named),
        cmocka_unit_test(lists_only_take_away_from_a_profile),
        cmocka_unit_test(classes_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
