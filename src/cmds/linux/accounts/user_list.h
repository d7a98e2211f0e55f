/*
 * Who is logged in: one entry for each user with the earliest login.
 *
 * Threads    none: a list has one owner. A zeroed struct is an empty list.
 * Limits     USER_LIST_MAX users; further ones are left out.
 */
#pragma once

#include "base/defs.h"

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
