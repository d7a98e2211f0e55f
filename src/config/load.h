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

/* Warns of what others than root may change: `path` as the value of `key`. True if they may. A path
 * that is not there is fine. */
bool config_warn_untrusted(const char *key, const char *path);

/* Paths that were given relative to the working directory become absolute: for a daemon, which
 * leaves that directory. 0 or -errno. */
int config_absolute_paths(struct config *config);
void config_done(struct config *config);
