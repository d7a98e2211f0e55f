/*
 * Syslog without waiting: format, a service that is absent, restarted or stuck.
 */
#include "base/syslog_socket.h"

#include "unit/tempdir.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

static int listen_at(void **dir, struct syslog_socket *syslog)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(syslog->to.address.sun_path, sizeof(syslog->to.address.sun_path), "%s",
             tempdir_path(dir, "log"));
    unlink(syslog->to.address.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&syslog->to.address, sizeof(syslog->to.address)),
                     0);
    return fd;
}

static const char *receive(int fd)
{
    static char line[4096];
    ssize_t n = recv(fd, line, sizeof(line) - 1, 0);

    assert_true(n > 0);
    line[n] = '\0';
    return line;
}

static void send_text(struct syslog_socket *syslog, const char *text)
{
    syslog_socket_send(syslog, LOG_DAEMON | LOG_INFO, text, strlen(text), false);
}

static void a_line_has_priority_name_and_pid(void **dir)
{
    struct syslog_socket syslog = SYSLOG_SOCKET_INIT;
    int fd = listen_at(dir, &syslog);
    char expected[64];
    const char *line;

    send_text(&syslog, "guest-shutdown called");
    line = receive(fd);
    snprintf(expected, sizeof(expected), " qemu-ga[%d]: guest-shutdown called", getpid());
    assert_memory_equal(line, "<30>", 4);
    assert_string_equal(strstr(line, " qemu-ga["), expected);
    log_socket_close(&syslog.to);
    close(fd);
}

static void an_absent_service_is_not_asked_for_every_line(void **dir)
{
    struct syslog_socket syslog = SYSLOG_SOCKET_INIT;

    snprintf(syslog.to.address.sun_path, sizeof(syslog.to.address.sun_path), "%s",
             tempdir_path(dir, "nobody"));
    send_text(&syslog, "lost");
    assert_int_equal(syslog.to.fd, -1);
    assert_true(syslog.to.retry_at_ns > 0);
}

static void a_restarted_service_gets_the_line(void **dir)
{
    struct syslog_socket syslog = SYSLOG_SOCKET_INIT;
    int fd = listen_at(dir, &syslog);

    send_text(&syslog, "one");
    receive(fd);
    close(fd);
    fd = listen_at(dir, &syslog);
    send_text(&syslog, "two");
    assert_non_null(strstr(receive(fd), "two"));
    log_socket_close(&syslog.to);
    close(fd);
}

static void a_stuck_service_costs_lines_and_no_time(void **dir)
{
    struct syslog_socket syslog = SYSLOG_SOCKET_INIT;
    int fd = listen_at(dir, &syslog);

    for (int i = 0; i < 5000 && syslog.to.dropped == 0; i++)
        send_text(&syslog, "more than it takes");
    assert_true(syslog.to.dropped > 0);
    while (recv(fd, (char[4096]){ 0 }, 4096, 0) > 0)
        ;
    send_text(&syslog, "better");
    assert_non_null(strstr(receive(fd), "better (1 lines before this one were lost)"));
    log_socket_close(&syslog.to);
    close(fd);
}

static void lines_for_an_absent_service_are_counted(void **dir)
{
    struct syslog_socket syslog = SYSLOG_SOCKET_INIT;
    int fd;

    snprintf(syslog.to.address.sun_path, sizeof(syslog.to.address.sun_path), "%s",
             tempdir_path(dir, "log"));
    send_text(&syslog, "one");
    send_text(&syslog, "two");
    fd = listen_at(dir, &syslog);
    syslog.to.retry_at_ns = 0;
    syslog_socket_lost(&syslog, 3, false);
    assert_non_null(strstr(receive(fd), "missing (5 lines before this one were lost)"));
    send_text(&syslog, "three");
    assert_null(strstr(receive(fd), "lost"));
    log_socket_close(&syslog.to);
    close(fd);
}

static void *read_all(void *arg)
{
    int fd = *(int *)arg;

    usleep(20000);
    for (int i = 0; i < 2000; i++)
        assert_true(recv(fd, (char[4096]){ 0 }, 4096, 0) > 0);
    return NULL;
}

/* Whoever floods the service makes lines late, and none vanish. */
static void who_may_wait_gets_all_lines_through(void **dir)
{
    struct syslog_socket syslog = SYSLOG_SOCKET_INIT;
    int fd = listen_at(dir, &syslog);
    pthread_t thread;

    assert_int_equal(fd_set_nonblock(fd, false), 0);
    PTOK(pthread_create(&thread, NULL, read_all, &fd));
    for (int i = 0; i < 2000; i++)
        syslog_socket_send(&syslog, LOG_DAEMON | LOG_INFO, "a line", 6, true);
    PTOK(pthread_join(thread, NULL));
    assert_int_equal(syslog.to.dropped, 0);
    log_socket_close(&syslog.to);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_TEMPDIR(a_line_has_priority_name_and_pid),
        TEST_IN_TEMPDIR(an_absent_service_is_not_asked_for_every_line),
        TEST_IN_TEMPDIR(a_restarted_service_gets_the_line),
        TEST_IN_TEMPDIR(a_stuck_service_costs_lines_and_no_time),
        TEST_IN_TEMPDIR(lines_for_an_absent_service_are_counted),
        TEST_IN_TEMPDIR(who_may_wait_gets_all_lines_through),
    };

    return cmocka_run_group_tests_name("syslog_socket", tests, NULL, NULL);
}
