/*
 * Logins that the utmp file has.
 *
 * Threads    any.
 */
#pragma once

#include "base/sysroot.h"
#include "cmds/linux/accounts/user_list.h"

#define UTMP_PATH "/var/run/utmp"

/* Adds the records of UTMP_PATH: 0, also if there is no such file, or -errno. */
int users_add_utmp(const struct sysroot *root, struct user_list *list);
