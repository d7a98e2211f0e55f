/*
 * Priority boost: what it changes, that it goes back, and that no child has it.
 */
#include "pool/priority.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int own_nice(void)
{
    return getpriority(PRIO_PROCESS, 0);
}

/* Root in a container may not have the privilege. */
static void skip_without_privilege(void)
{
    if (own_nice() != 0 || sched_getscheduler(0) != SCHED_OTHER ||
        setpriority(PRIO_PROCESS, 0, -1) != 0)
        skip();
    assert_int_equal(setpriority(PRIO_PROCESS, 0, 0), 0);
}

static void it_is_better_and_goes_back(void **state)
{
    struct priority priority = { 0 };

    skip_without_privilege();
    priority_boost(&priority);
    assert_true(priority.is_on);
    assert_true(own_nice() < 0);
    priority_restore(&priority);
    assert_false(priority.is_on);
    assert_int_equal(own_nice(), 0);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER); /* and no SCHED_RESET_ON_FORK in it */
}

static void twice_is_once(void **state)
{
    struct priority priority = { 0 };

    skip_without_privilege();
    priority_restore(&priority);
    priority_boost(&priority);
    priority_boost(&priority);
    priority_restore(&priority);
    assert_int_equal(own_nice(), 0);
    priority_restore(&priority);
    assert_int_equal(own_nice(), 0);
}

static bool is_so_in_a_child(bool (*is_so)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(is_so() ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status == 0;
}

static bool is_plain(void)
{
    return own_nice() == 0 && sched_getscheduler(0) == SCHED_OTHER;
}

static void a_child_does_not_have_it(void **state)
{
    struct priority priority = { 0 };

    skip_without_privilege();
    priority_boost(&priority);
    assert_true(is_so_in_a_child(is_plain));
    priority_restore(&priority);
}

static bool is_refused_for_good(void)
{
    struct priority priority = { 0 };

    if (setrlimit(RLIMIT_NICE, &(struct rlimit){ 0 }) != 0 || setuid(65534) != 0)
        return false;
    priority_boost(&priority);
    priority_boost(&priority);
    priority_restore(&priority);
    return priority.is_refused && !priority.is_on && own_nice() == 0;
}

static void without_the_privilege_nothing_changes(void **state)
{
    skip_without_privilege();
    assert_true(is_so_in_a_child(is_refused_for_good));
}

/* A worse nice value may be had by all; taking the flag off again needs the privilege. */
static bool is_plain_at_the_end(void)
{
    struct priority priority = { 0 };

    priority_boost(&priority);
    if (!priority.is_on || setuid(65534) != 0)
        return false;
    priority_restore(&priority);
    return own_nice() == 0 && sched_getscheduler(0) == (SCHED_OTHER | SCHED_RESET_ON_FORK);
}

static void when_the_privilege_is_lost_only_the_flag_is_left(void **state)
{
    skip_without_privilege();
    assert_true(is_so_in_a_child(is_plain_at_the_end));
}

static void what_somebody_has_chosen_stands(void **state)
{
    struct priority priority = { 0 };
    struct sched_param none = { 0 };

    skip_without_privilege();
    assert_int_equal(setpriority(PRIO_PROCESS, 0, 3), 0);
    priority_boost(&priority);
    assert_false(priority.is_on);
    assert_int_equal(own_nice(), 3);
    assert_int_equal(setpriority(PRIO_PROCESS, 0, 0), 0);
    assert_int_equal(sched_setscheduler(0, SCHED_BATCH, &none), 0);
    priority_boost(&priority);
    assert_false(priority.is_on);
    assert_int_equal(sched_getscheduler(0), SCHED_BATCH);
    assert_int_equal(sched_setscheduler(0, SCHED_OTHER, &none), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_better_and_goes_back),
        cmocka_unit_test(twice_is_once),
        cmocka_unit_test(a_child_does_not_have_it),
        cmocka_unit_test(without_the_privilege_nothing_changes),
        cmocka_unit_test(when_the_privilege_is_lost_only_the_flag_is_left),
        cmocka_unit_test(what_somebody_has_chosen_stands),
    };

    return cmocka_run_group_tests_name("priority", tests, NULL, NULL);
}
