#include "base/log.h"
#include "io/channel.h"

#include "unit/tempdir.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <linux/vm_sockets.h>

#define LONG_MS 20000

/* The log goes to DIR/log, so that lines can be looked for. */
static int log_setup(void **state)
{
    int r = tempdir_setup(state);

    return r < 0 ? r : log_init(tempdir_path(state, "log"), false);
}

static int log_teardown(void **state)
{
    log_done();
    return tempdir_teardown(state);
}

#define TEST_WITH_LOG(test) cmocka_unit_test_setup_teardown(test, log_setup, log_teardown)

static enum endpoint_status read_end(const struct channel *channel, int fd, void *data, size_t len,
                                     size_t *ret_len)
{
    bool cut;

    return endpoint_read(channel, fd, data, len, ret_len, &cut);
}

static void assert_logged(void **state, const char *line)
{
    assert_non_null(strstr(tempdir_read(state, "log"), line));
}

static struct channel *listen_in(void **state, const char *name)
{
    struct channel *channel = NULL;

    assert_int_equal(
        channel_open(CHANNEL_UNIX_LISTEN, tempdir_path(state, name), CHANNEL_SOCKET_MODE, &channel),
        0);
    assert_true(channel_is_listener(channel));
    assert_int_equal(channel_port_fd(channel), -1);
    return channel;
}

static int connect_to(void **state, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", (const char *)*state, name);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static enum endpoint_status write_text(const struct channel *channel, int fd, const char *text)
{
    struct iovec iov = { .iov_len = strlen(text) };
    size_t len = 0;
    enum endpoint_status status;

    memcpy(&iov.iov_base, &text, sizeof(text));
    status = endpoint_write(channel, fd, &iov, 1, &len);
    assert_int_equal(len, status == ENDPOINT_OK ? strlen(text) : 0);
    return status;
}

static void methods_have_the_names_and_paths_of_the_reference(void **state)
{
    static const struct {
        enum channel_method method;
        const char *name, *path;
    } cases[] = {
        { CHANNEL_VIRTIO_SERIAL, "virtio-serial", "/dev/virtio-ports/org.qemu.guest_agent.0" },
        { CHANNEL_ISA_SERIAL, "isa-serial", "/dev/ttyS0" },
        { CHANNEL_UNIX_LISTEN, "unix-listen", NULL },
        { CHANNEL_VSOCK_LISTEN, "vsock-listen", NULL },
    };
    enum channel_method method;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(channel_method_parse(cases[i].name, &method), 0);
        assert_int_equal(method, cases[i].method);
        assert_string_equal(channel_method_name(method), cases[i].name);
        if (cases[i].path)
            assert_string_equal(channel_default_path(method), cases[i].path);
        else
            assert_null(channel_default_path(method));
    }
    assert_int_equal(channel_method_parse("bogus", &method), -EINVAL);
    assert_int_equal(channel_method_parse("", &method), -EINVAL);
}

static void listener_without_path_is_refused(void **state)
{
    struct channel *channel = NULL;

    assert_int_equal(channel_open(CHANNEL_UNIX_LISTEN, NULL, CHANNEL_SOCKET_MODE, &channel),
                     -EINVAL);
    assert_null(channel);
    assert_logged(state, "critical: must specify a path for this channel\n");
}

static void many_clients_are_accepted_and_talk_at_once(void **state)
{
    struct channel *channel = listen_in(state, "sock");
    int clients[20], ends[20];
    char data[64];
    size_t len;

    assert_int_equal(channel_accept(channel), -EAGAIN);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        clients[i] = connect_to(state, "sock");
        ends[i] = channel_accept(channel);
        assert_true(ends[i] >= 0);
        assert_true(fcntl(ends[i], F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(ends[i], F_GETFL) & O_NONBLOCK);
    }
    assert_int_equal(channel_accept(channel), -EAGAIN);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        assert_int_equal(dprintf(clients[i], "from %zu", i) > 0, true);
        assert_int_equal(read_end(channel, ends[i], data, sizeof(data), &len), ENDPOINT_OK);
        data[len] = '\0';
        assert_int_equal(strtol(data + 5, NULL, 10), i);
        assert_int_equal(write_text(channel, ends[i], data), ENDPOINT_OK);
        assert_int_equal(read(clients[i], data, sizeof(data)), len);
        assert_int_equal(strtol(data + 5, NULL, 10), i);
        fd_close(clients[i]);
        fd_close(ends[i]);
    }
    channel_close(channel);
}

static void sockets_are_watched_level_triggered_for_input(void **state)
{
    struct channel *channel = listen_in(state, "sock");

    assert_int_equal(endpoint_events(channel), EPOLLIN | EPOLLRDHUP);
    assert_true(fcntl(channel_listen_fd(channel), F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(channel_listen_fd(channel), F_GETFL) & O_NONBLOCK);
    channel_close(channel);
}

/* Descriptors beside the bytes end a read early, and are closed. */
static void what_is_passed_beside_bytes_is_dropped_and_told(void **state)
{
    struct channel *channel = listen_in(state, "sock");
    int client = connect_to(state, "sock"), end = channel_accept(channel), fds[2];
    char control[CMSG_SPACE(sizeof(int))] = { 0 }, data[16];
    struct iovec iov = { .iov_base = (char[]){ "first" }, .iov_len = 5 };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    bool cut = false;
    size_t len = 0;

    assert_int_equal(pipe(fds), 0);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fds[1], sizeof(int));
    assert_int_equal(sendmsg(client, &message, 0), 5);
    assert_int_equal(write(client, "more", 4), 4);
    close(fds[1]);
    assert_int_equal(endpoint_read(channel, end, data, sizeof(data), &len, &cut), ENDPOINT_OK);
    assert_int_equal(len, 5);
    assert_true(cut);
    assert_int_equal(read(fds[0], data, 1), 0); /* nobody has the other end */
    assert_int_equal(endpoint_read(channel, end, data, sizeof(data), &len, &cut), ENDPOINT_OK);
    assert_int_equal(len, 4);
    assert_false(cut);
    close(fds[0]);
    fd_close(client);
    fd_close(end);
    channel_close(channel);
}

static void quiet_client_is_again_and_a_gone_one_is_hangup(void **state)
{
    struct channel *channel = listen_in(state, "sock");
    int client = connect_to(state, "sock"), end = channel_accept(channel);
    char data[8];
    size_t len = 4711;

    assert_int_equal(read_end(channel, end, data, sizeof(data), &len), ENDPOINT_AGAIN);
    assert_int_equal(write(client, "last", 4), 4);
    fd_close(client);
    assert_int_equal(read_end(channel, end, data, sizeof(data), &len), ENDPOINT_OK);
    assert_int_equal(len, 4);
    assert_int_equal(read_end(channel, end, data, sizeof(data), &len), ENDPOINT_HANGUP);
    assert_int_equal(len, 4);
    fd_close(end);
    assert_int_equal(read_end(channel, end, data, sizeof(data), &len), ENDPOINT_FAILED);
    channel_close(channel);
}

static void half_closed_client_still_gets_its_answer(void **state)
{
    struct channel *channel = listen_in(state, "sock");
    int client = connect_to(state, "sock"), end = channel_accept(channel);
    char data[8];
    size_t len;

    assert_int_equal(shutdown(client, SHUT_WR), 0);
    assert_int_equal(read_end(channel, end, data, sizeof(data), &len), ENDPOINT_HANGUP);
    assert_int_equal(write_text(channel, end, "answer"), ENDPOINT_OK);
    assert_int_equal(read(client, data, sizeof(data)), 6);
    fd_close(client);
    fd_close(end);
    channel_close(channel);
}

static void writing_to_a_gone_client_is_hangup_and_no_signal(void **state)
{
    struct channel *channel = listen_in(state, "sock");
    int client = connect_to(state, "sock"), end = channel_accept(channel);

    signal(SIGPIPE, SIG_DFL);
    fd_close(client);
    assert_int_equal(write_text(channel, end, "reply"), ENDPOINT_HANGUP);
    fd_close(end);
    channel_close(channel);
}

static void client_that_leaves_answers_unread_is_hangup(void **state)
{
    struct channel *channel = listen_in(state, "sock");
    int client = connect_to(state, "sock"), end = channel_accept(channel);
    char data[8];
    size_t len;

    assert_int_equal(write_text(channel, end, "unread"), ENDPOINT_OK);
    fd_close(client); /* the kernel makes a reset of it */
    assert_int_equal(read_end(channel, end, data, sizeof(data), &len), ENDPOINT_HANGUP);
    fd_close(end);
    channel_close(channel);
}

static void client_that_does_not_read_makes_write_say_again(void **state)
{
    struct channel *channel = listen_in(state, "sock");
    int client = connect_to(state, "sock"), end = channel_accept(channel);
    CLEANUP(free_ptr) char *data = calloc(1, MIB);
    struct iovec iov = { .iov_base = data, .iov_len = MIB };
    enum endpoint_status status;
    size_t written = 0, len;
    ssize_t n = 0;

    for (int i = 0; i < 64; i++) {
        status = endpoint_write(channel, end, &iov, 1, &len);
        if (status != ENDPOINT_OK)
            break;
        written += len;
    }
    assert_int_equal(status, ENDPOINT_AGAIN);
    assert_int_equal(fd_set_nonblock(client, true), 0);
    for (size_t got = 0; got < written; got += (size_t)n) {
        n = read(client, data, MIB);
        assert_true(n > 0);
    }
    assert_int_equal(write_text(channel, end, "goes on"), ENDPOINT_OK);
    fd_close(client);
    fd_close(end);
    channel_close(channel);
}

/* Until it takes no more. */
static void fill(const struct channel *channel, int end)
{
    static char data[64 * KIB];
    struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
    enum endpoint_status status = ENDPOINT_OK;
    size_t len;

    for (int i = 0; i < 1000 && status == ENDPOINT_OK; i++)
        status = endpoint_write(channel, end, &iov, 1, &len);
    assert_int_equal(status, ENDPOINT_AGAIN);
}

static void more_room_is_had_at_once_and_goes_back(void **state)
{
    struct channel *channel = listen_in(state, "sock");
    int client = connect_to(state, "sock"), end = channel_accept(channel);
    size_t usual;

    fill(channel, end);
    usual = endpoint_set_room(channel, end, MIB);
    assert_true(usual > 0);
    assert_int_equal(write_text(channel, end, "more"), ENDPOINT_OK);
    fill(channel, end);
    assert_true(endpoint_set_room(channel, end, usual) > usual);
    assert_int_equal(write_text(channel, end, "more"), ENDPOINT_AGAIN);
    assert_int_equal(endpoint_set_room(channel, end, usual), usual);
    fd_close(client);
    fd_close(end);
    channel_close(channel);
}

static void more_pieces_than_one_call_takes_are_a_short_write(void **state)
{
    struct channel *channel = listen_in(state, "sock");
    int client = connect_to(state, "sock"), end = channel_accept(channel);
    static struct iovec iov[IOV_MAX + 500];
    char data[2 * IOV_MAX];
    static char byte[] = "x";
    size_t len;

    for (size_t i = 0; i < ARRAY_LEN(iov); i++)
        iov[i] = (struct iovec){ .iov_base = byte, .iov_len = 1 };
    assert_int_equal(endpoint_write(channel, end, iov, (int)ARRAY_LEN(iov), &len), ENDPOINT_OK);
    assert_int_equal(len, IOV_MAX);
    assert_int_equal(recv(client, data, IOV_MAX, MSG_WAITALL), IOV_MAX);
    fd_close(client);
    fd_close(end);
    channel_close(channel);
}

static void assert_socket_mode(void **state, mode_t asked, mode_t wanted)
{
    struct channel *channel = NULL;
    struct stat info;

    assert_int_equal(
        channel_open(CHANNEL_UNIX_LISTEN, tempdir_path(state, "sock"), asked, &channel), 0);
    assert_int_equal(stat(tempdir_path(state, "sock"), &info), 0);
    assert_int_equal(info.st_mode & 07777, wanted);
    channel_close(channel);
}

static void socket_file_has_the_mode_that_was_asked_for(void **state)
{
    mode_t before = umask(022);

    assert_socket_mode(state, CHANNEL_SOCKET_MODE, 0600);
    umask(0);
    assert_socket_mode(state, CHANNEL_SOCKET_MODE, 0600);
    umask(077);
    assert_socket_mode(state, 0666, 0666);
    umask(before);
}

static void old_socket_file_is_replaced_and_stays_after_close(void **state)
{
    struct channel *first = listen_in(state, "sock");
    struct channel *second = listen_in(state, "sock");
    int client = connect_to(state, "sock"), end;

    assert_int_equal(channel_accept(first), -EAGAIN);
    end = channel_accept(second);
    assert_true(end >= 0);
    channel_close(first);
    channel_close(second);
    assert_int_equal(access(tempdir_path(state, "sock"), F_OK), 0);
    fd_close(end);
    fd_close(client);
}

static void what_is_no_socket_is_never_removed(void **state)
{
    struct channel *channel = NULL;

    tempdir_write(state, "file", "precious");
    assert_int_equal(channel_open(CHANNEL_UNIX_LISTEN, tempdir_path(state, "file"),
                                  CHANNEL_SOCKET_MODE, &channel),
                     -EADDRINUSE);
    assert_string_equal(tempdir_read(state, "file"), "precious");
    assert_int_equal(symlink("file", tempdir_path(state, "link")), 0);
    assert_int_equal(channel_open(CHANNEL_UNIX_LISTEN, tempdir_path(state, "link"),
                                  CHANNEL_SOCKET_MODE, &channel),
                     -EADDRINUSE);
    assert_null(channel);
    assert_logged(state, "/file: Address already in use\n");
}

static void socket_that_cannot_be_bound_is_logged_as_the_reference_does(void **state)
{
    struct channel *channel = NULL;
    char line[512], longer[300];

    assert_int_equal(channel_open(CHANNEL_UNIX_LISTEN, tempdir_path(state, "none/s"),
                                  CHANNEL_SOCKET_MODE, &channel),
                     -ENOENT);
    snprintf(line, sizeof(line),
             ": critical: Failed to bind socket to %s: No such file or directory\n",
             tempdir_path(state, "none/s"));
    assert_logged(state, line);
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(channel_open(CHANNEL_UNIX_LISTEN, longer, CHANNEL_SOCKET_MODE, &channel),
                     -ENAMETOOLONG);
    assert_int_equal(channel_open(CHANNEL_UNIX_LISTEN, "", CHANNEL_SOCKET_MODE, &channel), -EINVAL);
    assert_null(channel);
}

/* Puts `fd` where the service manager would, with variables that say so: what was there. */
static int pass_fd(int fd, const char *pid, const char *count)
{
    int saved = fcntl(3, F_DUPFD_CLOEXEC, 20);

    if (fd >= 0)
        assert_int_equal(dup2(fd, 3), 3);
    else
        close(3);
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", count, 1);
    setenv("LISTEN_FDNAMES", "agent", 1);
    return saved;
}

static void restore_fd(int saved)
{
    close(3);
    if (saved >= 0)
        dup2(saved, 3);
    fd_close(saved);
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
}

static const char *own_pid(void)
{
    static char pid[16];

    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    return pid;
}

static void passed_socket_is_listened_on(void **state)
{
    struct channel *made = listen_in(state, "sock");
    int high = fcntl(channel_listen_fd(made), F_DUPFD_CLOEXEC, 30);
    struct channel *channel = NULL;
    int saved, client, end;

    channel_close(made);
    fd_set_nonblock(high, false);
    saved = pass_fd(high, own_pid(), "1");
    assert_int_equal(channel_open_passed(&channel), 1);
    assert_true(channel_is_listener(channel));
    assert_int_equal(channel_listen_fd(channel), 3);
    assert_true(fcntl(3, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(channel_accept(channel), -EAGAIN);
    client = connect_to(state, "sock");
    end = channel_accept(channel);
    assert_true(end >= 0);
    assert_int_equal(write_text(channel, end, "hello"), ENDPOINT_OK);
    channel_close(channel);
    restore_fd(saved);
    fd_close(client);
    fd_close(end);
    fd_close(high);
}

static void nothing_passed_or_passed_to_another_process_is_none(void **state)
{
    struct channel *channel = NULL;
    int saved;

    assert_int_equal(channel_open_passed(&channel), 0);
    saved = pass_fd(-1, "1", "1");
    assert_int_equal(channel_open_passed(&channel), 0);
    restore_fd(saved);
    saved = pass_fd(-1, own_pid(), "0");
    assert_int_equal(channel_open_passed(&channel), 0);
    restore_fd(saved);
    saved = pass_fd(-1, "x", "y");
    assert_int_equal(channel_open_passed(&channel), 0);
    restore_fd(saved);
    assert_null(channel);
}

static void passed_descriptor_of_another_kind_is_refused(void **state)
{
    struct channel *channel = NULL;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int not_listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int datagram = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int inet = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int refused[] = { null, not_listening, datagram, inet, -1 };

    assert_int_equal(listen(inet, 1), 0); /* on loopback or not: nobody connects */
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        int high = refused[i] < 0 ? -1 : fcntl(refused[i], F_DUPFD_CLOEXEC, 30);
        int saved;

        fd_close(refused[i]);
        saved = pass_fd(high, own_pid(), "1");
        assert_int_equal(channel_open_passed(&channel), -EINVAL);
        restore_fd(saved);
        fd_close(high);
    }
    assert_null(channel);
}

static void more_than_one_passed_socket_is_refused(void **state)
{
    struct channel *channel = NULL;
    int saved = pass_fd(-1, own_pid(), "2");

    assert_int_equal(channel_open_passed(&channel), -EINVAL);
    restore_fd(saved);
    assert_null(channel);
    assert_logged(state, "critical: qemu-ga only supports listening on one socket\n");
}

static void vsock_address_must_be_cid_and_port(void **state)
{
    static const char *const bad[] = {
        "",     "3",     ":",       "3:",           ":1234",        "a:1234",
        "3:b",  "3:12x", "-2:1234", "4294967296:1", "3:4294967296", "3:-1",
        "3 :1", " 3:1",  "3:1:1",
    };
    struct channel *channel = NULL;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(channel_open(CHANNEL_VSOCK_LISTEN, bad[i], CHANNEL_SOCKET_MODE, &channel),
                         -EINVAL);
    assert_null(channel);
    assert_logged(state, "critical: error parsing address '3:12x'");
}

static void vsock_clients_connect_over_loopback(void **state)
{
    struct sockaddr_vm address = {
        .svm_family = AF_VSOCK,
        .svm_cid = VMADDR_CID_LOCAL,
        .svm_port = 20000 + (unsigned int)getpid() % 20000,
    };
    struct channel *channel = NULL;
    struct pollfd polled = { .events = POLLIN };
    int client = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0), end;
    char path[32], data[8];
    size_t len;

    snprintf(path, sizeof(path), "-1:%u", address.svm_port);
    if (client < 0 || channel_open(CHANNEL_VSOCK_LISTEN, path, CHANNEL_SOCKET_MODE, &channel) < 0)
        skip(); /* no vsock on this machine */
    if (connect(client, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        fd_close(client);
        channel_close(channel);
        skip(); /* no loopback transport */
    }
    polled.fd = channel_listen_fd(channel);
    assert_int_equal(poll(&polled, 1, LONG_MS), 1);
    end = channel_accept(channel);
    assert_true(end >= 0);
    assert_int_equal(write(client, "ping", 4), 4);
    polled.fd = end;
    assert_int_equal(poll(&polled, 1, LONG_MS), 1);
    assert_int_equal(read_end(channel, end, data, sizeof(data), &len), ENDPOINT_OK);
    assert_int_equal(len, 4);
    fd_close(client);
    assert_int_equal(poll(&polled, 1, LONG_MS), 1);
    assert_int_equal(read_end(channel, end, data, sizeof(data), &len), ENDPOINT_HANGUP);
    fd_close(end);
    channel_close(channel);
}

static void closing_no_channel_is_fine(void **state)
{
    channel_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_have_the_names_and_paths_of_the_reference),
        TEST_WITH_LOG(listener_without_path_is_refused),
        TEST_WITH_LOG(many_clients_are_accepted_and_talk_at_once),
        TEST_WITH_LOG(sockets_are_watched_level_triggered_for_input),
        TEST_WITH_LOG(what_is_passed_beside_bytes_is_dropped_and_told),
        TEST_WITH_LOG(quiet_client_is_again_and_a_gone_one_is_hangup),
        TEST_WITH_LOG(half_closed_client_still_gets_its_answer),
        TEST_WITH_LOG(writing_to_a_gone_client_is_hangup_and_no_signal),
        TEST_WITH_LOG(client_that_leaves_answers_unread_is_hangup),
        TEST_WITH_LOG(client_that_does_not_read_makes_write_say_again),
        TEST_WITH_LOG(more_room_is_had_at_once_and_goes_back),
        TEST_WITH_LOG(more_pieces_than_one_call_takes_are_a_short_write),
        TEST_WITH_LOG(socket_file_has_the_mode_that_was_asked_for),
        TEST_WITH_LOG(old_socket_file_is_replaced_and_stays_after_close),
        TEST_WITH_LOG(what_is_no_socket_is_never_removed),
        TEST_WITH_LOG(socket_that_cannot_be_bound_is_logged_as_the_reference_does),
        TEST_WITH_LOG(passed_socket_is_listened_on),
        TEST_WITH_LOG(nothing_passed_or_passed_to_another_process_is_none),
        TEST_WITH_LOG(passed_descriptor_of_another_kind_is_refused),
        TEST_WITH_LOG(more_than_one_passed_socket_is_refused),
        TEST_WITH_LOG(vsock_address_must_be_cid_and_port),
        TEST_WITH_LOG(vsock_clients_connect_over_loopback),
        cmocka_unit_test(closing_no_channel_is_fine),
    };

    /* The place where descriptors are passed: no file of the tests shall come to be there. */
    if (fcntl(3, F_GETFD) < 0)
        dup2(STDIN_FILENO, 3);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
