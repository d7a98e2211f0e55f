/*
 * Audit lines of commands that are never sent in a test, and of calls that are larger than a line; the
 * fields that a journal gets, and a journal that is stuck.
 */
#include "cmds/audit.h"

#include "base/log.h"
#include "cmds/exec/exec.h"
#include "cmds/files/file.h"
#include "cmds/linux/linux.h"
#include "cmds/table.h"
#include "unit/tempdir.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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

static const struct audit_who somebody = {
    .session = 3, .port = "ge\nneral", .kind = AUDIT_PEER_USER, .id = 1000, .pid = 77
};

static void refuse(const char *name, const void *args)
{
    audit_refused(&(struct audit_call){ .command = row(name), .args = args, .who = somebody });
}

static void begin(const char *name, const void *args)
{
    audit_begin(&(struct audit_call){ .command = row(name), .args = args, .who = somebody });
}

static void end(const char *name, const void *args, char *error_text, const char *value)
{
    struct cmd_error error = { .text = error_text };
    struct audit_call call = { .command = row(name), .args = args, .who = somebody };
    struct audit_outcome outcome = {
        .error = &error, .value = value, .value_len = value ? strlen(value) : 0, .bytes = 42
    };

    audit_begin(&call);
    audit_end(&call, &outcome);
}

/* What audit_end() writes for such a call. */
static const char *line_of(void **dir, const char *name, const void *args, char *error_text)
{
    assert_int_equal(log_init(tempdir_path(dir, "log"), true), 0);
    end(name, args, error_text, NULL);
    log_done();
    return tempdir_read(dir, "log");
}

static void password_and_error_text_are_kept_out(void **dir)
{
    char user[] = "ro\not\"", password[] = "aGlkZGVu", text[] = "chpasswd: (user hidden) failed";
    struct password_args args = { .username = str(user), .password = str(password) };
    const char *line = line_of(dir, "guest-set-user-password", &args, text);

    assert_non_null(strstr(line, "info: guest-set-user-password called, user: \"ro\\x0aot\\\"\", "
                                 "outcome: GenericError, session: 3, "));
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

        assert_non_null(
            strstr(line, "-authorized-keys called, user: \"root\", outcome: ok, session: 3, "));
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

    assert_non_null(
        strstr(line_of(dir, "guest-set-vcpus", &set, NULL),
               "guest-set-vcpus called, 2 vcpus: [1 on, 2 off], outcome: ok, session: 3, "));
    assert_non_null(strstr(line_of(dir, "guest-shutdown", &shutdown, NULL),
                           "guest-shutdown called, mode: \"reboot\", outcome: ok, session: 3, "));
    assert_non_null(strstr(line_of(dir, "guest-set-time", &time, NULL),
                           "guest-set-time called, time: -5, outcome: ok, session: 3, "));
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

/* A journal shows an entry that is no UTF-8 as a blob: nobody would see the call. */
static void cut_leaves_characters_whole(void **dir)
{
    char path[402] = "", arg[481] = "";
    struct arg_str items[3];
    struct exec_args args = { .arg = { items, ARRAY_LEN(items) }, .has_arg = true };
    const char *mark = NULL;
    size_t marks = 0;

    for (size_t i = 0; i < 480; i += 2)
        memcpy(arg + i, "\xc3\xa9", 2);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        items[i] = str(arg);
    /* One of two neighbouring lengths has the end inside a character. */
    for (size_t len = 400; len <= 401; len++) {
        memset(path, 'x', len);
        args.path = str(path);
        mark = line_of(dir, "guest-exec", &args, NULL);
    }
    while ((mark = strstr(mark, "... (cut), outcome: ok"))) {
        assert_memory_equal(mark - 2, "\xc3\xa9", 2);
        mark++;
        marks++;
    }
    assert_int_equal(marks, 2);
}

static void refused_call_is_reported_with_or_without_target(void **dir)
{
    char path[] = "/bin/sh";
    struct exec_args args = { .path = str(path) };

    assert_int_equal(log_init(tempdir_path(dir, "log"), true), 0);
    refuse("guest-exec", &args);
    refuse("guest-exec", NULL);
    begin("guest-exec", &args);
    begin("guest-suspend-ram", NULL);
    begin("guest-shutdown", NULL);
    begin("guest-fsfreeze-freeze", NULL);
    log_done();
    assert_non_null(strstr(tempdir_read(dir, "log"),
                           "guest-exec refused, path: \"/bin/sh\", args: [], session: 3, "));
    assert_non_null(strstr(tempdir_read(dir, "log"), "guest-exec refused, session: 3, "));
    assert_null(strstr(tempdir_read(dir, "log"), "guest-exec begins"));
    assert_non_null(strstr(tempdir_read(dir, "log"), "guest-suspend-ram begins, session: 3, "));
    assert_non_null(strstr(tempdir_read(dir, "log"), "guest-shutdown begins, session: 3, "));
    assert_non_null(strstr(tempdir_read(dir, "log"), "guest-fsfreeze-freeze begins, session: 3, "));
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

/* A journal below the test's directory. */
static int listen_at(void **dir, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", tempdir_path(dir, name));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* With a log of its own that is not verbose, and these sockets; log_done() ends it. */
static void start_log(void **dir)
{
    CLEANUP(free_ptr) char *journal = strdup(tempdir_path(dir, "journal"));

    log_audit_sockets(journal, tempdir_path(dir, "syslog"));
    assert_int_equal(log_init(tempdir_path(dir, "log"), false), 0);
}

static const char *receive(int fd)
{
    static char entry[16384];
    struct pollfd polled = { .fd = fd, .events = POLLIN };
    ssize_t n;

    assert_int_equal(poll(&polled, 1, 30000), 1);
    n = recv(fd, entry, sizeof(entry) - 1, 0);
    assert_true(n > 0);
    entry[n] = '\0';
    return entry;
}

static void the_journal_gets_fields(void **dir)
{
    char path[] = "/bin/sh";
    struct exec_args args = { .path = str(path) };
    int fd = listen_at(dir, "journal");
    const char *entry;

    start_log(dir);
    end("guest-exec", &args, NULL, "{\"pid\": 5}");
    entry = receive(fd);
    assert_ptr_equal(
        strstr(entry, "MESSAGE=guest-exec called, path: \"/bin/sh\", args: [], outcome: ok, "),
        entry);
    assert_non_null(strstr(entry, "\nPRIORITY=6\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=qemu-ga\n"));
    assert_non_null(
        strstr(entry, "\nPQGA_EVENT=called\nPQGA_COMMAND=guest-exec\nPQGA_CLASS=exec\n"));
    assert_non_null(strstr(entry, "\nPQGA_TARGET=path: \"/bin/sh\", args: []\n"));
    assert_non_null(strstr(entry, "\nPQGA_OUTCOME=ok\nPQGA_RESULT={\"pid\": 5}\n"));
    assert_non_null(strstr(entry, "\nPQGA_SESSION=3\nPQGA_PORT=ge\\x0aneral\n"));
    assert_non_null(strstr(entry, "\nPQGA_PEER_UID=1000\nPQGA_PEER_PID=77\nPQGA_BYTES=42\n"));
    assert_non_null(strstr(entry, "\nPQGA_DURATION_USEC="));
    refuse("guest-exec", &args);
    assert_non_null(strstr(receive(fd), "\nPQGA_EVENT=refused\nPQGA_COMMAND=guest-exec\n"));
    log_done();
    assert_string_equal(tempdir_read(dir, "log"), "");
    close(fd);
}

/* Newlines, marks of the record and of the direction of writing, lengths in binary. */
static void names_forge_neither_a_field_nor_an_entry(void **dir)
{
    char path[] =
        "/x\nPQGA_COMMAND=guest-ping\n\x1fPQGA_OUTCOME=ok\n\nMESSAGE\n\x01\x02\xe2\x80\xae";
    char text[] = "no\n\x1fPQGA_OUTCOME=ok";
    struct exec_args args = { .path = str(path) };
    int fd = listen_at(dir, "journal");
    const char *entry;

    start_log(dir);
    end("guest-exec", &args, text, NULL);
    entry = receive(fd);
    assert_null(strstr(entry, "\nPQGA_COMMAND=guest-ping"));
    assert_null(strstr(entry, "\nPQGA_OUTCOME=ok"));
    assert_null(strstr(entry, "\nMESSAGE"));
    assert_null(strchr(entry, '\x1f'));
    assert_non_null(strstr(entry, "\nPQGA_OUTCOME=GenericError \"no\\x0a\\x1fPQGA_OUTCOME=ok\"\n"));
    assert_int_equal(recv(fd, (char[16]){ 0 }, 16, 0), -1);
    log_done();
    close(fd);
}

static void without_a_journal_it_is_syslog_and_then_the_log(void **dir)
{
    int fd = listen_at(dir, "syslog");
    const char *line;

    start_log(dir);
    end("guest-fsfreeze-thaw", NULL, NULL, NULL);
    line = receive(fd);
    assert_memory_equal(line, "<30>", 4);
    assert_non_null(strstr(line, "guest-fsfreeze-thaw called, outcome: ok, session: 3, "));
    assert_null(strchr(line, '\x1f'));
    assert_null(strstr(line, "PQGA_"));
    close(fd);
    unlink(tempdir_path(dir, "syslog"));
    log_done();
    start_log(dir);
    end("guest-fsfreeze-thaw", NULL, NULL, NULL);
    log_done();
    assert_non_null(strstr(tempdir_read(dir, "log"),
                           ": info: guest-fsfreeze-thaw called, outcome: ok, session: 3, "));
    assert_null(strstr(tempdir_read(dir, "log"), "PQGA_"));
}

/* Nobody waits for a journal that takes nothing, and it learns how much it has missed. */
static void a_stuck_journal_costs_lines_that_are_counted(void **dir)
{
    int fd = listen_at(dir, "journal");
    unsigned long made = 5000, got = 0, missing = 0;

    start_log(dir);
    log_start();
    for (unsigned long i = 0; i < made; i++)
        refuse("guest-exec", NULL);
    while (got + missing < made) {
        const char *entry = receive(fd);
        const char *lost = strstr(entry, "\nPQGA_LOST=");

        if (lost)
            missing += strtoul(lost + 11, NULL, 10);
        got += strstr(entry, "\nPQGA_COMMAND=") != NULL;
    }
    assert_true(missing > 0);
    assert_int_equal(got + missing, made);
    log_done();
    close(fd);
}

static void lines_of_a_frozen_guest_come_after_the_thaw(void **dir)
{
    int fd = listen_at(dir, "journal");

    start_log(dir);
    log_hold();
    end("guest-fsfreeze-freeze", NULL, NULL, NULL);
    assert_int_equal(recv(fd, (char[16]){ 0 }, 16, 0), -1);
    log_release();
    assert_non_null(strstr(receive(fd), "guest-fsfreeze-freeze begins"));
    assert_non_null(strstr(receive(fd), "\nPQGA_EVENT=called\n"));
    log_done();
    close(fd);
}

static void levels_choose_the_commands(void **dir)
{
    enum audit_level level;

    (void)dir;
    assert_true(audit_parse_level("all", &level));
    audit_set_level(level);
    assert_true(audit_wants(row("guest-file-read")));
    assert_true(audit_parse_level("no", &level));
    audit_set_level(level);
    assert_false(audit_wants(row("guest-exec")));
    assert_false(audit_parse_level("some", &level));
    assert_true(audit_parse_level("changes", &level));
    audit_set_level(level);
    assert_true(audit_wants(row("guest-exec")));
    assert_false(audit_wants(row("guest-file-read")));
}

/* With audit=all there are lines of commands that return what stands in files. */
static void data_of_files_is_kept_out(void **dir)
{
    struct file_handle_args args = { .handle = 7 };
    const char *entry;
    int fd = listen_at(dir, "journal");

    start_log(dir);
    end("guest-file-read", &args, NULL, "{\"count\":1,\"buf-b64\":\"QQ==\"}");
    entry = receive(fd);
    assert_null(strstr(entry, "QQ=="));
    assert_null(strstr(entry, "PQGA_RESULT"));
    log_done();
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_TEMPDIR(password_and_error_text_are_kept_out),
        TEST_IN_TEMPDIR(keys_are_kept_out),
        TEST_IN_TEMPDIR(switches_and_modes_are_reported),
        TEST_IN_TEMPDIR(large_call_still_has_its_outcome),
        TEST_IN_TEMPDIR(cut_leaves_characters_whole),
        TEST_IN_TEMPDIR(refused_call_is_reported_with_or_without_target),
        TEST_IN_TEMPDIR(commands_that_change_the_guest_are_audited),
        TEST_IN_TEMPDIR(the_journal_gets_fields),
        TEST_IN_TEMPDIR(names_forge_neither_a_field_nor_an_entry),
        TEST_IN_TEMPDIR(without_a_journal_it_is_syslog_and_then_the_log),
        TEST_IN_TEMPDIR(lines_of_a_frozen_guest_come_after_the_thaw),
        TEST_IN_TEMPDIR(levels_choose_the_commands),
        TEST_IN_TEMPDIR(data_of_files_is_kept_out),
        TEST_IN_TEMPDIR(a_stuck_journal_costs_lines_that_are_counted),
    };

    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
