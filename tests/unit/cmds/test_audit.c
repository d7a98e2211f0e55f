/*
 * Audit lines of commands that are never sent in a test, and of calls that are larger than a line.
 */
#include "cmds/audit.h"

#include "base/log.h"
#include "cmds/exec/exec.h"
#include "cmds/files/file.h"
#include "cmds/linux/linux.h"
#include "cmds/table.h"
#include "unit/tempdir.h"

static const struct command *row(const char *name)
{
    const struct command *command = command_find(name, strlen(name));

    assert_non_null(command);
    return command;
}

static struct arg_str str(char *text)
{
    return (struct arg_str){ .text = text, .len = strlen(text) };
}

/* What audit_end() writes for such a call. */
static const char *line_of(void **dir, const char *name, const void *args, char *error_text)
{
    struct cmd_error error = { .text = error_text };

    assert_int_equal(log_init(tempdir_path(dir, "log"), true), 0);
    audit_end(row(name), args, &error, NULL, 0);
    log_done();
    return tempdir_read(dir, "log");
}

static void password_and_error_text_are_kept_out(void **dir)
{
    char user[] = "ro\not\"", password[] = "aGlkZGVu", text[] = "chpasswd: (user hidden) failed";
    struct password_args args = { .username = str(user), .password = str(password) };
    const char *line = line_of(dir, "guest-set-user-password", &args, text);

    assert_non_null(strstr(line, "info: guest-set-user-password called, user: \"ro\\x0aot\\\"\", "
                                 "outcome: GenericError\n"));
    assert_null(strstr(line, "hidden"));
    assert_null(strstr(line, password));
}

static void keys_are_kept_out(void **dir)
{
    char user[] = "root", key[] = "ssh-ed25519 AAAA";
    struct arg_str keys[] = { str(key) };
    struct ssh_keys_args args = { .username = str(user), .keys = { keys, 1 } };
    static const char *const names[] = { "guest-ssh-add-authorized-keys",
                                         "guest-ssh-remove-authorized-keys" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *line = line_of(dir, names[i], &args, NULL);

        assert_non_null(strstr(line, "-authorized-keys called, user: \"root\", outcome: ok\n"));
        assert_null(strstr(line, "AAAA"));
    }
}

static void switches_and_modes_are_reported(void **dir)
{
    struct vcpu_arg vcpus[] = { { .logical_id = 1, .online = true }, { .logical_id = 2 } };
    struct set_vcpus_args set = { .vcpus = { vcpus, 2 } };
    char mode[] = "reboot";
    struct shutdown_args shutdown = { .mode = str(mode), .has_mode = true };
    struct set_time_args time = { .time = -5, .has_time = true };

    assert_non_null(strstr(line_of(dir, "guest-set-vcpus", &set, NULL),
                           "guest-set-vcpus called, 2 vcpus: [1 on, 2 off], outcome: ok\n"));
    assert_non_null(strstr(line_of(dir, "guest-shutdown", &shutdown, NULL),
                           "guest-shutdown called, mode: \"reboot\", outcome: ok\n"));
    assert_non_null(strstr(line_of(dir, "guest-set-time", &time, NULL),
                           "guest-set-time called, time: -5, outcome: ok\n"));
}

/* The outcome is not pushed out of the line by what the host sends. */
static void large_call_still_has_its_outcome(void **dir)
{
    static char name[4000];
    struct arg_str items[50];
    struct exec_args args = { .arg = { items, ARRAY_LEN(items) }, .has_arg = true };
    const char *line;

    memset(name, '\x1b', sizeof(name) - 1);
    args.path = str(name);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        items[i] = str(name);
    line = line_of(dir, "guest-exec", &args, name);
    assert_non_null(strstr(line, "... (cut), outcome: GenericError \"\\x1b"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_in_range(strlen(line), 1500, 4000);
}

static void refused_call_is_reported_with_or_without_target(void **dir)
{
    char path[] = "/bin/sh";
    struct exec_args args = { .path = str(path) };

    assert_int_equal(log_init(tempdir_path(dir, "log"), true), 0);
    audit_refused(row("guest-exec"), &args);
    audit_refused(row("guest-exec"), NULL);
    audit_begin(row("guest-exec"), &args);
    audit_begin(row("guest-suspend-ram"), NULL);
    audit_begin(row("guest-shutdown"), NULL);
    audit_begin(row("guest-fsfreeze-freeze"), NULL);
    log_done();
    assert_non_null(
        strstr(tempdir_read(dir, "log"), "guest-exec refused, path: \"/bin/sh\", args: []\n"));
    assert_non_null(strstr(tempdir_read(dir, "log"), "guest-exec refused\n"));
    assert_null(strstr(tempdir_read(dir, "log"), "guest-exec begins"));
    assert_non_null(strstr(tempdir_read(dir, "log"), "guest-suspend-ram begins\n"));
    assert_non_null(strstr(tempdir_read(dir, "log"), "guest-shutdown begins\n"));
    assert_non_null(strstr(tempdir_read(dir, "log"), "guest-fsfreeze-freeze begins\n"));
}

/* Who adds a command that changes the guest says what it is about. */
static void commands_that_change_the_guest_are_audited(void **dir)
{
    for (size_t i = 0; i < all_commands.count; i++) {
        const struct command *command = &all_commands.rows[i];
        bool handles = strcmp(command->name, "guest-file-flush") == 0 ||
                       command->args == args_file_read || command->args == args_file_write ||
                       command->args == args_file_seek;
        bool changes = command->order == ORDER_BARRIER || command->order == ORDER_OPEN ||
                       command->order == ORDER_FILE;

        if (changes && !handles && !(command->flags & CMD_AUDIT))
            fail_msg("%s leaves no audit line", command->name);
        if (command->flags & CMD_AUDIT && command->args && !command->audit &&
            command->args != args_fstrim)
            fail_msg("%s does not say what it is about", command->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_TEMPDIR(password_and_error_text_are_kept_out),
        TEST_IN_TEMPDIR(keys_are_kept_out),
        TEST_IN_TEMPDIR(switches_and_modes_are_reported),
        TEST_IN_TEMPDIR(large_call_still_has_its_outcome),
        TEST_IN_TEMPDIR(refused_call_is_reported_with_or_without_target),
        TEST_IN_TEMPDIR(commands_that_change_the_guest_are_audited),
    };

    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
