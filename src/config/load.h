/*
 * Loading the configuration: defaults, then the file, then the command line; lists add up.
 *
 * Threads    main, before threads run.
 */
#pragma once

#include "config/config.h"

/* `ret_config` is zeroed or was; it needs config_done() whatever the result. argv is reordered. */
enum config_result config_load(int argc, char **argv, const struct config_parts *parts,
                               struct config *ret_config);

/* Where a configuration comes from. */
struct config_input {
    int argc;
    char **argv;
    const struct config_parts *parts;
};

/* The same once more, while the agent that `running` started serves: the same file, which has to be
 * there if it was, and the same options. CONFIG_RUN, or CONFIG_FAILED with log lines. Any thread, one at
 * a time. The path of a socket that was passed is not asked for. */
enum config_result config_reload(const struct config_input *source, const struct config *running,
                                 struct config *ret_config);

/* Warns of what others than root may change: `path` as the value of `key`. True if they may. A path
 * that is not there is fine. */
bool config_warn_untrusted(const char *key, const char *path);

/* Paths that were given relative to the working directory become absolute: for a daemon, which
 * leaves that directory. 0 or -errno. */
int config_absolute_paths(struct config *config);
void config_done(struct config *config);
