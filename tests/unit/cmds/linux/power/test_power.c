#include "cmds/linux/linux.h"

#include "unit/cmds/linux/guest_tree.h"

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

/* NULL: the default mode. The error's text, or NULL on success; to be freed. */
static char *shut_down(struct guest_tree *tree, const char *mode)
{
    struct cmd_env env = { .root = tree->root };
    struct cmd_reply reply = { 0 };
    char text[32];
    struct shutdown_args args = { .mode = { .text = text }, .has_mode = mode != NULL };
    int r;

    snprintf(text, sizeof(text), "%s", mode ? mode : "");
    r = cmd_shutdown(&env, &args, &reply);
    assert_int_equal(r, reply.error.text ? -1 : 0);
    assert_null(reply.value);
    return reply.error.text;
}

static void assert_done(struct guest_tree *tree, const char *mode, const char *calls)
{
    char *error = shut_down(tree, mode);

    if (error)
        fail_msg("%s", error);
    assert_string_equal(tree_read(tree, "/calls"), calls);
}

static void assert_fails(struct guest_tree *tree, const char *mode, const char *text)
{
    char *error = shut_down(tree, mode);

    assert_non_null(error);
    assert_string_equal(error, text);
    free(error);
}

static void each_mode_has_its_own_program(void **state)
{
    struct guest_tree *tree = *state;

    tree_program(tree, "/sbin/poweroff", 0);
    tree_program(tree, "/sbin/halt", 0);
    tree_program(tree, "/sbin/reboot", 0);
    tree_program(tree, "/sbin/shutdown", 0);
    assert_done(tree, NULL, "poweroff \n");
    assert_done(tree, "powerdown", "poweroff \npoweroff \n");
    assert_done(tree, "halt", "poweroff \npoweroff \nhalt \n");
    assert_done(tree, "reboot", "poweroff \npoweroff \nhalt \nreboot \n");
}

static void shutdown_stands_in_for_a_missing_program(void **state)
{
    struct guest_tree *tree = *state;

    tree_program(tree, "/sbin/shutdown", 0);
    tree_write(tree, "/sbin/halt", "not executable", 0644);
    assert_done(tree, "powerdown", "shutdown -h -P +0 hypervisor initiated shutdown\n");
    tree_write(tree, "/calls", "", 0644);
    assert_done(tree, "halt", "shutdown -h -H +0 hypervisor initiated shutdown\n");
    tree_write(tree, "/calls", "", 0644);
    assert_done(tree, "reboot", "shutdown -h -r +0 hypervisor initiated shutdown\n");
}

static void a_wrong_mode_runs_nothing(void **state)
{
    struct guest_tree *tree = *state;

    tree_program(tree, "/sbin/poweroff", 0);
    assert_fails(tree, "off", "mode is invalid (valid values are: halt|powerdown|reboot");
    assert_fails(tree, "", "mode is invalid (valid values are: halt|powerdown|reboot");
    assert_string_equal(tree_read(tree, "/calls"), "");
}

static void a_program_that_fails_is_reported(void **state)
{
    struct guest_tree *tree = *state;

    tree_program(tree, "/sbin/reboot", 1);
    assert_fails(tree, "reboot", "child process has failed to shutdown");
    tree_write(tree, "/sbin/halt", "#!/bin/sh\nkill -9 $$\n", 0755);
    assert_fails(tree, "halt", "child process has terminated abnormally");
}

static void a_guest_without_any_program_is_an_error(void **state)
{
    assert_fails(*state, "powerdown",
                 "failed to execute /sbin/poweroff or /sbin/shutdown: No such file or directory");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(each_mode_has_its_own_program),
        CASE(shutdown_stands_in_for_a_missing_program),
        CASE(a_wrong_mode_runs_nothing),
        CASE(a_program_that_fails_is_reported),
        CASE(a_guest_without_any_program_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
