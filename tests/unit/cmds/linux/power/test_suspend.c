#include "cmds/linux/linux.h"

#include "unit/cmds/linux/guest_tree.h"

#define UNSUPPORTED "the requested suspend mode is not supported by the guest"

static int set_up(void **state)
{
    struct guest_tree *tree = calloc(1, sizeof(*tree));

    assert_non_null(tree);
    tree_init(tree);
    *state = tree;
    return 0;
}

static int tear_down(void **state)
{
    tree_done(*state);
    free(*state);
    return 0;
}

static void assert_suspends(command_fn *command, struct guest_tree *tree, const char *calls)
{
    struct cmd_env env = { .root = tree->root };
    struct cmd_reply reply = { 0 };

    if (command(&env, NULL, &reply) < 0)
        fail_msg("%s", reply.error.text);
    assert_null(reply.value);
    assert_string_equal(tree_read(tree, "/calls"), calls);
}

static void assert_fails(command_fn *command, struct guest_tree *tree, const char *text)
{
    struct cmd_env env = { .root = tree->root };
    struct cmd_reply reply = { 0 };

    assert_int_equal(command(&env, NULL, &reply), -1);
    assert_string_equal(reply.error.text, text);
    cmd_error_done(&reply.error);
}

/* A systemctl whose "status" exits with `status` and whose other verbs exit with `outcome`. */
static void install_systemctl(struct guest_tree *tree, int status, int outcome)
{
    char script[512];

    snprintf(script, sizeof(script),
             "#!/bin/sh\necho systemctl $* >>%s/calls\n[ $1 = status ] && exit %d\nexit %d\n",
             tree->dir, status, outcome);
    tree_write(tree, "/usr/bin/systemctl", script, 0755);
}

static void systemd_is_asked_first(void **state)
{
    struct guest_tree *tree = *state;

    install_systemctl(tree, 3, 0);
    tree_program(tree, "/usr/bin/pm-is-supported", 0);
    tree_write(tree, "/sys/power/state", "freeze mem disk\n", 0644);
    assert_suspends(cmd_suspend_ram, tree, "systemctl status systemd-suspend\nsystemctl suspend\n");
    assert_string_equal(tree_read(tree, "/sys/power/state"), "freeze mem disk\n");
}

static void each_mode_has_its_unit_and_verb(void **state)
{
    struct guest_tree *tree = *state;

    install_systemctl(tree, 1, 0);
    assert_suspends(cmd_suspend_disk, tree,
                    "systemctl status systemd-hibernate\nsystemctl hibernate\n");
    tree_write(tree, "/calls", "", 0644);
    assert_suspends(cmd_suspend_hybrid, tree,
                    "systemctl status systemd-hybrid-sleep\nsystemctl hybrid-sleep\n");
}

static void a_unit_that_systemd_does_not_know_is_not_supported(void **state)
{
    struct guest_tree *tree = *state;

    install_systemctl(tree, 4, 0);
    assert_fails(cmd_suspend_disk, tree, UNSUPPORTED);
    install_systemctl(tree, 0, 0);
    assert_fails(cmd_suspend_disk, tree, UNSUPPORTED);
}

static void pm_utils_come_second(void **state)
{
    struct guest_tree *tree = *state;

    tree_program(tree, "/usr/bin/pm-is-supported", 0);
    tree_program(tree, "/usr/sbin/pm-suspend-hybrid", 0);
    assert_suspends(cmd_suspend_hybrid, tree,
                    "pm-is-supported --suspend-hybrid\npm-suspend-hybrid \n");
}

static void sysfs_comes_third(void **state)
{
    struct guest_tree *tree = *state;

    tree_program(tree, "/usr/bin/pm-is-supported", 1);
    tree_write(tree, "/sys/power/state", "freeze mem disk\n", 0644);
    assert_suspends(cmd_suspend_disk, tree, "pm-is-supported --hibernate\n");
    assert_string_equal(tree_read(tree, "/sys/power/state"), "disk");
}

static void a_state_the_kernel_does_not_name_is_not_supported(void **state)
{
    struct guest_tree *tree = *state;

    tree_write(tree, "/sys/power/state", "freeze memory\n", 0644);
    assert_fails(cmd_suspend_ram, tree, UNSUPPORTED);
}

static void hybrid_has_no_state_of_its_own(void **state)
{
    struct guest_tree *tree = *state;

    tree_write(tree, "/sys/power/state", "freeze mem disk\n", 0644);
    assert_fails(cmd_suspend_hybrid, tree, UNSUPPORTED);
}

static void one_that_fails_hands_on_to_the_next(void **state)
{
    struct guest_tree *tree = *state;

    install_systemctl(tree, 3, 1);
    tree_write(tree, "/sys/power/state", "mem\n", 0644);
    assert_suspends(cmd_suspend_ram, tree, "systemctl status systemd-suspend\nsystemctl suspend\n");
    assert_string_equal(tree_read(tree, "/sys/power/state"), "mem");
}

static void the_last_failure_is_reported(void **state)
{
    struct guest_tree *tree = *state;

    install_systemctl(tree, 3, 5);
    assert_fails(cmd_suspend_ram, tree,
                 "the helper program 'systemctl suspend' returned an unexpected exit status code "
                 "(5)");
    tree_program(tree, "/usr/bin/pm-is-supported", 0);
    assert_fails(cmd_suspend_ram, tree, "the helper program 'pm-suspend' was not found");
}

static void a_guest_without_anything_does_not_support_it(void **state)
{
    assert_fails(cmd_suspend_ram, *state, UNSUPPORTED);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(systemd_is_asked_first),
        CASE(each_mode_has_its_unit_and_verb),
        CASE(a_unit_that_systemd_does_not_know_is_not_supported),
        CASE(pm_utils_come_second),
        CASE(sysfs_comes_third),
        CASE(a_state_the_kernel_does_not_name_is_not_supported),
        CASE(hybrid_has_no_state_of_its_own),
        CASE(one_that_fails_hands_on_to_the_next),
        CASE(the_last_failure_is_reported),
        CASE(a_guest_without_anything_does_not_support_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
