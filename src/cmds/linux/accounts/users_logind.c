/*
 * cmds/linux/accounts/users_logind.c - sessions over the system bus (org.freedesktop.login1(5)).
 *
 * libsystemd is loaded at the first use and not linked: it and the libraries behind it take longer
 * to load than all the rest of the start, and a machine without it has utmp. Its sd-bus(3) is bound
 * once, before anybody reads the table, and stays loaded.
 *
 * A connection of its own for each call: sd-bus objects are bound to a thread, and a connection
 * that is kept would wake the agent up for signals that it does not want.
 */
#include "cmds/linux/accounts/users_logind.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#define LIBRARY        "libsystemd.so.0"
#define BOOTED         "/run/systemd/system" /* sd_booted(3) */
#define LOGIND         "org.freedesktop.login1"
#define LOGIND_SESSION "org.freedesktop.login1.Session"
#define CALL_USEC      (5 * 1000000ULL)

struct sd_bus_error;
struct sd_bus_message;

static struct {
    int (*open_system)(struct sd_bus **ret_bus);
    struct sd_bus *(*flush_close_unref)(struct sd_bus *bus);
    int (*is_open)(struct sd_bus *bus);
    int (*set_method_call_timeout)(struct sd_bus *bus, uint64_t usec);
    int (*call_method)(struct sd_bus *bus, const char *name, const char *path,
                       const char *interface, const char *member, struct sd_bus_error *reterr,
                       struct sd_bus_message **ret_reply, const char *types, ...);
    int (*get_property_string)(struct sd_bus *bus, const char *name, const char *path,
                               const char *interface, const char *member,
                               struct sd_bus_error *reterr, char **ret_text);
    int (*get_property_trivial)(struct sd_bus *bus, const char *name, const char *path,
                                const char *interface, const char *member,
                                struct sd_bus_error *reterr, char type, void *ret_value);
    int (*message_enter_container)(struct sd_bus_message *message, char type, const char *contents);
    int (*message_read)(struct sd_bus_message *message, const char *types, ...);
    struct sd_bus_message *(*message_unref)(struct sd_bus_message *message);
} sd;

#define SYMBOL(field)                                                                              \
    {                                                                                              \
        "sd_bus_" #field, &sd.field                                                                \
    }

static const struct symbol {
    const char *name;
    void *function; /* where its address goes */
} symbols[] = {
    SYMBOL(open_system),
    SYMBOL(flush_close_unref),
    SYMBOL(is_open),
    SYMBOL(set_method_call_timeout),
    SYMBOL(call_method),
    SYMBOL(get_property_string),
    SYMBOL(get_property_trivial),
    SYMBOL(message_enter_container),
    SYMBOL(message_read),
    SYMBOL(message_unref),
};

static bool is_bound; /* written once, by bind_library() */

static void bind_library(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

    for (size_t i = 0; library && i < ARRAY_LEN(symbols); i++) {
        void *address = dlsym(library, symbols[i].name);

        if (!address)
            return;
        memcpy(symbols[i].function, &address, sizeof(address));
    }
    is_bound = library != NULL;
}

/* False: there is no such library, or it is too old. */
static bool have_library(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    PTOK(pthread_once(&once, bind_library));
    return is_bound;
}

struct session {
    const char *user, *path;
};

static bool is_person(const char *class)
{
    /* "user", "user-early", "user-light"; not "manager", "greeter", "background", ... */
    return strncmp(class, "user", 4) == 0 && strcmp(class, "user-incomplete") != 0;
}

static int get_text(struct sd_bus *bus, const char *path, const char *member, char **ret_text)
{
    return sd.get_property_string(bus, LOGIND, path, LOGIND_SESSION, member, NULL, ret_text);
}

static int add_session(struct sd_bus *bus, const struct session *session, struct user_list *list)
{
    CLEANUP(free_ptr) char *class = NULL;
    CLEANUP(free_ptr) char *state = NULL;
    uint64_t timestamp_usec;
    int r = get_text(bus, session->path, "Class", &class);

    if (r >= 0)
        r = get_text(bus, session->path, "State", &state);
    if (r >= 0)
        r = sd.get_property_trivial(bus, LOGIND, session->path, LOGIND_SESSION, "Timestamp", NULL,
                                    't', &timestamp_usec);
    if (r < 0 && (r == -ETIMEDOUT || sd.is_open(bus) <= 0))
        return r;
    if (r < 0 || !is_person(class) || strcmp(state, "closing") == 0)
        return 0; /* the session ended meanwhile, or is nobody's */
    return user_list_add(list, session->user, (int64_t)timestamp_usec);
}

static int add_sessions(struct sd_bus *bus, struct user_list *list)
{
    struct sd_bus_message *message = NULL;
    struct session session;
    int r = sd.call_method(bus, LOGIND, "/org/freedesktop/login1", LOGIND ".Manager",
                           "ListSessions", NULL, &message, "");

    if (r >= 0)
        r = sd.message_enter_container(message, 'a', "(susso)");
    while (r >= 0) {
        r = sd.message_read(message, "(susso)", NULL, NULL, &session.user, NULL, &session.path);
        if (r <= 0)
            break;
        r = add_session(bus, &session, list);
    }
    sd.message_unref(message);
    return r;
}

int users_from_bus(struct sd_bus *bus, struct user_list *ret_list)
{
    struct user_list list = { 0 };
    int r;

    if (!have_library())
        return -ENOENT;
    sd.set_method_call_timeout(bus, CALL_USEC);
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
    struct sd_bus *bus = NULL;
    int r;

    if (access(BOOTED, F_OK) < 0 || !have_library())
        return -ENOENT;
    r = sd.open_system(&bus);
    if (r >= 0)
        r = users_from_bus(bus, ret_list);
    sd.flush_close_unref(bus);
    return r < 0 ? r : 0;
}
