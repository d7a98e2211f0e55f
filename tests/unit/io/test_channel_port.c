#include "base/log.h"
#include "io/channel_impl.h"

#include "unit/tempdir.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <termios.h>

#define LONG_MS   20000
#define PORT_NAME "org.qemu.guest_agent.0"

static struct sysroot root;

/* A host's end: the master of a new pseudo terminal whose slave DIR/NAME links to. */
static int make_port(void **state, const char *name)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char slave[64];

    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    assert_int_equal(ptsname_r(master, slave, sizeof(slave)), 0);
    unlink(tempdir_path(state, name));
    assert_int_equal(symlink(slave, tempdir_path(state, name)), 0);
    return master;
}

/* A root with /dev and an empty list of virtio ports; the log in DIR/log. */
static int tree_setup(void **state)
{
    static const char *const dirs[] = { "dev", "dev/virtio-ports", "sys", "sys/class",
                                        "sys/class/virtio-ports" };
    int r = tempdir_setup(state);

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(dirs); i++)
        r = mkdir(tempdir_path(state, dirs[i]), 0755);
    if (r == 0)
        r = sysroot_init(&root, *state);
    return r < 0 ? r : log_init(tempdir_path(state, "log"), false);
}

static int tree_teardown(void **state)
{
    log_done();
    return tempdir_teardown(state);
}

#define TEST_IN_TREE(test) cmocka_unit_test_setup_teardown(test, tree_setup, tree_teardown)

static struct channel *open_port(enum channel_method method, const char *path)
{
    struct channel *channel = NULL;

    assert_int_equal(channel_open_at(&root, method, path, CHANNEL_SOCKET_MODE, &channel), 0);
    assert_false(channel_is_listener(channel));
    assert_int_equal(channel_listen_fd(channel), -1);
    assert_true(channel_port_fd(channel) >= 0);
    return channel;
}

static void wait_for(int fd, short events)
{
    struct pollfd polled = { .fd = fd, .events = events };

    assert_int_equal(poll(&polled, 1, LONG_MS), 1);
}

/* Reads exactly `len` bytes from the port. */
static void read_from_port(const struct channel *channel, unsigned char *ret_data, size_t len)
{
    int fd = channel_port_fd(channel);
    size_t done = 0, n = 0;

    while (done < len) {
        enum endpoint_status status =
            endpoint_read(channel, fd, ret_data + done, len - done, &n, &(bool){ false });

        if (status == ENDPOINT_AGAIN) {
            wait_for(fd, POLLIN);
            continue;
        }
        assert_int_equal(status, ENDPOINT_OK);
        done += n;
    }
}

static enum endpoint_status write_to_port(const struct channel *channel, void *data, size_t len,
                                          size_t *ret_len)
{
    struct iovec iov = { .iov_base = data, .iov_len = len };

    return endpoint_write(channel, channel_port_fd(channel), &iov, 1, ret_len);
}

static void serial_port_passes_every_byte_both_ways(void **state)
{
    CLEANUP(fd_closep) int host = make_port(state, "dev/ttyS0");
    struct channel *channel = open_port(CHANNEL_ISA_SERIAL, NULL);
    unsigned char sent[256], got[256];
    size_t len = 0;

    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (unsigned char)i;
    assert_int_equal(fd_write_all(host, sent, sizeof(sent)), 0);
    read_from_port(channel, got, sizeof(got));
    assert_memory_equal(got, sent, sizeof(sent));
    assert_int_equal(write_to_port(channel, sent, sizeof(sent), &len), ENDPOINT_OK);
    assert_int_equal(len, sizeof(sent));
    memset(got, 0, sizeof(got));
    for (size_t done = 0; done < sizeof(got); done += len) {
        ssize_t n;

        wait_for(host, POLLIN);
        n = read(host, got + done, sizeof(got) - done);
        assert_true(n > 0);
        len = (size_t)n;
    }
    assert_memory_equal(got, sent, sizeof(sent));
    channel_close(channel);
}

static void serial_port_is_raw_and_needs_no_carrier(void **state)
{
    CLEANUP(fd_closep) int host = make_port(state, "dev/ttyS0");
    struct channel *channel = open_port(CHANNEL_ISA_SERIAL, "/dev/ttyS0");
    struct termios tio;

    assert_true(host >= 0);
    assert_int_equal(tcgetattr(channel_port_fd(channel), &tio), 0);
    assert_int_equal(tio.c_iflag, 0);
    assert_int_equal(tio.c_oflag, 0);
    assert_int_equal(tio.c_lflag, 0);
    assert_int_equal(tio.c_cflag & (CSIZE | CLOCAL | CREAD | PARENB), CS8 | CLOCAL | CREAD);
    assert_int_equal(cfgetospeed(&tio), B38400);
    assert_int_equal(tio.c_cc[VMIN], 1);
    assert_int_equal(tio.c_cc[VTIME], 0);
    channel_close(channel);
}

static void input_from_before_the_serial_port_was_opened_is_dropped(void **state)
{
    CLEANUP(fd_closep) int host = make_port(state, "dev/ttyS0");
    CLEANUP(fd_closep) int early = sysroot_open(&root, "/dev/ttyS0", O_RDWR | O_NOCTTY);
    struct channel *channel;
    unsigned char byte;
    size_t len;

    assert_int_equal(write(host, "old\n", 4), 4);
    wait_for(early, POLLIN);
    channel = open_port(CHANNEL_ISA_SERIAL, "/dev/ttyS0");
    assert_int_equal(
        endpoint_read(channel, channel_port_fd(channel), &byte, 1, &len, &(bool){ false }),
        ENDPOINT_AGAIN);
    assert_int_equal(write(host, "n", 1), 1);
    read_from_port(channel, &byte, 1);
    assert_int_equal(byte, 'n');
    channel_close(channel);
}

static void port_descriptor_neither_blocks_nor_is_inherited(void **state)
{
    CLEANUP(fd_closep) int host = make_port(state, "dev/ttyS0");
    struct channel *channel = open_port(CHANNEL_ISA_SERIAL, "/dev/ttyS0");
    int fd = channel_port_fd(channel);
    char byte;
    size_t len;

    assert_true(host >= 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(endpoint_read(channel, fd, &byte, 1, &len, &(bool){ false }), ENDPOINT_AGAIN);
    channel_close(channel);
}

static void host_that_does_not_read_makes_write_say_again(void **state)
{
    CLEANUP(fd_closep) int host = make_port(state, "dev/ttyS0");
    struct channel *channel = open_port(CHANNEL_ISA_SERIAL, "/dev/ttyS0");
    enum endpoint_status status;
    char data[4096] = "";
    size_t written = 0, len;

    do {
        status = write_to_port(channel, data, sizeof(data), &len);
        written += status == ENDPOINT_OK ? len : 0;
    } while (status == ENDPOINT_OK && written < 16 * MIB);
    assert_int_equal(status, ENDPOINT_AGAIN);
    assert_int_equal(endpoint_set_room(channel, channel_port_fd(channel), MIB), 0);
    fd_set_nonblock(host, true);
    while (written > 0) {
        ssize_t n;

        wait_for(host, POLLIN);
        n = read(host, data, MIN_OF(sizeof(data), written));
        assert_true(n > 0);
        written -= (size_t)n;
    }
    wait_for(channel_port_fd(channel), POLLOUT);
    assert_int_equal(write_to_port(channel, data, 1, &len), ENDPOINT_OK);
    channel_close(channel);
}

static void host_that_has_gone_is_hangup_for_read_and_write(void **state)
{
    int host = make_port(state, "dev/ttyS0");
    struct channel *channel = open_port(CHANNEL_ISA_SERIAL, "/dev/ttyS0");
    char byte = 'x';
    size_t len = 7;

    fd_close(host);
    assert_int_equal(
        endpoint_read(channel, channel_port_fd(channel), &byte, 1, &len, &(bool){ false }),
        ENDPOINT_HANGUP);
    assert_int_equal(write_to_port(channel, &byte, 1, &len), ENDPOINT_HANGUP);
    assert_int_equal(len, 7);
    channel_close(channel);
}

static void hangup_of_a_port_is_one_event_and_not_a_level(void **state)
{
    int host = make_port(state, "dev/ttyS0");
    struct channel *channel = open_port(CHANNEL_ISA_SERIAL, "/dev/ttyS0");
    CLEANUP(fd_closep) int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = endpoint_events(channel) };

    assert_int_equal(event.events & (EPOLLIN | EPOLLOUT | EPOLLHUP), EPOLLIN | EPOLLOUT | EPOLLHUP);
    assert_true(event.events & EPOLLET);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, channel_port_fd(channel), &event), 0);
    assert_int_equal(epoll_wait(epoll, &event, 1, LONG_MS), 1); /* writable from the start */
    fd_close(host);
    do
        assert_int_equal(epoll_wait(epoll, &event, 1, LONG_MS), 1);
    while (!(event.events & EPOLLHUP));
    assert_int_equal(epoll_wait(epoll, &event, 1, 0), 0);
    channel_close(channel);
}

static void reopened_port_talks_to_the_new_host(void **state)
{
    int host = make_port(state, "dev/ttyS0");
    struct channel *channel = open_port(CHANNEL_ISA_SERIAL, "/dev/ttyS0");
    unsigned char got[3];

    fd_close(host);
    assert_int_equal(unlink(tempdir_path(state, "dev/ttyS0")), 0);
    assert_int_equal(channel_reopen(channel), -ENOENT);
    assert_int_equal(channel_port_fd(channel), -1);
    assert_int_equal(channel_reopen(channel), -ENOENT);
    host = make_port(state, "dev/ttyS0");
    assert_int_equal(channel_reopen(channel), 0);
    assert_int_equal(fd_write_all(host, "new", 3), 0);
    read_from_port(channel, got, sizeof(got));
    assert_memory_equal(got, "new", 3);
    assert_string_equal(tempdir_read(state, "log"), ""); /* the caller says what it tries */
    channel_close(channel);
    fd_close(host);
}

static void serial_method_refuses_what_is_no_terminal(void **state)
{
    struct channel *channel = NULL;

    assert_int_equal(channel_open(CHANNEL_ISA_SERIAL, "/dev/null", CHANNEL_SOCKET_MODE, &channel),
                     -ENOTTY);
    assert_null(channel);
    assert_non_null(strstr(tempdir_read(state, "log"), "critical: error opening channel "
                                                       "'/dev/null': Inappropriate ioctl"));
}

static void virtio_port_is_opened_by_its_link_and_left_as_it_is(void **state)
{
    CLEANUP(fd_closep) int host = make_port(state, "dev/virtio-ports/" PORT_NAME);
    struct termios before, after;
    struct channel *channel;
    unsigned char got[5];

    assert_int_equal(tcgetattr(host, &before), 0);
    channel = open_port(CHANNEL_VIRTIO_SERIAL, NULL);
    assert_int_equal(tcgetattr(channel_port_fd(channel), &after), 0);
    assert_int_equal(after.c_lflag, before.c_lflag);
    assert_int_equal(after.c_iflag, before.c_iflag);
    assert_int_equal(fd_write_all(host, "line\n", 5), 0);
    read_from_port(channel, got, sizeof(got));
    assert_memory_equal(got, "line\n", 5);
    channel_close(channel);
}

/* A port as the kernel lists it, without udev's link. */
static void list_port(void **state, const char *port, const char *name)
{
    char path[128], line[128];

    snprintf(path, sizeof(path), "sys/class/virtio-ports/%s", port);
    assert_int_equal(mkdir(tempdir_path(state, path), 0755), 0);
    snprintf(path, sizeof(path), "sys/class/virtio-ports/%s/name", port);
    snprintf(line, sizeof(line), "%s\n", name);
    tempdir_write(state, path, line);
}

static void virtio_port_without_link_is_found_by_name_in_sysfs(void **state)
{
    CLEANUP(fd_closep) int other = make_port(state, "dev/vport0p1");
    CLEANUP(fd_closep) int host = make_port(state, "dev/vport1p2");
    struct channel *channel;
    unsigned char got[3];

    assert_int_equal(mkdir(tempdir_path(state, "sys/class/virtio-ports/vport0p0"), 0755), 0);
    list_port(state, "vport0p1", "com.redhat.spice.0");
    list_port(state, "vport1p1", "");
    list_port(state, "vport1p2", PORT_NAME);
    channel = open_port(CHANNEL_VIRTIO_SERIAL, NULL);
    assert_int_equal(fd_write_all(host, "ab\n", 3), 0);
    read_from_port(channel, got, sizeof(got));
    assert_memory_equal(got, "ab\n", 3);
    channel_close(channel);
    channel = open_port(CHANNEL_VIRTIO_SERIAL, "/dev/virtio-ports/com.redhat.spice.0");
    assert_int_equal(fd_write_all(other, "cd\n", 3), 0);
    read_from_port(channel, got, sizeof(got));
    assert_memory_equal(got, "cd\n", 3);
    channel_close(channel);
}

static void missing_virtio_port_is_logged_as_the_reference_does(void **state)
{
    struct channel *channel = NULL;

    list_port(state, "vport0p1", "com.redhat.spice.0");
    assert_int_equal(
        channel_open_at(&root, CHANNEL_VIRTIO_SERIAL, NULL, CHANNEL_SOCKET_MODE, &channel),
        -ENOENT);
    list_port(state, "vport0p2", PORT_NAME); /* listed, though its node was never made */
    assert_int_equal(
        channel_open_at(&root, CHANNEL_VIRTIO_SERIAL, NULL, CHANNEL_SOCKET_MODE, &channel),
        -ENOENT);
    assert_int_equal(channel_open_at(&root, CHANNEL_VIRTIO_SERIAL, "/dev/vport9p9",
                                     CHANNEL_SOCKET_MODE, &channel),
                     -ENOENT);
    assert_null(channel);
    assert_non_null(strstr(tempdir_read(state, "log"),
                           ": critical: error opening channel '/dev/virtio-ports/" PORT_NAME
                           "': No such file or directory\n"));
}

static void regular_file_is_no_port(void **state)
{
    struct channel *channel = NULL;

    tempdir_write(state, "dev/file", "text");
    assert_int_equal(
        channel_open_at(&root, CHANNEL_VIRTIO_SERIAL, "/dev/file", CHANNEL_SOCKET_MODE, &channel),
        -ENODEV);
    assert_null(channel);
    assert_string_equal(tempdir_read(state, "dev/file"), "text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_TREE(serial_port_passes_every_byte_both_ways),
        TEST_IN_TREE(serial_port_is_raw_and_needs_no_carrier),
        TEST_IN_TREE(input_from_before_the_serial_port_was_opened_is_dropped),
        TEST_IN_TREE(port_descriptor_neither_blocks_nor_is_inherited),
        TEST_IN_TREE(host_that_does_not_read_makes_write_say_again),
        TEST_IN_TREE(host_that_has_gone_is_hangup_for_read_and_write),
        TEST_IN_TREE(hangup_of_a_port_is_one_event_and_not_a_level),
        TEST_IN_TREE(reopened_port_talks_to_the_new_host),
        TEST_IN_TREE(serial_method_refuses_what_is_no_terminal),
        TEST_IN_TREE(virtio_port_is_opened_by_its_link_and_left_as_it_is),
        TEST_IN_TREE(virtio_port_without_link_is_found_by_name_in_sysfs),
        TEST_IN_TREE(missing_virtio_port_is_logged_as_the_reference_does),
        TEST_IN_TREE(regular_file_is_no_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
