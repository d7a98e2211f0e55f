/*
 * The command table: the row of each command. It names all handlers, so it stands above them; what
 * stands below is handed the table.
 *
 * Threads    any: constant.
 */
#pragma once

#include "cmds/command.h"

extern const struct command_table all_commands;

/* NULL if there is no such command; exact, by bytes. `name` is NUL-terminated at `len`, and may hold
 * more NULs. */
const struct command *command_find(const char *name, size_t len);
