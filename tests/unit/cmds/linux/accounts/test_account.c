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

static void a_missing_or_unreadable_user_file_is_told(void **state)
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

/* What another thread sees of its own rights, between two meetings with the first one. */
struct witness {
    pthread_barrier_t barrier;
    uid_t uid;
    gid_t gid, groups[64];
    int group_count;
};

static void *look(void *data)
{
    struct witness *witness = data;

    pthread_barrier_wait(&witness->barrier);
    witness->uid = (uid_t)setfsuid((uid_t)-1);
    witness->gid = (gid_t)setfsgid((gid_t)-1);
    witness->group_count = getgroups(64, witness->groups);
    pthread_barrier_wait(&witness->barrier);
    return NULL;
}

static void rights_are_taken_by_the_calling_thread_alone(void **state)
{
    const struct account account = { .name = "ann", .uid = 12345, .gid = 23456, .home = "/" };
    struct sysroot root = root_of(state);
    struct witness witness = { .uid = 1 };
    struct account_rights rights;
    gid_t groups[64];
    pthread_t thread;

    if (geteuid() != 0)
        skip();
    PTOK(pthread_barrier_init(&witness.barrier, NULL, 2));
    PTOK(pthread_create(&thread, NULL, look, &witness));
    assert_int_equal(account_assume(&root, &account, &rights), 0);
    pthread_barrier_wait(&witness.barrier);
    pthread_barrier_wait(&witness.barrier);
    assert_int_equal(setfsuid((uid_t)-1), 12345);
    assert_int_equal(setfsgid((gid_t)-1), 23456);
    assert_int_equal(getgroups(64, groups), 1);
    assert_int_equal(groups[0], 23456);
    account_drop(&rights);
    PTOK(pthread_join(thread, NULL));
    PTOK(pthread_barrier_destroy(&witness.barrier));
    assert_int_equal(witness.uid, geteuid());
    assert_int_equal(witness.gid, getegid());
    assert_int_equal(getgroups(64, groups), witness.group_count);
    assert_int_equal(setfsuid((uid_t)-1), geteuid());
}

static void roots_rights_are_the_agents_own(void **state)
{
    const struct account account = { .name = "root" };
    struct sysroot root = root_of(state);
    struct account_rights rights;

    assert_int_equal(account_assume(&root, &account, &rights), 0);
    assert_false(rights.assumed);
    account_drop(&rights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_TEMPDIR(a_user_is_found_by_its_exact_name),
        TEST_IN_TEMPDIR(a_missing_or_unreadable_user_file_is_told),
        TEST_IN_TEMPDIR(a_home_too_long_to_keep_is_an_error),
        TEST_IN_TEMPDIR(rights_are_taken_by_the_calling_thread_alone),
        TEST_IN_TEMPDIR(roots_rights_are_the_agents_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
