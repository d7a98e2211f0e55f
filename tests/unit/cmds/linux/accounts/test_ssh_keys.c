/*
 * guest-ssh-*-authorized-keys for made-up users below a temporary root. Run as root the user's id
 * differs from the agent's, so that its rights are really taken; else it is the tester's own.
 */
#include "unit/cmds/linux/reply_check.h"

#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#define KEY_A "ssh-ed25519 AAAAC3A ann@one"
#define KEY_B "ssh-rsa AAAAB3B ann@two"
#define KEYS  "home/ann/.ssh/authorized_keys"

static uid_t ann_uid(void)
{
    return geteuid() == 0 ? 12345 : geteuid();
}

static void own(void **state, const char *name, uid_t uid)
{
    if (geteuid() == 0)
        assert_int_equal(lchown(tempdir_path(state, name), uid, uid), 0);
}

static void make_dir(void **state, const char *name, mode_t mode, uid_t uid)
{
    assert_int_equal(mkdir(tempdir_path(state, name), 0700), 0);
    assert_int_equal(chmod(tempdir_path(state, name), mode), 0);
    own(state, name, uid);
}

/* Home, and the account in etc/passwd, beside one without a home. */
static int setup(void **state)
{
    char text[512];
    int r = tempdir_setup(state);

    if (r < 0 || chmod(*state, 0711) < 0)
        return -1;
    make_dir(state, "etc", 0755, geteuid());
    make_dir(state, "home", 0755, geteuid());
    make_dir(state, "home/ann", 0755, ann_uid());
    snprintf(text, sizeof(text),
             "root:x:0:0:root:/root:/bin/sh\n"
             "ann:x:%u:%u:Ann:/home/ann:/bin/sh\n"
             "homeless:x:%u:%u::/nonexistent:/bin/false\n"
             "odd:x:%u:%u:::/bin/false\n",
             ann_uid(), ann_uid(), ann_uid(), ann_uid(), ann_uid(), ann_uid());
    tempdir_write(state, "etc/passwd", text);
    return 0;
}

static void write_keys(void **state, const char *text)
{
    make_dir(state, "home/ann/.ssh", 0700, ann_uid());
    tempdir_write(state, KEYS, text);
    own(state, KEYS, ann_uid());
}

/* Up to two keys; NULL: none. */
static struct ssh_keys_args *arguments(const char *user, const char *first, const char *second)
{
    static char texts[3][512];
    static struct arg_str items[2];
    static struct ssh_keys_args args;

    snprintf(texts[0], sizeof(texts[0]), "%s", user);
    snprintf(texts[1], sizeof(texts[1]), "%s", first ? first : "");
    snprintf(texts[2], sizeof(texts[2]), "%s", second ? second : "");
    items[0] = (struct arg_str){ texts[1], strlen(texts[1]) };
    items[1] = (struct arg_str){ texts[2], strlen(texts[2]) };
    args = (struct ssh_keys_args){ .username = { texts[0], strlen(texts[0]) },
                                   .keys = { items, second  ? 2U
                                                    : first ? 1U
                                                            : 0U } };
    return &args;
}

static struct ssh_keys_args *with_reset(struct ssh_keys_args *args)
{
    args->has_reset = args->reset = true;
    return args;
}

static void add(void **state, struct ssh_keys_args *args)
{
    assert_null(reply_value(cmd_ssh_add_authorized_keys, *state, args));
}

static void remove_key(void **state, struct ssh_keys_args *args)
{
    assert_null(reply_value(cmd_ssh_remove_authorized_keys, *state, args));
}

static struct stat stat_of(void **state, const char *name)
{
    struct stat st;

    assert_int_equal(lstat(tempdir_path(state, name), &st), 0);
    return st;
}

static unsigned entries_of(void **state, const char *name)
{
    DIR *dir = opendir(tempdir_path(state, name));
    unsigned count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static void add_makes_directory_and_file_for_the_user_alone(void **state)
{
    struct stat dir, file;

    add(state, arguments("ann", KEY_A, KEY_B));
    assert_string_equal(tempdir_read(state, KEYS), KEY_A "\n" KEY_B "\n");
    dir = stat_of(state, "home/ann/.ssh");
    file = stat_of(state, KEYS);
    assert_int_equal(dir.st_mode & 07777, 0700);
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_int_equal(dir.st_uid, ann_uid());
    assert_int_equal(file.st_uid, ann_uid());
    assert_int_equal(file.st_gid, geteuid() == 0 ? 12345 : getegid());
    assert_int_equal(entries_of(state, "home/ann/.ssh"), 1);
}

static void add_keeps_every_line_and_its_order_and_skips_known_keys(void **state)
{
    write_keys(state, "# mine\n\n" KEY_B "  \nwhatever this is");
    add(state, arguments("ann", KEY_B, KEY_A));
    assert_string_equal(tempdir_read(state, KEYS),
                        "# mine\n\n" KEY_B "  \nwhatever this is\n" KEY_A "\n");
    assert_int_equal(stat_of(state, KEYS).st_mode & 07777, 0600);
}

static void a_key_given_twice_is_added_once(void **state)
{
    add(state, arguments("ann", KEY_A, KEY_A " "));
    assert_string_equal(tempdir_read(state, KEYS), KEY_A "\n");
}

static void reset_replaces_everything(void **state)
{
    write_keys(state, "# mine\n" KEY_B "\n");
    add(state, with_reset(arguments("ann", KEY_A, NULL)));
    assert_string_equal(tempdir_read(state, KEYS), KEY_A "\n");
    add(state, with_reset(arguments("ann", NULL, NULL)));
    assert_string_equal(tempdir_read(state, KEYS), "");
}

static void get_lists_keys_in_order_without_comments_and_blanks(void **state)
{
    struct json_object *value;

    write_keys(state, "# mine\n\n  " KEY_B " \t\r\n   \n#x\n" KEY_A);
    value = reply_value(cmd_ssh_get_authorized_keys, *state, arguments("ann", NULL, NULL));
    check_count(value, "/keys", 2);
    check_str(value, "/keys/0", KEY_B);
    check_str(value, "/keys/1", KEY_A);
    json_object_put(value);
}

static void get_of_a_missing_file_is_an_error_that_says_so(void **state)
{
    reply_fails(cmd_ssh_get_authorized_keys, *state, arguments("ann", NULL, NULL),
                "failed to read '/home/ann/.ssh/authorized_keys': No such file or directory");
    reply_fails(cmd_ssh_get_authorized_keys, *state, arguments("homeless", NULL, NULL),
                "failed to read '/nonexistent/.ssh/authorized_keys': No such file or directory");
}

static void remove_takes_the_keys_out_and_ignores_others(void **state)
{
    write_keys(state, "# mine\n" KEY_A "\n" KEY_B "\n" KEY_A " \nlast");
    remove_key(state, arguments("ann", KEY_A, "ssh-rsa unknown"));
    assert_string_equal(tempdir_read(state, KEYS), "# mine\n" KEY_B "\nlast\n");
}

static void remove_without_a_match_leaves_the_file_as_it_is(void **state)
{
    ino_t before;

    write_keys(state, KEY_A);
    before = stat_of(state, KEYS).st_ino;
    remove_key(state, arguments("ann", KEY_B, NULL));
    assert_string_equal(tempdir_read(state, KEYS), KEY_A);
    assert_int_equal(stat_of(state, KEYS).st_ino, before);
}

static void remove_from_a_missing_file_or_home_is_no_error(void **state)
{
    remove_key(state, arguments("ann", KEY_A, NULL));
    assert_int_equal(entries_of(state, "home/ann"), 0);
    remove_key(state, arguments("homeless", KEY_A, NULL));
}

static void an_unknown_user_is_reported_in_the_references_words(void **state)
{
    const char *text = "failed to lookup user 'nobody-here': Success";

    reply_fails(cmd_ssh_get_authorized_keys, *state, arguments("nobody-here", NULL, NULL), text);
    reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("nobody-here", KEY_A, NULL), text);
    reply_fails(cmd_ssh_remove_authorized_keys, *state, arguments("nobody-here", KEY_A, NULL),
                text);
    assert_int_equal(unlink(tempdir_path(state, "etc/passwd")), 0);
    reply_fails(cmd_ssh_get_authorized_keys, *state, arguments("ann", NULL, NULL),
                "failed to lookup user 'ann': Success");
}

static void what_is_no_key_is_refused_before_the_user_is_looked_up(void **state)
{
    reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("ann", KEY_A, "#x"),
                "invalid OpenSSH public key: '#x'");
    reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("nobody-here", "a\nb", NULL),
                "invalid OpenSSH public key: 'a\nb'");
    reply_fails(cmd_ssh_remove_authorized_keys, *state, arguments("ann", " #x", NULL),
                "invalid OpenSSH public key: ' #x'");
    reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("ann", "\n", NULL),
                "invalid OpenSSH public key: '\n'");
    assert_int_equal(entries_of(state, "home/ann"), 0);
}

static void a_blank_key_is_accepted_and_adds_nothing(void **state)
{
    add(state, arguments("ann", KEY_A, ""));
    add(state, arguments("ann", " \t", KEY_B));
    assert_string_equal(tempdir_read(state, KEYS), KEY_A "\n" KEY_B "\n");
    add(state, with_reset(arguments("ann", "", KEY_B)));
    assert_string_equal(tempdir_read(state, KEYS), KEY_B "\n");
}

static void a_blank_key_removes_no_blank_line(void **state)
{
    write_keys(state, KEY_A "\n\n \n" KEY_B "\n");
    remove_key(state, arguments("ann", " ", NULL));
    assert_string_equal(tempdir_read(state, KEYS), KEY_A "\n\n \n" KEY_B "\n");
    remove_key(state, arguments("ann", KEY_A, ""));
    assert_string_equal(tempdir_read(state, KEYS), "\n \n" KEY_B "\n");
}

static void a_user_without_home_gets_a_clear_error(void **state)
{
    reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("homeless", KEY_A, NULL),
                "failed to open home directory '/nonexistent' of user 'homeless': "
                "No such file or directory");
    reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("odd", KEY_A, NULL),
                "failed to open home directory '' of user 'odd': No such file or directory");
}

/* A link of ann's (root's, if the test is not run by root, is hers too). */
static void make_link(void **state, const char *target, const char *name, uid_t uid)
{
    assert_int_equal(symlink(target, tempdir_path(state, name)), 0);
    if (geteuid() == 0)
        assert_int_equal(lchown(tempdir_path(state, name), uid, uid), 0);
}

static void keys_are_found_through_links_of_the_user(void **state)
{
    struct json_object *value;

    make_dir(state, "home/ann/dot", 0700, ann_uid());
    make_dir(state, "home/ann/dot/ssh", 0700, ann_uid());
    make_link(state, "dot/ssh", "home/ann/.ssh", ann_uid());
    make_link(state, "../../mine", "home/ann/dot/ssh/authorized_keys", ann_uid());
    make_link(state, "./dot//ssh/keys", "home/ann/mine", ann_uid());
    add(state, arguments("ann", KEY_A, KEY_B)); /* where the links lead, though nothing is there */
    assert_string_equal(tempdir_read(state, "home/ann/dot/ssh/keys"), KEY_A "\n" KEY_B "\n");
    value = reply_value(cmd_ssh_get_authorized_keys, *state, arguments("ann", NULL, NULL));
    check_str(value, "/keys/1", KEY_B);
    json_object_put(value);
    remove_key(state, arguments("ann", KEY_A, NULL));
    add(state, with_reset(arguments("ann", KEY_A, NULL)));
    assert_string_equal(tempdir_read(state, "home/ann/dot/ssh/keys"), KEY_A "\n");
    assert_true(S_ISLNK(stat_of(state, KEYS).st_mode));
    assert_true(S_ISLNK(stat_of(state, "home/ann/mine").st_mode));
    assert_true(S_ISLNK(stat_of(state, "home/ann/.ssh").st_mode));
    assert_int_equal(entries_of(state, "home/ann/dot/ssh"), 2);
}

static void an_absolute_link_begins_at_the_root(void **state)
{
    make_dir(state, "srv", 0755, 0);
    make_dir(state, "srv/ann", 0700, ann_uid());
    make_link(state, "/srv/ann", "home/ann/.ssh", 0); /* as an administrator makes it */
    add(state, arguments("ann", KEY_A, NULL));
    assert_string_equal(tempdir_read(state, "srv/ann/authorized_keys"), KEY_A "\n");
}

static void a_link_of_somebody_else_is_not_followed(void **state)
{
    if (geteuid() != 0)
        skip();
    make_dir(state, "victim", 0777, ann_uid());
    make_link(state, "../../victim", "home/ann/.ssh", 4242);
    reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("ann", KEY_A, NULL),
                "failed to open directory '/home/ann/.ssh': Too many levels of symbolic links");
    assert_int_equal(entries_of(state, "victim"), 0);
}

/* Her own link leads through one that is not hers. */
static void a_link_of_somebody_else_on_the_way_is_not_followed(void **state)
{
    if (geteuid() != 0)
        skip();
    write_keys(state, "");
    assert_int_equal(unlink(tempdir_path(state, KEYS)), 0);
    make_dir(state, "victim", 0777, ann_uid());
    tempdir_write(state, "victim/keys", KEY_B "\n");
    own(state, "victim/keys", ann_uid());
    make_link(state, "victim", "door", 4242);
    make_link(state, "/door/keys", KEYS, ann_uid());
    reply_fails(cmd_ssh_get_authorized_keys, *state, arguments("ann", NULL, NULL),
                "failed to read '/home/ann/.ssh/authorized_keys': "
                "Too many levels of symbolic links");
    reply_fails(cmd_ssh_add_authorized_keys, *state, with_reset(arguments("ann", KEY_A, NULL)),
                "failed to write '/home/ann/.ssh/authorized_keys': "
                "Too many levels of symbolic links");
    assert_string_equal(tempdir_read(state, "victim/keys"), KEY_B "\n");
}

static void links_that_go_round_end(void **state)
{
    write_keys(state, "");
    assert_int_equal(unlink(tempdir_path(state, KEYS)), 0);
    make_link(state, "authorized_keys", KEYS, ann_uid());
    reply_fails(cmd_ssh_get_authorized_keys, *state, arguments("ann", NULL, NULL),
                "failed to read '/home/ann/.ssh/authorized_keys': "
                "Too many levels of symbolic links");
}

static void a_file_with_two_names_or_another_owner_is_not_written(void **state)
{
    write_keys(state, KEY_B "\n");
    assert_int_equal(link(tempdir_path(state, KEYS), tempdir_path(state, "home/ann/other")), 0);
    reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("ann", KEY_A, NULL),
                "failed to write '/home/ann/.ssh/authorized_keys': Too many links");
    assert_int_equal(unlink(tempdir_path(state, "home/ann/other")), 0);
    if (geteuid() == 0) {
        own(state, KEYS, 4242);
        assert_int_equal(chmod(tempdir_path(state, KEYS), 0644), 0);
        reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("ann", KEY_A, NULL),
                    "failed to write '/home/ann/.ssh/authorized_keys': Operation not permitted");
    }
    assert_string_equal(tempdir_read(state, KEYS), KEY_B "\n");
    own(state, KEYS, ann_uid());
    add(state, arguments("ann", KEY_A, NULL));
}

static void a_hard_link_to_a_file_that_the_user_may_not_read_is_not_read(void **state)
{
    if (geteuid() != 0)
        skip();
    write_keys(state, "");
    assert_int_equal(unlink(tempdir_path(state, KEYS)), 0);
    tempdir_write(state, "secret", "top secret\n");
    assert_int_equal(chmod(tempdir_path(state, "secret"), 0600), 0);
    assert_int_equal(link(tempdir_path(state, "secret"), tempdir_path(state, KEYS)), 0);
    reply_fails(cmd_ssh_get_authorized_keys, *state, arguments("ann", NULL, NULL),
                "failed to read '/home/ann/.ssh/authorized_keys': Permission denied");
}

static void a_fifo_in_place_of_the_file_does_not_hold_the_worker(void **state)
{
    write_keys(state, "");
    assert_int_equal(unlink(tempdir_path(state, KEYS)), 0);
    assert_int_equal(mkfifo(tempdir_path(state, KEYS), 0600), 0);
    own(state, KEYS, ann_uid());
    reply_fails(cmd_ssh_get_authorized_keys, *state, arguments("ann", NULL, NULL),
                "failed to read '/home/ann/.ssh/authorized_keys': Invalid argument");
}

static void a_home_that_belongs_to_somebody_else_is_refused(void **state)
{
    if (geteuid() != 0)
        skip();
    own(state, "home/ann", 4242);
    reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("ann", KEY_A, NULL),
                "'/home/ann' does not belong to user 'ann'");
    assert_int_equal(entries_of(state, "home/ann"), 0);
}

static void where_the_user_may_not_write_the_agent_does_not_either(void **state)
{
    if (geteuid() != 0)
        skip();
    own(state, "home/ann", 0);
    reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("ann", KEY_A, NULL),
                "failed to open directory '/home/ann/.ssh': Permission denied");
    assert_int_equal(entries_of(state, "home/ann"), 0);
}

static void the_agents_own_rights_are_back_afterwards(void **state)
{
    gid_t before[64], after[64];
    int count = getgroups(64, before);

    add(state, arguments("ann", KEY_A, NULL));
    assert_int_equal(setfsuid((uid_t)-1), geteuid());
    assert_int_equal(setfsgid((gid_t)-1), getegid());
    assert_int_equal(getgroups(64, after), count);
    assert_memory_equal(before, after, (size_t)MAX_OF(count, 0) * sizeof(gid_t));
}

static void a_file_too_big_is_refused_and_left_alone(void **state)
{
    CLEANUP(buf_done) struct buf text = { 0 };

    for (int i = 0; i < 40000; i++)
        buf_puts(&text, "ssh-ed25519 AAAA and so on\n");
    write_keys(state, buf_terminate(&text));
    reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("ann", KEY_A, NULL),
                "failed to read '/home/ann/.ssh/authorized_keys': File too large");
    assert_int_equal(stat_of(state, KEYS).st_size, text.len);
}

static void a_failed_write_keeps_the_old_file_and_leaves_no_other(void **state)
{
    write_keys(state, KEY_B "\n");
    own(state, "home/ann/.ssh", 0);
    if (geteuid() != 0)
        assert_int_equal(chmod(tempdir_path(state, "home/ann/.ssh"), 0500), 0);
    else
        assert_int_equal(chmod(tempdir_path(state, "home/ann/.ssh"), 0755), 0);
    reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("ann", KEY_A, NULL),
                "failed to write '/home/ann/.ssh/authorized_keys': Permission denied");
    assert_int_equal(chmod(tempdir_path(state, "home/ann/.ssh"), 0700), 0);
    assert_string_equal(tempdir_read(state, KEYS), KEY_B "\n");
    assert_int_equal(entries_of(state, "home/ann/.ssh"), 1);
}

static void a_lock_that_is_never_given_back_is_an_error(void **state)
{
    int fd;

    write_keys(state, KEY_B "\n");
    fd = open(tempdir_path(state, "home/ann/.ssh"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    reply_fails(cmd_ssh_add_authorized_keys, *state, arguments("ann", KEY_A, NULL),
                "failed to lock directory '/home/ann/.ssh': Resource temporarily unavailable");
    fd_close(fd);
    assert_string_equal(tempdir_read(state, KEYS), KEY_B "\n");
}

#define KEY_TEST(test) cmocka_unit_test_setup_teardown(test, setup, tempdir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEY_TEST(add_makes_directory_and_file_for_the_user_alone),
        KEY_TEST(add_keeps_every_line_and_its_order_and_skips_known_keys),
        KEY_TEST(a_key_given_twice_is_added_once),
        KEY_TEST(reset_replaces_everything),
        KEY_TEST(get_lists_keys_in_order_without_comments_and_blanks),
        KEY_TEST(get_of_a_missing_file_is_an_error_that_says_so),
        KEY_TEST(remove_takes_the_keys_out_and_ignores_others),
        KEY_TEST(remove_without_a_match_leaves_the_file_as_it_is),
        KEY_TEST(remove_from_a_missing_file_or_home_is_no_error),
        KEY_TEST(an_unknown_user_is_reported_in_the_references_words),
        KEY_TEST(what_is_no_key_is_refused_before_the_user_is_looked_up),
        KEY_TEST(a_blank_key_is_accepted_and_adds_nothing),
        KEY_TEST(a_blank_key_removes_no_blank_line),
        KEY_TEST(a_user_without_home_gets_a_clear_error),
        KEY_TEST(keys_are_found_through_links_of_the_user),
        KEY_TEST(an_absolute_link_begins_at_the_root),
        KEY_TEST(a_link_of_somebody_else_is_not_followed),
        KEY_TEST(a_link_of_somebody_else_on_the_way_is_not_followed),
        KEY_TEST(links_that_go_round_end),
        KEY_TEST(a_file_with_two_names_or_another_owner_is_not_written),
        KEY_TEST(a_hard_link_to_a_file_that_the_user_may_not_read_is_not_read),
        KEY_TEST(a_fifo_in_place_of_the_file_does_not_hold_the_worker),
        KEY_TEST(a_home_that_belongs_to_somebody_else_is_refused),
        KEY_TEST(where_the_user_may_not_write_the_agent_does_not_either),
        KEY_TEST(the_agents_own_rights_are_back_afterwards),
        KEY_TEST(a_file_too_big_is_refused_and_left_alone),
        KEY_TEST(a_failed_write_keeps_the_old_file_and_leaves_no_other),
        KEY_TEST(a_lock_that_is_never_given_back_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
