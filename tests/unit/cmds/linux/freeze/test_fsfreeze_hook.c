/* etc/fsfreeze-hook, run as the agent runs it. */
#include "base/spawn.h"
#include "unit/cmds/linux/guest_tree.h"

#include <sys/stat.h>

#define LIMIT_MS 30000

static int set_up(void **state)
{
    CLEANUP(buf_done) struct buf script = { 0 };
    struct guest_tree *tree = calloc(1, sizeof(*tree));
    struct sysroot here;
    char conf[256];

    assert_non_null(tree);
    tree_init(tree);
    assert_int_equal(sysroot_init(&here, PQGA_TEST_DATA "/../../etc"), 0);
    assert_int_equal(sysroot_read(&here, "/fsfreeze-hook", &script), 0);
    tree_write(tree, "/hook", script.data, 0755);
    snprintf(conf, sizeof(conf), "HOOK_LOG=%s/log\n", tree->dir);
    tree_write(tree, "/hook.conf", conf, 0644);
    *state = tree;
    return 0;
}

static int tear_down(void **state)
{
    tree_done(*state);
    free(*state);
    return 0;
}

static int run_hook(struct guest_tree *tree, const char *action)
{
    CLEANUP(spawn_result_done) struct spawn_result result = { 0 };
    char path[128];

    snprintf(path, sizeof(path), "%s/hook", tree->dir);
    assert_int_equal(
        spawn_run((const char *const[]){ path, action, NULL }, NULL, LIMIT_MS, &result), 0);
    assert_true(result.exited);
    return result.exit_code;
}

static void set_veto(struct guest_tree *tree)
{
    char conf[256];

    snprintf(conf, sizeof(conf), "HOOK_LOG=%s/log\nHOOK_VETO=yes\n", tree->dir);
    tree_write(tree, "/hook.conf", conf, 0644);
}

static void scripts_run_in_the_order_of_their_names(void **state)
{
    struct guest_tree *tree = *state;

    tree_program(tree, "/hook.d/20-b", 0);
    tree_program(tree, "/hook.d/10 a", 0);
    assert_int_equal(run_hook(tree, "freeze"), 0);
    assert_int_equal(run_hook(tree, "thaw"), 0);
    assert_string_equal(tree_read(tree, "/calls"),
                        "10 a freeze\n20-b freeze\n10 a thaw\n20-b thaw\n");
}

static void leftovers_and_what_is_not_executable_are_skipped(void **state)
{
    static const char *const leftovers[] = {
        "/hook.d/a~",          "/hook.d/#a#",      "/hook.d/.hidden",  "/hook.d/a.bak",
        "/hook.d/a.dpkg-dist", "/hook.d/a.rpmnew", "/hook.d/a.sample",
    };
    struct guest_tree *tree = *state;

    for (size_t i = 0; i < ARRAY_LEN(leftovers); i++)
        tree_program(tree, leftovers[i], 0);
    tree_write(tree, "/hook.d/text", "#!/bin/sh\n", 0644);
    tree_write(tree, "/hook.d/dir/file", "", 0644);
    assert_int_equal(run_hook(tree, "freeze"), 0);
    assert_string_equal(tree_read(tree, "/calls"), "");
}

static void a_failure_is_logged_and_no_veto(void **state)
{
    struct guest_tree *tree = *state;

    tree_program(tree, "/hook.d/1", 7);
    tree_program(tree, "/hook.d/2", 0);
    assert_int_equal(run_hook(tree, "freeze"), 0);
    assert_string_equal(tree_read(tree, "/calls"), "1 freeze\n2 freeze\n");
    assert_non_null(strstr(tree_read(tree, "/log"), "/hook.d/1 ended with status 7"));
}

static void a_veto_ends_the_freeze_but_never_a_thaw(void **state)
{
    struct guest_tree *tree = *state;

    set_veto(tree);
    tree_program(tree, "/hook.d/1", 7);
    tree_program(tree, "/hook.d/2", 0);
    assert_int_equal(run_hook(tree, "freeze"), 7);
    assert_int_equal(run_hook(tree, "thaw"), 0);
    assert_string_equal(tree_read(tree, "/calls"), "1 freeze\n1 thaw\n2 thaw\n");
}

static void a_log_that_cannot_be_written_does_not_matter(void **state)
{
    struct guest_tree *tree = *state;

    tree_write(tree, "/hook.conf", "HOOK_LOG=/nonexistent/log\n", 0644);
    tree_program(tree, "/hook.d/1", 0);
    assert_int_equal(run_hook(tree, "freeze"), 0);
    assert_string_equal(tree_read(tree, "/calls"), "1 freeze\n");
}

/* They run as root: who may write to one would be root. */
static void scripts_that_others_may_write_to_are_not_run(void **state)
{
    struct guest_tree *tree = *state;
    char path[128];

    tree_program(tree, "/hook.d/1", 0);
    tree_program(tree, "/hook.d/2", 0);
    snprintf(path, sizeof(path), "%s/hook.d/1", tree->dir);
    assert_int_equal(chmod(path, 0757), 0);
    assert_int_equal(run_hook(tree, "freeze"), 0);
    assert_string_equal(tree_read(tree, "/calls"), "2 freeze\n");
    assert_non_null(strstr(tree_read(tree, "/log"), "/hook.d/1 is not run: others than root may"));
    snprintf(path, sizeof(path), "%s/hook.d", tree->dir);
    assert_int_equal(chmod(path, 0777), 0);
    assert_int_equal(run_hook(tree, "thaw"), 0);
    assert_string_equal(tree_read(tree, "/calls"), "2 freeze\n");
}

static void a_guest_without_scripts_freezes(void **state)
{
    assert_int_equal(run_hook(*state, "freeze"), 0);
    assert_int_equal(run_hook(*state, "melt"), 2);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(scripts_run_in_the_order_of_their_names),
        CASE(leftovers_and_what_is_not_executable_are_skipped),
        CASE(a_failure_is_logged_and_no_veto),
        CASE(a_veto_ends_the_freeze_but_never_a_thaw),
        CASE(a_log_that_cannot_be_written_does_not_matter),
        CASE(scripts_that_others_may_write_to_are_not_run),
        CASE(a_guest_without_scripts_freezes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
