/*
 * Becoming a daemon, in processes of their own: the test starts a "launcher", which detaches as
 * the agent does; the daemon behind it reports on a pipe and goes when the test closes another.
 * And telling the service manager, which here is a socket.
 */
#include "agent/daemon.h"

#include "base/frozen.h"
#include "base/state.h"
#include "unit/config/config_fixture.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define TIME_LIMIT_SEC 20

/* What the daemon finds out about itself. */
struct report {
    pid_t pid, sid;
    mode_t umask;
    char cwd[64];
    bool null_fds;
};

struct launch {
    const char *pidfile;
    const char *statedir; /* not NULL: the guest is found frozen there */
    bool thaw;            /* ... and thawed after the first report */
    int report;           /* the daemon writes a struct report here */
    int release;          /* ... and ends at the end of file here */
    int exit_status;      /* of the launcher */
    int messages;         /* what it said on stderr */
};

static bool is_null(int fd)
{
    struct stat st, null;

    return fstat(fd, &st) == 0 && stat("/dev/null", &null) == 0 && st.st_rdev == null.st_rdev;
}

static void send_report(int fd)
{
    struct report report = { .pid = getpid(), .sid = getsid(0), .umask = umask(0) };

    report.null_fds = is_null(STDIN_FILENO) && is_null(STDOUT_FILENO) && is_null(STDERR_FILENO);
    if (getcwd(report.cwd, sizeof(report.cwd)) == NULL || fd_write_all(fd, &report, sizeof(report)))
        _exit(3);
}

static void find_frozen(const char *dir)
{
    struct state *state;

    if (state_open(dir, &state) < 0 || state_marker_set(state, "") < 0)
        _exit(3);
    ga_frozen_init(state);
}

/* The launcher, and behind daemon_detach() the daemon. */
static _Noreturn void launcher(const struct launch *launch, int report, int release)
{
    char byte;

    alarm(TIME_LIMIT_SEC);
    if (launch->statedir != NULL)
        find_frozen(launch->statedir);
    if (daemon_prepare(launch->pidfile, launch->statedir ? launch->statedir : "/no/such") < 0)
        _exit(EXIT_FAILURE);
    if (daemon_detach() < 0)
        _exit(EXIT_FAILURE);
    alarm(TIME_LIMIT_SEC);
    send_report(report);
    if (launch->thaw) {
        if (read(release, &byte, 1) != 1 || ga_thaw_begin() < 0)
            _exit(3);
        daemon_pidfile_late(); /* too early: nothing happens */
        if (access(launch->pidfile, F_OK) == 0)
            _exit(3);
        ga_unset_frozen();
        daemon_pidfile_late();
        send_report(report);
    }
    if (read(release, &byte, 1) != 0)
        _exit(3);
    daemon_end();
    send_report(report);
    _exit(EXIT_SUCCESS);
}

static void launch_daemon(struct launch *launch)
{
    int report[2], release[2], messages[2], status;
    pid_t pid;

    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    assert_int_equal(pipe2(release, O_CLOEXEC), 0);
    assert_int_equal(pipe2(messages, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        fd_close(report[0]);
        fd_close(release[1]);
        dup2(messages[1], STDERR_FILENO);
        launcher(launch, report[1], release[0]);
    }
    fd_close(report[1]);
    fd_close(release[0]);
    fd_close(messages[1]);
    launch->report = report[0];
    launch->release = release[1];
    launch->messages = messages[0];
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    launch->exit_status = WEXITSTATUS(status);
}

/* The next report, or false when the daemon is gone. */
static bool next_report(struct launch *launch, struct report *ret_report)
{
    struct pollfd fd = { .fd = launch->report, .events = POLLIN };

    assert_int_equal(poll(&fd, 1, TIME_LIMIT_SEC * 1000), 1);
    return read(launch->report, ret_report, sizeof(*ret_report)) == sizeof(*ret_report);
}

/* Lets the daemon end and waits until it has. */
static void end_daemon(struct launch *launch)
{
    struct report report;

    launch->release = fd_close(launch->release);
    while (next_report(launch, &report))
        ;
    fd_close(launch->report);
    fd_close(launch->messages);
}

static void assert_said(struct launch *launch, const char *text)
{
    CLEANUP(buf_done) struct buf said = { 0 };

    assert_int_equal(fd_read_all(launch->messages, KIB, &said), 0);
    assert_non_null(strstr(buf_terminate(&said), text));
}

static void assert_pidfile_of(const char *path, pid_t pid)
{
    CLEANUP(free_ptr) char *text = fixture_read(path);
    char expected[32];
    struct stat st;

    snprintf(expected, sizeof(expected), "%ld\n", (long)pid);
    assert_string_equal(text, expected);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static bool is_locked(const char *path)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETLK, &lock), 0);
    return lock.l_type != F_UNLCK;
}

static void daemon_leaves_session_directory_and_descriptors(void **state)
{
    struct launch launch = { .pidfile = fixture_path(*state, "pid") };
    struct report report;

    launch_daemon(&launch);
    assert_int_equal(launch.exit_status, 0);
    assert_true(next_report(&launch, &report));
    assert_int_equal(report.sid, report.pid);
    assert_int_not_equal(report.sid, getsid(0));
    assert_string_equal(report.cwd, "/");
    assert_int_equal(report.umask, 077);
    assert_true(report.null_fds);
    end_daemon(&launch);
}

static void pid_file_is_there_and_locked_as_long_as_the_daemon(void **state)
{
    struct launch launch = { .pidfile = fixture_path(*state, "pid") };
    struct report report;

    launch_daemon(&launch);
    assert_true(next_report(&launch, &report));
    assert_pidfile_of(launch.pidfile, report.pid);
    assert_true(is_locked(launch.pidfile));
    end_daemon(&launch);
    assert_int_equal(access(launch.pidfile, F_OK), -1);
}

static void stale_pid_file_is_used_again(void **state)
{
    struct launch launch = {
        .pidfile = fixture_write(*state, "pid", "123456789012345\nold lines\n"),
    };
    struct report report;

    assert_int_equal(chmod(launch.pidfile, 0644), 0);
    launch_daemon(&launch);
    assert_int_equal(launch.exit_status, 0);
    assert_true(next_report(&launch, &report));
    assert_pidfile_of(launch.pidfile, report.pid);
    end_daemon(&launch);
}

static void second_daemon_fails_and_leaves_the_file_of_the_first(void **state)
{
    struct launch first = { .pidfile = fixture_path(*state, "pid") }, second = first;
    struct report report, none;

    launch_daemon(&first);
    assert_true(next_report(&first, &report));
    launch_daemon(&second);
    assert_int_equal(second.exit_status, 1);
    assert_said(&second, "Cannot lock pid file: Resource temporarily unavailable");
    assert_false(next_report(&second, &none));
    end_daemon(&second);
    assert_pidfile_of(first.pidfile, report.pid);
    end_daemon(&first);
}

static void failure_behind_the_fork_is_the_exit_status_of_the_launcher(void **state)
{
    struct launch launch = { .pidfile = fixture_path(*state, "no/such/dir/pid") };
    struct report none;

    launch_daemon(&launch);
    assert_int_equal(launch.exit_status, 1);
    assert_said(&launch, "Cannot open pid file: No such file or directory");
    assert_false(next_report(&launch, &none));
    end_daemon(&launch);
}

static void pid_file_waits_for_the_thaw(void **state)
{
    struct fixture *f = *state;
    struct launch launch = {
        .pidfile = fixture_path(f, "pid"),
        .statedir = f->dir,
        .thaw = true,
    };
    struct report report;

    launch_daemon(&launch);
    assert_int_equal(launch.exit_status, 0);
    assert_true(next_report(&launch, &report));
    assert_int_equal(access(launch.pidfile, F_OK), -1);
    assert_int_equal(write(launch.release, "", 1), 1);
    assert_true(next_report(&launch, &report));
    assert_pidfile_of(launch.pidfile, report.pid);
    end_daemon(&launch);
    assert_int_equal(access(launch.pidfile, F_OK), -1);
}

/* A service manager's socket with this name. */
static int manager_socket(const char *name, size_t name_len)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t len = offsetof(struct sockaddr_un, sun_path) + name_len;

    assert_true(fd >= 0 && name_len <= sizeof(address.sun_path));
    memcpy(address.sun_path, name, name_len);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, (socklen_t)len), 0);
    return fd;
}

static void assert_notified_once(int fd)
{
    char text[64];
    ssize_t n = recv(fd, text, sizeof(text), 0);

    assert_int_equal(n, strlen("READY=1"));
    assert_memory_equal(text, "READY=1", (size_t)n);
    assert_int_equal(recv(fd, text, sizeof(text), 0), -1);
    assert_int_equal(errno, EAGAIN);
}

static void readiness_goes_to_the_socket_of_the_manager(void **state)
{
    const char *path = fixture_path(*state, "notify");
    CLEANUP(fd_closep) int fd = manager_socket(path, strlen(path));

    assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
    daemon_notify_ready();
    assert_null(getenv("NOTIFY_SOCKET"));
    daemon_notify_ready();
    assert_notified_once(fd);
}

static void readiness_goes_to_an_abstract_socket(void **state)
{
    char name[64];
    int len = snprintf(name, sizeof(name), "@pqga-test-%ld", (long)getpid());
    CLEANUP(fd_closep) int fd = -1;

    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    name[0] = '\0';
    fd = manager_socket(name, (size_t)len);
    daemon_notify_ready();
    assert_notified_once(fd);
}

static void readiness_that_nobody_can_hear_is_no_failure(void **state)
{
    static const char *const names[] = { "", "/", "relative", "vsock:2:1234", "/no/such/socket" };
    char too_long[200] = "/";

    memset(too_long + 1, 'x', sizeof(too_long) - 2);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        daemon_notify_ready();
        assert_null(getenv("NOTIFY_SOCKET"));
    }
    assert_int_equal(setenv("NOTIFY_SOCKET", too_long, 1), 0);
    daemon_notify_ready();
    assert_null(getenv("NOTIFY_SOCKET"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(daemon_leaves_session_directory_and_descriptors),
        CASE(pid_file_is_there_and_locked_as_long_as_the_daemon),
        CASE(stale_pid_file_is_used_again),
        CASE(second_daemon_fails_and_leaves_the_file_of_the_first),
        CASE(failure_behind_the_fork_is_the_exit_status_of_the_launcher),
        CASE(pid_file_waits_for_the_thaw),
        CASE(readiness_goes_to_the_socket_of_the_manager),
        CASE(readiness_goes_to_an_abstract_socket),
        CASE(readiness_that_nobody_can_hear_is_no_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
