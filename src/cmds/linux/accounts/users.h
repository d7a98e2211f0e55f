/*
 * Who is logged in: one entry for each user with the earliest login.
 *
 * Threads    any; a list has one owner.
 * Sources    systemd-logind where it runs, since utmp is going away; else the utmp file.
 * Limits     USER_LIST_MAX users; further ones are left out.
 */
#pragma once

#include "base/sysroot.h"

#define USER_LIST_MAX 4096

struct user_list {
    struct user_entry {
        char name[256];
        int64_t login_usec; /* since the epoch */
    } * items;
    size_t count;
};

void user_list_done(struct user_list *list);

/* A user seen before keeps the earlier login. 0 or -ENOMEM. */
int user_list_add(struct user_list *list, const char *name, int64_t login_usec);

/* Sessions of people (class "user") that logind has: 0 or -errno (-ENOENT: no logind here, or no
 * libsystemd, which is loaded at the first call). */
int users_from_logind(struct user_list *ret_list);

/* The same over a connection that is there already; for tests with a logind of their own. */
struct sd_bus;
int users_from_bus(struct sd_bus *bus, struct user_list *ret_list);

/* The records of /var/run/utmp: 0, also if there is no such file, or -errno. */
int users_from_utmp(const struct sysroot *root, struct user_list *ret_list);
