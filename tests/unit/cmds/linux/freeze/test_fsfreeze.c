#include "cmds/linux/freeze/fsfreeze.h"

#include "base/frozen.h"
#include "cmds/linux/freeze/freeze_marker.h"
#include "cmds/linux/freeze/freeze_thaw.h"
#include "cmds/linux/freeze/freeze_timer.h"
#include "unit/cmds/linux/fake_fs.h"
#include "unit/cmds/linux/guest_tree.h"

#define MOUNTINFO                                                                                  \
    "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"                                                         \
    "2 1 0:9 / /run rw - tmpfs tmpfs rw\n"                                                         \
    "3 1 8:2 / /boot rw - ext4 /dev/sda2 rw\n"                                                     \
    "4 1 8:3 / /data rw - xfs /dev/sda3 rw\n"                                                      \
    "5 1 8:3 /www /www rw - xfs /dev/sda3 rw\n"

struct guest {
    struct guest_tree tree;
    struct freeze_config config;
    struct cmd_env env;
    struct state *store;
};

static int set_up(void **state)
{
    struct guest *guest = calloc(1, sizeof(*guest));

    assert_non_null(guest);
    tree_init(&guest->tree);
    tree_write(&guest->tree, "/proc/self/mountinfo", MOUNTINFO, 0644);
    tree_write(&guest->tree, "/proc/sys/kernel/random/boot_id", "boot-1\n", 0644);
    assert_int_equal(state_open(guest->tree.dir, &guest->store), 0);
    ga_frozen_init(guest->store);
    guest->config.hook_timeout_sec = 100;
    guest->env.root = guest->tree.root;
    guest->env.freeze = &guest->config;
    freeze_limits = (struct freeze_limits){ .patience_ms = 10000, .second_in_ms = 1000 };
    fake_fs_reset();
    *state = guest;
    return 0;
}

static int tear_down(void **state)
{
    struct guest *guest = *state;

    fsfreeze_finish(&guest->env);
    assert_false(ga_is_frozen());
    state_close(guest->store);
    tree_done(&guest->tree);
    free(guest);
    return 0;
}

/* The number a command answered with; -1 and its text in `error` (may be NULL: unexpected). */
static int64_t run(command_fn *command, struct guest *guest, void *args, char **ret_error)
{
    struct cmd_reply reply = { 0 };
    int64_t value = -1;

    if (command(&guest->env, args, &reply) == 0)
        value = json_object_get_int64(reply.value);
    else if (!ret_error)
        fail_msg("%s", reply.error.text);
    else
        *ret_error = TAKE_PTR(reply.error.text);
    json_object_put(reply.value);
    cmd_error_done(&reply.error);
    return value;
}

static int64_t freeze(struct guest *guest)
{
    return run(cmd_fsfreeze_freeze, guest, NULL, NULL);
}

static int64_t freeze_list(struct guest *guest, const char *first, const char *second)
{
    char names[2][32];
    struct arg_str items[2] = { { .text = names[0] }, { .text = names[1] } };
    struct freeze_list_args args = {
        .mountpoints = { .items = items, .count = second ? 2 : 1 },
        .has_mountpoints = true,
    };

    snprintf(names[0], sizeof(names[0]), "%s", first);
    snprintf(names[1], sizeof(names[1]), "%s", second ? second : "");
    return run(cmd_fsfreeze_freeze_list, guest, &args, NULL);
}

static int64_t thaw(struct guest *guest)
{
    return run(cmd_fsfreeze_thaw, guest, NULL, NULL);
}

static void assert_fails(command_fn *command, struct guest *guest, const char *text)
{
    char *error = NULL;

    assert_int_equal(run(command, guest, NULL, &error), -1);
    assert_string_equal(error, text);
    free(error);
}

static void assert_status(struct guest *guest, const char *status)
{
    struct cmd_reply reply = { 0 };

    assert_int_equal(cmd_fsfreeze_status(&guest->env, NULL, &reply), 0);
    assert_string_equal(json_object_get_string(reply.value), status);
    json_object_put(reply.value);
}

static void install_hook(struct guest *guest, const char *body)
{
    char script[512];

    snprintf(script, sizeof(script), "#!/bin/sh\necho $1 >>%s/hook.log\n%s\n", guest->tree.dir,
             body);
    tree_write(&guest->tree, "/hook", script, 0755);
    guest->config.hook = "/hook";
}

static void assert_hooks(struct guest *guest, const char *log)
{
    assert_string_equal(tree_read(&guest->tree, "/hook.log"), log);
}

/* Bounded: the automatic thaw has no event to wait for from outside. */
static void wait_thawed(void)
{
    for (int i = 0; i < 2000 && ga_is_frozen(); i++)
        nanosleep(&(struct timespec){ .tv_nsec = 10 * NSEC_PER_MSEC }, NULL);
    assert_false(ga_is_frozen());
}

static void freeze_goes_against_mount_order_and_thaw_with_it(void **state)
{
    struct guest *guest = *state;

    assert_status(guest, "thawed");
    assert_int_equal(freeze(guest), 3);
    assert_status(guest, "frozen");
    assert_int_equal(thaw(guest), 3);
    assert_status(guest, "thawed");
    assert_string_equal(fake.done, "+/data +/boot +/ -/ -/boot -/data");
}

static void thaw_when_thawed_is_zero(void **state)
{
    assert_int_equal(thaw(*state), 0);
}

static void freeze_when_frozen_is_refused_like_any_command(void **state)
{
    struct guest *guest = *state;
    struct cmd_reply reply = { 0 };

    freeze(guest);
    assert_int_equal(cmd_fsfreeze_freeze(&guest->env, NULL, &reply), -1);
    assert_int_equal(reply.error.class, CMD_ERROR_NOT_FOUND);
    assert_string_equal(reply.error.text, "Command guest-fsfreeze-freeze has been disabled: "
                                          "the command is not allowed");
    cmd_error_done(&reply.error);
    assert_int_equal(thaw(guest), 3);
}

static void a_list_freezes_what_it_names_by_any_mount(void **state)
{
    struct guest *guest = *state;

    assert_int_equal(freeze_list(guest, "/www", "/nowhere"), 1);
    assert_int_equal(thaw(guest), 1);
    assert_string_equal(fake.done, "+/data -/data");
}

static void a_list_of_unknown_names_freezes_nothing(void **state)
{
    struct guest *guest = *state;

    install_hook(guest, "exit 0");
    assert_int_equal(freeze_list(guest, "/nowhere", NULL), 0);
    assert_status(guest, "thawed");
    assert_hooks(guest, "freeze\nthaw\n");
    assert_false(state_marker_get(guest->store, NULL, 0));
}

static void an_omitted_list_freezes_all(void **state)
{
    struct guest *guest = *state;
    struct freeze_list_args args = { 0 };

    assert_int_equal(run(cmd_fsfreeze_freeze_list, guest, &args, NULL), 3);
    assert_int_equal(thaw(guest), 3);
}

static void excluded_filesystems_are_left_alone(void **state)
{
    struct guest *guest = *state;
    const char *const exclude[] = { "/www", NULL };

    guest->config.exclude = exclude;
    assert_int_equal(freeze(guest), 2);
    assert_int_equal(thaw(guest), 2);
    assert_string_equal(fake.done, "+/boot +/ -/ -/boot");
}

static void a_filesystem_that_cannot_freeze_is_ignored(void **state)
{
    struct guest *guest = *state;

    fake.fail_on = "/boot";
    fake.error = EOPNOTSUPP;
    assert_int_equal(freeze(guest), 2);
    assert_int_equal(thaw(guest), 2);
}

static void one_that_is_frozen_already_is_not_counted_but_thawed(void **state)
{
    struct guest *guest = *state;
    struct mount boot = { .target = (char[]){ "/boot" }, .major = 8, .minor = 2 };

    fake_freeze(fake_open(&guest->tree.root, &boot));
    assert_int_equal(freeze(guest), 2);
    assert_int_equal(thaw(guest), 3);
}

static void a_failure_thaws_everything_and_names_mount_and_errno(void **state)
{
    struct guest *guest = *state;

    install_hook(guest, "exit 0");
    fake.fail_on = "/boot";
    fake.error = EIO;
    assert_fails(cmd_fsfreeze_freeze, guest, "failed to freeze /boot: Input/output error");
    assert_string_equal(fake.done, "+/data -/data");
    assert_status(guest, "thawed");
    assert_hooks(guest, "freeze\nthaw\n");
    assert_false(state_marker_get(guest->store, NULL, 0));
}

static void what_is_in_the_way_of_one_mount_does_not_end_a_freeze_of_all(void **state)
{
    static const int errors[] = { EACCES, ENOENT, ENXIO, ENOTDIR, ELOOP, ESTALE };
    struct guest *guest = *state;

    fake.fail_open_on = "/boot";
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        fake.error = errors[i];
        assert_int_equal(freeze(guest), 2);
        assert_int_equal(thaw(guest), 2);
        assert_status(guest, "thawed");
    }
}

static void a_mount_that_cannot_be_opened_for_another_reason_is_a_failure(void **state)
{
    static const int errors[] = { EIO, EMFILE, ENOMEM };
    struct guest *guest = *state;

    fake.fail_open_on = "/boot";
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        char text[128];

        fake.error = errors[i];
        snprintf(text, sizeof(text), "failed to open /boot: %s", strerror(errors[i]));
        assert_fails(cmd_fsfreeze_freeze, guest, text);
        assert_int_equal(fake_fs_frozen_count(), 0);
        assert_status(guest, "thawed");
    }
}

static void a_name_of_a_list_that_cannot_be_opened_is_a_failure(void **state)
{
    struct guest *guest = *state;
    struct arg_str item = { .text = (char[]){ "/boot" } };
    struct freeze_list_args args = { .mountpoints = { .items = &item, .count = 1 },
                                     .has_mountpoints = true };
    char *error = NULL;

    fake.fail_open_on = "/boot";
    fake.error = EACCES;
    assert_int_equal(run(cmd_fsfreeze_freeze_list, guest, &args, &error), -1);
    assert_string_equal(error, "failed to open /boot: Permission denied");
    free(error);
    assert_status(guest, "thawed");
}

/* A mount over /data, and a FUSE of a user with a filesystem in it: neither is opened. */
static void mounts_that_the_table_shows_as_hidden_are_never_opened(void **state)
{
    struct guest *guest = *state;

    tree_write(&guest->tree, "/proc/self/mountinfo",
               "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
               "2 1 8:2 / /data rw - ext4 /dev/sda2 rw\n"
               "3 2 0:9 / /data rw - tmpfs tmpfs rw\n"
               "4 1 0:10 / /home/u/fuse rw - fuse.sshfs host rw\n"
               "5 4 8:3 / /home/u/fuse/disk rw - ext4 /dev/sda3 rw\n"
               "6 1 8:4 / /ntfs rw - fuseblk /dev/sda4 rw\n",
               0644);
    assert_int_equal(freeze(guest), 1);
    assert_int_equal(thaw(guest), 1);
    assert_string_equal(fake.done, "+/ -/");
    assert_int_equal(fake.count, 1);
}

static void a_hidden_mount_is_reached_through_another(void **state)
{
    struct guest *guest = *state;

    fake.fail_open_on = "/data";
    fake.error = ESTALE;
    assert_int_equal(freeze(guest), 3);
    assert_string_equal(fake.done, "+/www +/boot +/");
    assert_int_equal(thaw(guest), 3);
}

/* umount -l, a mount over it, no descriptors, no memory: the thaw needs no path. */
static void a_thaw_needs_neither_path_nor_table(void **state)
{
    static const int errors[] = { ENOENT, ESTALE, EACCES, EMFILE, ENOMEM };
    struct guest *guest = *state;

    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        assert_int_equal(freeze(guest), 3);
        fake.fail_open_on = "/boot";
        fake.error = errors[i];
        assert_int_equal(thaw(guest), 3);
        assert_int_equal(fake_fs_frozen_count(), 0);
        fake.fail_open_on = NULL;
    }
    assert_int_equal(freeze(guest), 3);
    tree_write(&guest->tree, "/proc/self/mountinfo", "", 0644);
    assert_int_equal(thaw(guest), 3);
    assert_int_equal(fake_fs_frozen_count(), 0);
}

static void what_cannot_be_thawed_stays_frozen_and_is_named(void **state)
{
    struct guest *guest = *state;

    install_hook(guest, "exit 0");
    assert_int_equal(freeze(guest), 3);
    fake.fail_thaw_on = "/boot";
    fake.error = EIO;
    assert_fails(cmd_fsfreeze_thaw, guest, "failed to thaw /boot: Input/output error");
    assert_status(guest, "frozen");
    assert_true(state_marker_get(guest->store, NULL, 0));
    assert_int_equal(fake_fs_frozen_count(), 1);
    assert_hooks(guest, "freeze\n");
    fake.fail_thaw_on = NULL;
    assert_int_equal(thaw(guest), 1);
    assert_status(guest, "thawed");
    assert_false(state_marker_get(guest->store, NULL, 0));
    assert_hooks(guest, "freeze\nthaw\n");
}

static void set_fail_thaw(const char *target)
{
    PTOK(pthread_mutex_lock(&fake.lock));
    fake.fail_thaw_on = target;
    PTOK(pthread_mutex_unlock(&fake.lock));
}

static void what_cannot_be_thawed_is_tried_again_without_the_host(void **state)
{
    struct guest *guest = *state;

    assert_int_equal(freeze(guest), 3);
    fake.error = EIO;
    set_fail_thaw("/");
    freeze_limits.second_in_ms = 10;
    guest->config.hook_timeout_sec = 10000;
    assert_fails(cmd_fsfreeze_thaw, guest, "failed to thaw /: Input/output error");
    set_fail_thaw(NULL);
    wait_thawed();
    assert_int_equal(fake_fs_frozen_count(), 0);
}

static void a_freeze_that_cannot_be_undone_says_so_and_is_tried_again(void **state)
{
    struct guest *guest = *state;

    fake.fail_on = "/boot";
    fake.fail_thaw_on = "/data";
    fake.error = EIO;
    freeze_limits.second_in_ms = 10;
    guest->config.hook_timeout_sec = 10000;
    assert_fails(cmd_fsfreeze_freeze, guest,
                 "failed to freeze /boot: Input/output error; and failed to thaw /data: "
                 "Input/output error");
    set_fail_thaw(NULL);
    wait_thawed();
    assert_int_equal(fake_fs_frozen_count(), 0);
}

static void a_thaw_when_thawed_thaws_what_somebody_else_froze(void **state)
{
    struct guest *guest = *state;
    const char *const exclude[] = { "/boot", NULL };
    struct mount boot = { .target = (char[]){ "/boot" }, .major = 8, .minor = 2 };

    install_hook(guest, "exit 0");
    guest->config.exclude = exclude;
    fake_freeze(fake_open(&guest->tree.root, &boot));
    assert_int_equal(thaw(guest), 1);
    assert_hooks(guest, "thaw\n");
    assert_int_equal(thaw(guest), 0);
    assert_hooks(guest, "thaw\n");
    fake.fail_open_on = "/boot";
    fake.error = EMFILE;
    assert_int_equal(thaw(guest), 0);
}

static void a_btrfs_without_its_device_node_is_frozen_through_its_mount(void **state)
{
    struct guest *guest = *state;

    tree_write(&guest->tree, "/proc/self/mountinfo",
               "1 0 0:31 / / rw - btrfs /dev/gone rw\n"
               "2 1 0:31 /home /home rw - btrfs /dev/gone rw\n",
               0644);
    assert_int_equal(freeze(guest), 1);
    assert_int_equal(thaw(guest), 1);
    assert_string_equal(fake.done, "+/ -/");
}

static void hooks_come_in_pairs(void **state)
{
    struct guest *guest = *state;

    install_hook(guest, "exit 0");
    freeze(guest);
    assert_hooks(guest, "freeze\n");
    thaw(guest);
    assert_hooks(guest, "freeze\nthaw\n");
}

static void a_hook_that_fails_vetoes_the_freeze_and_runs_at_the_thaw(void **state)
{
    struct guest *guest = *state;

    install_hook(guest, "[ $1 = thaw ] || exit 3");
    assert_fails(cmd_fsfreeze_freeze, guest, "fsfreeze hook has failed with status 3");
    assert_string_equal(fake.done, "");
    assert_hooks(guest, "freeze\nthaw\n");
}

static void the_last_words_of_a_hook_are_in_the_error(void **state)
{
    struct guest *guest = *state;
    char *error = NULL;

    install_hook(guest, "[ $1 = thaw ] && exit; echo database is down >&2; exit 3");
    assert_fails(cmd_fsfreeze_freeze, guest,
                 "fsfreeze hook has failed with status 3: database is down");
    install_hook(guest,
                 "[ $1 = thaw ] && exit; for i in $(seq 5000); do echo line $i; done; exit 1");
    assert_int_equal(run(cmd_fsfreeze_freeze, guest, NULL, &error), -1);
    assert_non_null(strstr(error, "line 5000"));
    assert_null(strstr(error, "line 1\n"));
    assert_in_range(strlen(error), 1024, 1024 + 64);
    free(error);
    /* however much it said before */
    install_hook(guest, "[ $1 = thaw ] && exit; head -c 300000 /dev/zero; echo last; exit 1");
    assert_int_equal(run(cmd_fsfreeze_freeze, guest, NULL, &error), -1);
    assert_non_null(strstr(error, " last"));
    free(error);
}

static void a_hook_that_is_killed_is_a_failure(void **state)
{
    struct guest *guest = *state;

    install_hook(guest, "[ $1 = thaw ] || kill -9 $$");
    assert_fails(cmd_fsfreeze_freeze, guest, "fsfreeze hook has terminated abnormally");
}

static void a_hook_that_hangs_is_ended(void **state)
{
    struct guest *guest = *state;

    install_hook(guest, "[ $1 = thaw ] || sleep 1000");
    freeze_limits.second_in_ms = 10;
    guest->config.hook_timeout_sec = 10;
    assert_fails(cmd_fsfreeze_freeze, guest, "fsfreeze hook did not end within 10 s");
    assert_status(guest, "thawed");
}

static void a_missing_hook_is_an_error_and_no_thaw_hook_runs(void **state)
{
    struct guest *guest = *state;

    guest->config.hook = "/missing";
    assert_fails(cmd_fsfreeze_freeze, guest,
                 "can't access fsfreeze hook '/missing': No such file or directory");
    assert_string_equal(fake.done, "");
}

static void a_hook_that_others_may_change_is_not_run(void **state)
{
    struct guest *guest = *state;
    char text[256];

    install_hook(guest, "exit 0");
    snprintf(text, sizeof(text), "%s/hook", guest->tree.dir);
    assert_int_equal(chmod(text, 0777), 0);
    snprintf(text, sizeof(text),
             "fsfreeze hook '/hook' is not run: %s/hook is writable for everybody",
             guest->tree.dir);
    assert_fails(cmd_fsfreeze_freeze, guest, text);
    assert_hooks(guest, "");
    assert_string_equal(fake.done, "");
}

static void a_thaw_hook_that_fails_is_reported_but_all_is_thawed(void **state)
{
    struct guest *guest = *state;

    install_hook(guest, "[ $1 = freeze ] || exit 1");
    freeze(guest);
    assert_fails(cmd_fsfreeze_thaw, guest, "fsfreeze hook has failed with status 1");
    assert_status(guest, "thawed");
    assert_int_equal(fake_fs_frozen_count(), 0);
}

static void a_missing_mount_table_is_an_error_and_pairs_the_hook(void **state)
{
    struct guest *guest = *state;

    char path[256];

    install_hook(guest, "exit 0");
    snprintf(path, sizeof(path), "%s/proc/self/mountinfo", guest->tree.dir);
    assert_int_equal(unlink(path), 0);
    assert_fails(cmd_fsfreeze_freeze, guest,
                 "failed to read the mount table: No such file or directory");
    assert_hooks(guest, "freeze\nthaw\n");
}

static void the_marker_stands_while_frozen(void **state)
{
    struct guest *guest = *state;
    char text[STATE_MARKER_MAX];

    freeze(guest);
    assert_true(state_marker_get(guest->store, text, sizeof(text)));
    assert_non_null(strstr(text, "thaw-at-ms=-1 boot=boot-1 pid="));
    thaw(guest);
    assert_false(state_marker_get(guest->store, NULL, 0));
}

/* As after kill -9: the filesystems are frozen, the process knows nothing but the marker. */
static void restart_frozen(struct guest *guest, const char *marker)
{
    struct mount mounts[] = {
        { .target = (char[]){ "/" }, .major = 8, .minor = 1 },
        { .target = (char[]){ "/data" }, .major = 8, .minor = 3 },
    };

    for (size_t i = 0; i < ARRAY_LEN(mounts); i++)
        fake_freeze(fake_open(&guest->tree.root, &mounts[i]));
    assert_int_equal(state_marker_set(guest->store, marker), 0);
    ga_frozen_init(guest->store);
    fsfreeze_resume(&guest->env, guest->store);
}

static void thaw_works_after_a_restart(void **state)
{
    struct guest *guest = *state;
    const char *const exclude[] = { "/data", NULL };

    install_hook(guest, "exit 0");
    guest->config.exclude = exclude; /* new: the old process froze it */
    restart_frozen(guest, "thaw-at-ms=-1 boot=boot-1\n");
    assert_status(guest, "frozen");
    assert_int_equal(thaw(guest), 2);
    assert_hooks(guest, "thaw\n");
}

static void remove_table(struct guest *guest)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/proc/self/mountinfo", guest->tree.dir);
    assert_int_equal(unlink(path), 0);
}

static void a_thaw_after_a_restart_without_a_mount_table_can_be_tried_again(void **state)
{
    struct guest *guest = *state;

    restart_frozen(guest, "thaw-at-ms=-1 boot=boot-1\n");
    remove_table(guest);
    assert_fails(cmd_fsfreeze_thaw, guest,
                 "failed to read the mount table: No such file or directory");
    assert_status(guest, "frozen");
    tree_write(&guest->tree, "/proc/self/mountinfo", MOUNTINFO, 0644);
    assert_int_equal(thaw(guest), 2);
}

static void a_thaw_after_a_restart_that_cannot_open_or_thaw_stays_frozen(void **state)
{
    struct guest *guest = *state;

    restart_frozen(guest, "thaw-at-ms=-1 boot=boot-1\n");
    fake.fail_open_on = "/";
    fake.error = EMFILE;
    assert_fails(cmd_fsfreeze_thaw, guest, "failed to thaw /: Too many open files");
    assert_status(guest, "frozen");
    fake.fail_open_on = NULL;
    fake.fail_thaw_on = "/";
    fake.error = EIO;
    assert_fails(cmd_fsfreeze_thaw, guest, "failed to thaw /: Input/output error");
    fake.fail_thaw_on = NULL;
    assert_int_equal(thaw(guest), 1);
    assert_status(guest, "thawed");
}

static void thaw_left_of_the_program_needs_a_marker(void **state)
{
    struct guest *guest = *state;
    struct cmd_error error = { 0 };
    int64_t count = -1;

    install_hook(guest, "exit 0");
    assert_int_equal(fsfreeze_thaw_left(&guest->env, guest->store, &count, &error), 0);
    assert_int_equal(count, 0);
    assert_hooks(guest, "");
    restart_frozen(guest, "thaw-at-ms=-1 boot=boot-1\n");
    assert_int_equal(fsfreeze_thaw_left(&guest->env, guest->store, &count, &error), 0);
    assert_int_equal(count, 2);
    assert_hooks(guest, "thaw\n");
    assert_false(state_marker_get(guest->store, NULL, 0));
}

/* The agent before was killed in a FIFREEZE that hangs: a zombie with a thread in the kernel. */
static void a_freeze_of_the_agent_before_that_hangs_keeps_the_state(void **state)
{
    static const char stat[] = "77 (qemu-ga) Z 1 1 1 0 -1 1 2 3 4 5 6 7 8 9 20 0 2 0 4711 0 0\n";
    struct guest *guest = *state;
    char path[256];

    tree_write(&guest->tree, "/proc/77/stat", stat, 0644);
    tree_write(&guest->tree, "/proc/77/task/77/x", "", 0644);
    tree_write(&guest->tree, "/proc/77/task/78/x", "", 0644);
    restart_frozen(guest, "thaw-at-ms=-1 boot=boot-1 pid=77 start=4711\n");
    assert_fails(cmd_fsfreeze_thaw, guest,
                 "a freeze of the agent before (pid 77) has not come back");
    assert_status(guest, "frozen");
    snprintf(path, sizeof(path), "%s/proc/77/stat", guest->tree.dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(thaw(guest), 0);
    assert_status(guest, "thawed");
}

static void a_deadline_that_passed_during_the_restart_thaws_at_once(void **state)
{
    struct guest *guest = *state;

    restart_frozen(guest, "thaw-at-ms=1 boot=boot-1\n");
    wait_thawed();
    assert_int_equal(thaw(guest), 0);
    assert_int_equal(fake_fs_frozen_count(), 0);
}

static void a_marker_of_an_earlier_boot_is_thawed_at_once(void **state)
{
    restart_frozen(*state, "thaw-at-ms=-1 boot=boot-0\n");
    wait_thawed();
}

static void a_marker_of_qemu_ga_gets_the_configured_time(void **state)
{
    struct guest *guest = *state;
    struct freeze_job job = { .root = &guest->tree.root, .config = &guest->config };

    assert_int_equal(freeze_marker_left_ms(&job, ""), -1);
    guest->config.freeze_timeout_sec = 600;
    assert_int_equal(freeze_marker_left_ms(&job, ""), 600000);
}

static void the_deadline_survives_in_the_marker(void **state)
{
    struct guest *guest = *state;
    struct freeze_job job = { .root = &guest->tree.root, .config = &guest->config };
    char text[STATE_MARKER_MAX];
    int64_t left_ms;

    freeze_marker_format(&job, 600000, text);
    left_ms = freeze_marker_left_ms(&job, text);
    assert_true(left_ms > 0 && left_ms <= 600000);
}

static void the_guest_thaws_by_itself_and_the_host_gets_zero(void **state)
{
    struct guest *guest = *state;
    char *error = NULL;

    install_hook(guest, "exit 0");
    freeze_limits.second_in_ms = 20;
    guest->config.freeze_timeout_sec = 1;
    guest->config.hook_timeout_sec = 5000;
    /* On a slow machine the time is over before the freeze is. */
    if (run(cmd_fsfreeze_freeze, guest, NULL, &error) < 0)
        assert_string_equal(error, "the freeze was stopped by a thaw");
    free(error);
    wait_thawed();
    assert_int_equal(thaw(guest), 0);
    assert_hooks(guest, "freeze\nthaw\n");
    assert_int_equal(fake_fs_frozen_count(), 0);
}

static void an_automatic_thaw_that_fails_is_tried_again(void **state)
{
    struct guest *guest = *state;
    struct freeze_job job = { .root = &guest->tree.root, .config = &guest->config };

    freeze(guest);
    fake.error = EIO;
    set_fail_thaw("/boot");
    freeze_limits.second_in_ms = 10; /* a tenth of a second between two attempts */
    assert_int_equal(freeze_thaw_after(&job, 1), 0);
    nanosleep(&(struct timespec){ .tv_nsec = 50 * NSEC_PER_MSEC }, NULL);
    assert_status(guest, "frozen");
    set_fail_thaw(NULL);
    wait_thawed();
    assert_int_equal(fake_fs_frozen_count(), 0);
}

static void a_thaw_in_time_disarms_the_timer_for_the_next_freeze(void **state)
{
    struct guest *guest = *state;

    guest->config.freeze_timeout_sec = 600;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(freeze(guest), 3);
        assert_int_equal(thaw(guest), 3);
    }
}

struct freezer {
    struct guest *guest;
    pthread_t thread;
    int64_t result;
    char *error;
};

static void *freezer_main(void *arg)
{
    struct freezer *freezer = arg;

    freezer->result = run(cmd_fsfreeze_freeze, freezer->guest, NULL, &freezer->error);
    return NULL;
}

static void freezer_start(struct freezer *freezer, struct guest *guest)
{
    *freezer = (struct freezer){ .guest = guest };
    PTOK(pthread_create(&freezer->thread, NULL, freezer_main, freezer));
}

static void freezer_join(struct freezer *freezer, const char *error)
{
    struct timespec limit;

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += FAKE_WAIT_SEC;
    PTOK(pthread_timedjoin_np(freezer->thread, NULL, &limit));
    assert_int_equal(freezer->result, -1);
    assert_string_equal(freezer->error, error);
    free(freezer->error);
}

static void *thawer_main(void *arg)
{
    struct freezer *thawer = arg;

    thawer->result = run(cmd_fsfreeze_thaw, thawer->guest, NULL, &thawer->error);
    return NULL;
}

/* Whether the thaw is there before the freeze goes on is up to the machine: either the freeze is
 * stopped and undone, or it ends and is thawed. */
static void a_thaw_during_a_freeze_leaves_nothing_frozen(void **state)
{
    struct guest *guest = *state;
    struct freezer freezer, thawer = { .guest = guest };

    install_hook(guest, "exit 0");
    fake.hang_on = "/boot";
    freezer_start(&freezer, guest);
    fake_fs_wait_hanging();
    PTOK(pthread_create(&thawer.thread, NULL, thawer_main, &thawer));
    nanosleep(&(struct timespec){ .tv_nsec = 50 * NSEC_PER_MSEC }, NULL);
    fake_fs_release();
    PTOK(pthread_join(thawer.thread, NULL));
    PTOK(pthread_join(freezer.thread, NULL));
    if (freezer.result < 0) {
        assert_string_equal(freezer.error, "the freeze was stopped by a thaw");
        assert_int_equal(thawer.result, 0);
        assert_string_equal(fake.done, "+/data +/boot -/boot -/data");
    } else {
        assert_int_equal(freezer.result, 3);
        assert_int_equal(thawer.result, 3);
    }
    free(freezer.error);
    assert_status(guest, "thawed");
    assert_int_equal(fake_fs_frozen_count(), 0);
    assert_hooks(guest, "freeze\nthaw\n");
}

static void a_second_freeze_during_one_is_refused(void **state)
{
    struct guest *guest = *state;
    struct freezer freezer;
    char *error = NULL;

    fake.hang_on = "/boot";
    freezer_start(&freezer, guest);
    fake_fs_wait_hanging();
    assert_int_equal(run(cmd_fsfreeze_freeze, guest, NULL, &error), -1);
    free(error);
    fake_fs_release();
    PTOK(pthread_join(freezer.thread, NULL));
    assert_int_equal(freezer.result, 3);
    assert_int_equal(thaw(guest), 3);
}

static void a_thaw_during_the_freeze_hook_calls_the_freeze_off(void **state)
{
    struct guest *guest = *state;
    struct freezer freezer;

    install_hook(guest, "[ $1 = thaw ] && exit; cd ${0%/*}; for i in $(seq 2000); do "
                        "[ -e go ] && exit; sleep 0.01; done");
    freeze_limits.patience_ms = 20;
    freezer_start(&freezer, guest);
    for (int i = 0; i < 2000 && !*tree_read(&guest->tree, "/hook.log"); i++)
        nanosleep(&(struct timespec){ .tv_nsec = 10 * NSEC_PER_MSEC }, NULL);
    assert_int_equal(thaw(guest), 0);
    tree_write(&guest->tree, "/go", "", 0644);
    freezer_join(&freezer, "the freeze was stopped by a thaw");
    assert_string_equal(fake.done, "");
    assert_hooks(guest, "freeze\nthaw\n");
}

static void wait_for_hook(struct guest *guest)
{
    for (int i = 0; i < 2000 && !*tree_read(&guest->tree, "/hook.log"); i++)
        nanosleep(&(struct timespec){ .tv_nsec = 10 * NSEC_PER_MSEC }, NULL);
}

/* The agent ends while the hook runs: the freeze fails, and the end waits for its thaw hook. */
static void an_end_during_the_freeze_hook_calls_the_freeze_off(void **state)
{
    struct guest *guest = *state;
    struct freezer freezer;

    install_hook(guest, "[ $1 = thaw ] || sleep 0.5");
    freezer_start(&freezer, guest);
    wait_for_hook(guest);
    assert_true(ga_frozen_close());
    fsfreeze_finish(&guest->env);
    assert_hooks(guest, "freeze\nthaw\n");
    freezer_join(&freezer, "the agent is about to end");
    assert_string_equal(fake.done, "");
    assert_false(state_marker_get(guest->store, NULL, 0));
}

static void an_end_leaves_a_queued_freeze_no_chance(void **state)
{
    struct guest *guest = *state;

    install_hook(guest, "exit 0");
    fsfreeze_finish(&guest->env);
    assert_fails(cmd_fsfreeze_freeze, guest, "the agent is about to end");
    assert_hooks(guest, "");
}

static void an_end_thaws_what_is_frozen_with_its_hook(void **state)
{
    struct guest *guest = *state;

    install_hook(guest, "exit 0");
    assert_int_equal(freeze(guest), 3);
    assert_false(ga_frozen_close());
    fsfreeze_finish(&guest->env);
    assert_status(guest, "thawed");
    assert_int_equal(fake_fs_frozen_count(), 0);
    assert_hooks(guest, "freeze\nthaw\n");
    assert_false(state_marker_get(guest->store, NULL, 0));
}

/* A FIFREEZE that hangs is gone round; only hooks are waited for as long as they may take. */
static void an_end_does_not_wait_for_a_stuck_freeze(void **state)
{
    struct guest *guest = *state;
    struct freezer freezer;

    guest->config.hook_timeout_sec = 1000;
    freeze_limits.patience_ms = 20;
    fake.hang_on = "/boot";
    freezer_start(&freezer, guest);
    fake_fs_wait_hanging();
    assert_true(fsfreeze_finish(&guest->env));
    assert_status(guest, "thawed");
    fake_fs_release();
    freezer_join(&freezer, "failed to freeze /boot in time: the guest was thawed meanwhile");
    assert_int_equal(fake_fs_frozen_count(), 0);
    assert_false(state_marker_get(guest->store, NULL, 0));
}

/* The end is told of a thread that is still in its thaw: what it uses must stay. */
static void an_end_beside_a_stuck_automatic_thaw_says_so(void **state)
{
    struct guest *guest = *state;
    struct freeze_job job = { .root = &guest->tree.root, .config = &guest->config };

    guest->config.hook_timeout_sec = 0;
    fake.hang_thaw_on = "/boot";
    assert_int_equal(freeze(guest), 3);
    assert_int_equal(freeze_thaw_after(&job, 0), 0);
    fake_fs_wait_hanging();
    freeze_limits.patience_ms = 20;
    assert_false(fsfreeze_finish(&guest->env));
    assert_status(guest, "frozen");
    state_sync(guest->store);
    fake_fs_release();
    freeze_limits.patience_ms = 10000;
    assert_true(fsfreeze_finish(&guest->env));
    assert_status(guest, "thawed");
    assert_false(state_marker_get(guest->store, NULL, 0));
}

/* Below a network filesystem whose server is away: looked at last, and nothing waits for it. */
static void a_way_that_does_not_answer_keeps_nothing_frozen(void **state)
{
    struct guest *guest = *state;
    struct freezer thawer = { .guest = guest };

    tree_write(&guest->tree, "/proc/self/mountinfo",
               "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
               "2 1 0:9 / /net rw - nfs4 server:/ rw\n"
               "3 2 8:2 / /net/disk rw - vfat /dev/sda2 rw\n",
               0644);
    fake.fail_on = "/net/disk"; /* cannot be frozen, so that no descriptor is kept */
    fake.error = EOPNOTSUPP;
    assert_int_equal(freeze(guest), 1);
    fake.hang_open_on = "/net/disk";
    PTOK(pthread_create(&thawer.thread, NULL, thawer_main, &thawer));
    fake_fs_wait_hanging();
    assert_status(guest, "thawed");
    assert_int_equal(fake_fs_frozen_count(), 0);
    assert_false(state_marker_get(guest->store, NULL, 0));
    fake_fs_release();
    PTOK(pthread_join(thawer.thread, NULL));
    assert_int_equal(thawer.result, 1);
}

/* After a restart only the paths are left, and something was mounted there since. */
static void what_an_earlier_agent_froze_is_thawed_though_it_is_hidden(void **state)
{
    struct mount data = { .target = (char[]){ "/data" }, .major = 8, .minor = 2 };
    struct guest *guest = *state;
    int64_t count;
    int fd;

    tree_write(&guest->tree, "/proc/self/mountinfo",
               "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
               "2 1 8:2 / /data rw - ext4 /dev/sda2 rw\n"
               "3 1 0:9 / /data rw - tmpfs x rw\n",
               0644);
    fd = fake_open(&guest->tree.root, &data);
    assert_int_equal(fake_freeze(fd), 0);
    fake.devices = true;
    assert_int_equal(state_marker_set(guest->store, ""), 0);
    ga_frozen_init(guest->store);
    assert_int_equal(fsfreeze_thaw_left(&guest->env, guest->store, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(fake_fs_frozen_count(), 0);
}

static void a_stuck_freeze_is_overtaken_by_a_thaw(void **state)
{
    struct guest *guest = *state;
    struct freeze_job job = { .root = &guest->tree.root, .config = &guest->config };
    char marker[STATE_MARKER_MAX];
    struct freezer freezer;

    install_hook(guest, "exit 0");
    freeze_limits.patience_ms = 20;
    fake.hang_on = "/boot";
    freezer_start(&freezer, guest);
    fake_fs_wait_hanging();
    assert_status(guest, "frozen");

    assert_int_equal(thaw(guest), 1); /* /data; /boot hangs */
    assert_status(guest, "thawed");
    assert_int_equal(thaw(guest), 0);
    assert_fails(cmd_fsfreeze_freeze, guest, "an earlier freeze still hangs on /boot");
    assert_true(state_marker_get(guest->store, marker, sizeof(marker))); /* until it is undone */
    assert_int_equal(freeze_marker_left_ms(&job, marker), 0);

    fake_fs_release();
    freezer_join(&freezer, "failed to freeze /boot in time: the guest was thawed meanwhile");
    assert_string_equal(fake.done, "+/data -/data +/boot -/boot");
    assert_hooks(guest, "freeze\nthaw\n");
    assert_false(state_marker_get(guest->store, NULL, 0));

    fake.hang_on = NULL;
    assert_int_equal(freeze(guest), 3);
    assert_int_equal(thaw(guest), 3);
}

static void a_stuck_freeze_that_fails_at_last_needs_no_thaw(void **state)
{
    struct guest *guest = *state;
    struct freezer freezer;

    freeze_limits.patience_ms = 20;
    fake.hang_on = fake.fail_on = "/boot";
    fake.error = EIO;
    freezer_start(&freezer, guest);
    fake_fs_wait_hanging();
    assert_int_equal(thaw(guest), 1);
    fake_fs_release();
    freezer_join(&freezer, "failed to freeze /boot in time: the guest was thawed meanwhile");
    assert_string_equal(fake.done, "+/data -/data");
}

static void a_stuck_freeze_is_thawed_by_the_timer(void **state)
{
    struct guest *guest = *state;
    struct freeze_job job = { .root = &guest->tree.root, .config = &guest->config };
    struct freezer freezer;

    freeze_limits.patience_ms = 20;
    guest->config.freeze_timeout_sec = 600;
    fake.hang_on = "/";
    freezer_start(&freezer, guest);
    fake_fs_wait_hanging();
    assert_int_equal(freeze_thaw_after(&job, 1), 0); /* time flies */
    wait_thawed();
    assert_int_equal(thaw(guest), 0);
    fake_fs_release();
    freezer_join(&freezer, "failed to freeze / in time: the guest was thawed meanwhile");
    assert_string_equal(fake.done, "+/data +/boot -/boot -/data +/ -/");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(freeze_goes_against_mount_order_and_thaw_with_it),
        CASE(thaw_when_thawed_is_zero),
        CASE(freeze_when_frozen_is_refused_like_any_command),
        CASE(a_list_freezes_what_it_names_by_any_mount),
        CASE(a_list_of_unknown_names_freezes_nothing),
        CASE(an_omitted_list_freezes_all),
        CASE(excluded_filesystems_are_left_alone),
        CASE(a_filesystem_that_cannot_freeze_is_ignored),
        CASE(one_that_is_frozen_already_is_not_counted_but_thawed),
        CASE(a_failure_thaws_everything_and_names_mount_and_errno),
        CASE(what_is_in_the_way_of_one_mount_does_not_end_a_freeze_of_all),
        CASE(a_mount_that_cannot_be_opened_for_another_reason_is_a_failure),
        CASE(a_name_of_a_list_that_cannot_be_opened_is_a_failure),
        CASE(mounts_that_the_table_shows_as_hidden_are_never_opened),
        CASE(a_hidden_mount_is_reached_through_another),
        CASE(a_thaw_needs_neither_path_nor_table),
        CASE(what_cannot_be_thawed_stays_frozen_and_is_named),
        CASE(what_cannot_be_thawed_is_tried_again_without_the_host),
        CASE(a_freeze_that_cannot_be_undone_says_so_and_is_tried_again),
        CASE(a_thaw_when_thawed_thaws_what_somebody_else_froze),
        CASE(a_btrfs_without_its_device_node_is_frozen_through_its_mount),
        CASE(hooks_come_in_pairs),
        CASE(a_hook_that_fails_vetoes_the_freeze_and_runs_at_the_thaw),
        CASE(the_last_words_of_a_hook_are_in_the_error),
        CASE(a_hook_that_is_killed_is_a_failure),
        CASE(a_hook_that_hangs_is_ended),
        CASE(a_missing_hook_is_an_error_and_no_thaw_hook_runs),
        CASE(a_hook_that_others_may_change_is_not_run),
        CASE(a_thaw_hook_that_fails_is_reported_but_all_is_thawed),
        CASE(a_missing_mount_table_is_an_error_and_pairs_the_hook),
        CASE(the_marker_stands_while_frozen),
        CASE(thaw_works_after_a_restart),
        CASE(a_thaw_after_a_restart_without_a_mount_table_can_be_tried_again),
        CASE(a_thaw_after_a_restart_that_cannot_open_or_thaw_stays_frozen),
        CASE(thaw_left_of_the_program_needs_a_marker),
        CASE(a_freeze_of_the_agent_before_that_hangs_keeps_the_state),
        CASE(a_deadline_that_passed_during_the_restart_thaws_at_once),
        CASE(a_marker_of_an_earlier_boot_is_thawed_at_once),
        CASE(a_marker_of_qemu_ga_gets_the_configured_time),
        CASE(the_deadline_survives_in_the_marker),
        CASE(the_guest_thaws_by_itself_and_the_host_gets_zero),
        CASE(an_automatic_thaw_that_fails_is_tried_again),
        CASE(a_thaw_in_time_disarms_the_timer_for_the_next_freeze),
        CASE(a_thaw_during_a_freeze_leaves_nothing_frozen),
        CASE(a_second_freeze_during_one_is_refused),
        CASE(a_thaw_during_the_freeze_hook_calls_the_freeze_off),
        CASE(an_end_during_the_freeze_hook_calls_the_freeze_off),
        CASE(an_end_leaves_a_queued_freeze_no_chance),
        CASE(an_end_thaws_what_is_frozen_with_its_hook),
        CASE(an_end_does_not_wait_for_a_stuck_freeze),
        CASE(an_end_beside_a_stuck_automatic_thaw_says_so),
        CASE(a_way_that_does_not_answer_keeps_nothing_frozen),
        CASE(what_an_earlier_agent_froze_is_thawed_though_it_is_hidden),
        CASE(a_stuck_freeze_is_overtaken_by_a_thaw),
        CASE(a_stuck_freeze_that_fails_at_last_needs_no_thaw),
        CASE(a_stuck_freeze_is_thawed_by_the_timer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
