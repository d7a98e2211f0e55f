/* The logind side of guest-get-users against a logind made up here, over a socket pair. */
#include "cmds/linux/accounts/users_logind.h"

#include "unit/tempdir.h"

#if PQGA_HAVE_SYSTEMD
#include <pthread.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#define MANAGER_PATH "/org/freedesktop/login1"
#define SESSION_PATH MANAGER_PATH "/session/"

static const struct session {
    const char *id, *user, *class, *state;
    uint64_t timestamp_usec;
} sessions[] = {
    { "1", "ann", "user", "active", 1600000500000000 },
    { "2", "gdm", "greeter", "active", 1500000000000000 },
    { "3", "bob", "user-early", "online", 1600000100250000 },
    { "4", "ann", "user", "online", 1600000000250000 },
    { "5", "ann", "manager", "active", 1400000000000000 },
    { "6", "eve", "user", "closing", 1600000000000000 },
};

static int list_sessions(sd_bus_message *call, void *data, sd_bus_error *error)
{
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call, &reply);

    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(susso)");
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(sessions); i++) {
        char path[128];

        snprintf(path, sizeof(path), SESSION_PATH "%s", sessions[i].id);
        r = sd_bus_message_append(reply, "(susso)", sessions[i].id, 1000U, sessions[i].user, "",
                                  path);
    }
    /* one that is gone by the time it is asked for */
    if (r >= 0)
        r = sd_bus_message_append(reply, "(susso)", "7", 1000U, "zoe", "", SESSION_PATH "7");
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    sd_bus_message_unref(reply);
    return r;
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *data, sd_bus_error *error)
{
    const struct session *session = data;

    if (strcmp(property, "Timestamp") == 0)
        return sd_bus_message_append(reply, "t", session->timestamp_usec);
    return sd_bus_message_append(reply, "s",
                                 strcmp(property, "Class") == 0 ? session->class : session->state);
}

static const sd_bus_vtable manager_table[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("ListSessions", "", "a(susso)", list_sessions, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static const sd_bus_vtable session_table[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Class", "s", get_property, 0, 0),
    SD_BUS_PROPERTY("State", "s", get_property, 0, 0),
    SD_BUS_PROPERTY("Timestamp", "t", get_property, 0, 0),
    SD_BUS_VTABLE_END,
};

static sd_bus *bus_on(int fd, bool server)
{
    sd_id128_t id = SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10);
    sd_bus *bus = NULL;

    assert_true(sd_bus_new(&bus) >= 0);
    assert_true(sd_bus_set_fd(bus, fd, fd) >= 0);
    if (server) {
        assert_true(sd_bus_set_server(bus, true, id) >= 0);
        assert_true(sd_bus_set_anonymous(bus, true) >= 0);
    }
    assert_true(sd_bus_start(bus) >= 0);
    return bus;
}

/* Serves until the client hangs up; at most 10 s without a message. */
static void *serve(void *data)
{
    const int *fd = data;
    sd_bus *bus = bus_on(*fd, true);
    int r;

    assert_true(sd_bus_add_object_vtable(bus, NULL, MANAGER_PATH, "org.freedesktop.login1.Manager",
                                         manager_table, NULL) >= 0);
    for (size_t i = 0; i < ARRAY_LEN(sessions); i++) {
        char path[128];

        snprintf(path, sizeof(path), SESSION_PATH "%s", sessions[i].id);
        assert_true(sd_bus_add_object_vtable(bus, NULL, path, "org.freedesktop.login1.Session",
                                             session_table, (void *)(uintptr_t)&sessions[i]) >= 0);
    }
    do {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, 10000000);
    } while (r > 0);
    sd_bus_close_unref(bus);
    return NULL;
}

static void people_are_listed_once_with_their_earliest_session(void **state)
{
    struct user_list list = { 0 };
    pthread_t server;
    sd_bus *bus;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(pthread_create(&server, NULL, serve, &fds[0]), 0);
    bus = bus_on(fds[1], false);
    assert_int_equal(users_from_bus(bus, &list), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].name, "ann");
    assert_int_equal(list.items[0].login_usec, 1600000000250000);
    assert_string_equal(list.items[1].name, "bob");
    assert_int_equal(list.items[1].login_usec, 1600000100250000);
    user_list_done(&list);
    sd_bus_flush_close_unref(bus);
    assert_int_equal(pthread_join(server, NULL), 0);
}

static void a_bus_that_hangs_up_is_an_error(void **state)
{
    struct user_list list = { 0 };
    sd_bus *bus;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    bus = bus_on(fds[1], false);
    fd_close(fds[0]);
    assert_true(users_from_bus(bus, &list) < 0);
    assert_null(list.items);
    sd_bus_flush_close_unref(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_are_listed_once_with_their_earliest_session),
        cmocka_unit_test(a_bus_that_hangs_up_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 77; /* built without libsystemd: skipped */
}

#endif
