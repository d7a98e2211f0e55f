/*
 * cmds/linux/users_logind.c - sessions over the system bus (org.freedesktop.login1(5)).
 *
 * A connection of its own for each call: sd-bus objects are bound to a thread, and a connection
 * that is kept would wake the agent up for signals that it does not want.
 */
#include "cmds/linux/users.h"

#include <errno.h>

#if PQGA_HAVE_SYSTEMD
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#define LOGIND         "org.freedesktop.login1"
#define LOGIND_SESSION "org.freedesktop.login1.Session"
#define CALL_USEC      (5 * 1000000ULL)

struct session {
    const char *user, *path;
};

static bool is_person(const char *class)
{
    /* "user", "user-early", "user-light"; not "manager", "greeter", "background", ... */
    return strncmp(class, "user", 4) == 0 && strcmp(class, "user-incomplete") != 0;
}

static int get_text(sd_bus *bus, const char *path, const char *member, char **ret_text)
{
    return sd_bus_get_property_string(bus, LOGIND, path, LOGIND_SESSION, member, NULL, ret_text);
}

static int add_session(sd_bus *bus, const struct session *session, struct user_list *list)
{
    CLEANUP(free_ptr) char *class = NULL;
    CLEANUP(free_ptr) char *state = NULL;
    uint64_t timestamp_usec;
    int r = get_text(bus, session->path, "Class", &class);

    if (r >= 0)
        r = get_text(bus, session->path, "State", &state);
    if (r >= 0)
        r = sd_bus_get_property_trivial(bus, LOGIND, session->path, LOGIND_SESSION, "Timestamp",
                                        NULL, 't', &timestamp_usec);
    if (r < 0 && (r == -ETIMEDOUT || sd_bus_is_open(bus) <= 0))
        return r;
    if (r < 0 || !is_person(class) || strcmp(state, "closing") == 0)
        return 0; /* the session ended meanwhile, or is nobody's */
    return user_list_add(list, session->user, (int64_t)timestamp_usec);
}

static int add_sessions(sd_bus *bus, struct user_list *list)
{
    sd_bus_message *message = NULL;
    struct session session;
    int r = sd_bus_call_method(bus, LOGIND, "/org/freedesktop/login1", LOGIND ".Manager",
                               "ListSessions", NULL, &message, "");

    if (r >= 0)
        r = sd_bus_message_enter_container(message, 'a', "(susso)");
    while (r >= 0) {
        r = sd_bus_message_read(message, "(susso)", NULL, NULL, &session.user, NULL, &session.path);
        if (r <= 0)
            break;
        r = add_session(bus, &session, list);
    }
    sd_bus_message_unref(message);
    return r;
}

int users_from_bus(struct sd_bus *bus, struct user_list *ret_list)
{
    struct user_list list = { 0 };
    int r;

    sd_bus_set_method_call_timeout(bus, CALL_USEC);
    r = add_sessions(bus, &list);
    if (r < 0) {
        user_list_done(&list);
        return r;
    }
    *ret_list = list;
    return 0;
}

int users_from_logind(struct user_list *ret_list)
{
    sd_bus *bus = NULL;
    int r;

    if (sd_booted() <= 0)
        return -ENOENT;
    r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = users_from_bus(bus, ret_list);
    sd_bus_flush_close_unref(bus);
    return r < 0 ? r : 0;
}

#else

int users_from_logind(struct user_list *ret_list)
{
    return -ENOENT;
}

#endif
