/*
 * The environment of children that are given none: the agent's own, without what the service
 * manager means for the agent alone, and with what a login has.
 *
 * Threads    any; spawn_env_init() before there are any.
 */
#pragma once

/* Looks up HOME, USER, LOGNAME and SHELL of the agent's user in /etc/passwd. Without it, or if the
 * user is not there, root has a root's and others none. */
void spawn_env_init(void);

/* A vector of borrowed strings, NULL-terminated, to be freed; NULL: no memory. */
char **spawn_env_new(void);

/* The value of `name` in a vector, or NULL. */
const char *spawn_env_get(char *const *envp, const char *name);
