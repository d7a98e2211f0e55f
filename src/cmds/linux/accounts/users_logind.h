/*
 * Sessions of people (class "user") that systemd-logind has.
 *
 * Threads    any.
 */
#pragma once

#include "cmds/linux/accounts/user_list.h"

/* 0 or -errno (-ENOENT: no logind here, or no libsystemd, which is loaded at the first call). */
int users_from_logind(struct user_list *ret_list);

/* The same over a connection that is there already; for tests with a logind of their own. */
struct sd_bus;
int users_from_bus(struct sd_bus *bus, struct user_list *ret_list);
