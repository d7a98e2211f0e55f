/*
 * Command line: qemu-ga's options.
 *
 * Threads    main, before threads run (getopt keeps its state in globals).
 * Passes     two: the first finds -c and does what acts when it is met (-h, -V, -b help, -a
 *            help), so that these work beside a broken configuration file; the second, behind
 *            the file, sets what the options say. An option that the first does not understand ends
 *            it; the second reports.
 */
#pragma once

#include "config/config.h"

/* CONFIG_RUN, or CONFIG_DONE when an option printed what it prints. *ret_conf_path (borrowed from
 * argv) is NULL without -c. */
enum config_result options_scan(int argc, char **argv, const struct config_parts *parts,
                                const char **ret_conf_path);

/* CONFIG_RUN or CONFIG_FAILED (reported). *ret_dump: --dump-conf was there. */
enum config_result options_apply(int argc, char **argv, struct config *config, bool *ret_dump);
