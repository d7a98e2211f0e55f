/* Looking users up below a root prefix, and taking a user's rights on one thread. */
#include "cmds/linux/accounts/account.h"

#include "unit/tempdir.h"

#include <pthread.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

static struct sysroot root_of(void **state)
{
    struct sysroot root;

    assert_int_equal(sysroot_init(&root, *state), 0);
    return root;
}

static void write_passwd(void **state, const char *text)
{
    mkdir(tempdir_path(state, "etc"), 0755);
    tempdir_write(state, "etc/passwd", text);
}

static void a_user_is_found_by_its_exact_name(void **state)
{
    struct sysroot root = root_of(state);
    struct account account;

    write_passwd(state, "annabel:x:1:2::/a:/bin/sh\nbroken line\nann:x:1001:1002:Ann:/home/ann:\n");
    assert_int_equal(account_find(&root, "ann", &account), 0);
    assert_string_equal(account.name, "ann");
    assert_int_equal(account.uid, 1001);
    assert_int_equal(account.gid, 1002);
    assert_string_equal(account.home, "/home/ann");
    assert_int_equal(account_find(&root, "an", &account), -ENOENT);
    assert_int_equal(account_find(&root, "", &account), -ENOENT);
}

static void a_missing_or_unreadable_user_file_is_reported(void **state)
{
    struct sysroot root = root_of(state);
    struct account account;

    assert_int_equal(account_find(&root, "ann", &account), -ENOENT);
    mkdir(tempdir_path(state, "etc"), 0755);
    mkdir(tempdir_path(state, "etc/passwd"), 0755);
    assert_int_equal(account_find(&root, "ann", &account), -EISDIR);
}

static void a_home_too_long_to_keep_is_an_error(void **state)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    struct sysroot root = root_of(state);
    struct account account;

    buf_puts(&text, "ann:x:1001:1002::/");
    for (int i = 0; i < 2000; i++)
        buf_putc(&text, 'h');
    buf_puts(&text, ":/bin/sh\n");
    write_passwd(state, buf_terminate(&text));
    assert_int_equal(account_find(&root, "ann", &account), -ENAMETOOLONG);
}

/* What the work sees of its rights, and what the caller's thread has meanwhile. */
struct witness {
    pthread_t thread;
    uid_t uid;
    gid_t gid, groups[64];
    int group_count, calls;
};

static void look(void *data)
{
    struct witness *witness = data;

    witness->calls++;
    witness->thread = pthread_self();
    witness->uid = (uid_t)setfsuid((uid_t)-1);
    witness->gid = (gid_t)setfsgid((gid_t)-1);
    witness->group_count = getgroups(64, witness->groups);
}

static void rights_are_taken_by_a_thread_of_its_own(void **state)
{
    const struct account account = { .name = "ann", .uid = 12345, .gid = 23456, .home = "/" };
    struct sysroot root = root_of(state);
    struct witness before = { 0 }, witness = { .uid = 1 }, after = { 0 };

    if (geteuid() != 0)
        skip();
    look(&before);
    assert_int_equal(account_run(&root, &account, look, &witness), 0);
    look(&after);
    assert_int_equal(witness.calls, 1);
    assert_int_equal(witness.uid, 12345);
    assert_int_equal(witness.gid, 23456);
    assert_int_equal(witness.group_count, 1);
    assert_int_equal(witness.groups[0], 23456);
    assert_memory_equal(&before, &after, sizeof(before));
}

/* As when the kernel has no memory for the groups: the work is not done, and nobody is harmed. */
static void rights_that_cannot_be_taken_are_an_error(void **state)
{
    const struct account account = { .name = "odd", .uid = (uid_t)-1, .gid = 1, .home = "/" };
    struct sysroot root = root_of(state);
    struct witness witness = { 0 };

    if (geteuid() != 0)
        skip();
    assert_int_equal(account_run(&root, &account, look, &witness), -EPERM);
    assert_int_equal(witness.calls, 0);
    assert_int_equal(setfsuid((uid_t)-1), geteuid());
}

static void roots_rights_are_the_agents_own(void **state)
{
    const struct account account = { .name = "root" };
    struct sysroot root = root_of(state);
    struct witness witness = { 0 };

    assert_int_equal(account_run(&root, &account, look, &witness), 0);
    assert_int_equal(witness.calls, 1);
    assert_true(pthread_equal(witness.thread, pthread_self()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_TEMPDIR(a_user_is_found_by_its_exact_name),
        TEST_IN_TEMPDIR(a_missing_or_unreadable_user_file_is_reported),
        TEST_IN_TEMPDIR(a_home_too_long_to_keep_is_an_error),
        TEST_IN_TEMPDIR(rights_are_taken_by_a_thread_of_its_own),
        TEST_IN_TEMPDIR(rights_that_cannot_be_taken_are_an_error),
        TEST_IN_TEMPDIR(roots_rights_are_the_agents_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
