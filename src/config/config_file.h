/*
 * Configuration file: the syntax of GLib's key files, as qemu-ga reads them.
 *
 *     # comment
 *     [general]
 *     key=value          blanks around the '=' are dropped, those at the end of a value stay
 *
 * A group may be opened again; what a later line says about a key wins. Values are handed over
 * as they stand; config_file_string() takes the escapes \s \n \t \r \\ out.
 *
 * Why not an INI library: inih (as Debian builds it) takes ':' for '=', cuts a value at " ;",
 * goes on in an indented line, drops trailing blanks, takes keys before the first group and
 * cuts lines at 200 bytes. Each of these would read a file of qemu-ga's to another meaning or
 * take one that qemu-ga refuses, and a block list read wrongly is a hole.
 *
 * Threads    main, before threads run.
 * Limit      CONFIG_FILE_MAX bytes.
 */
#pragma once

#include "base/error.h"

#define CONFIG_FILE_MAX (1024 * KIB)

/* Called for each key in file order. `line` counts from 1. `raw` is valid during the call only. 0, or -1 with *reterr:
 * reading ends. */
typedef int config_file_fn(void *ctx, unsigned line, const char *group, const char *key,
                           const char *raw, struct cmd_error *reterr);

/* 0, -ENOENT if there is no such file, or -1 with a text in *reterr. */
int config_file_read(const char *path, config_file_fn *fn, void *ctx, struct cmd_error *reterr);

/* The same for a text in memory, which is cut up. `text` is NUL-terminated at text[len]. */
int config_file_parse(char *text, size_t len, config_file_fn *fn, void *ctx,
                      struct cmd_error *reterr);

/* The string that a raw value stands for, allocated. `also` names characters that may be escaped
 * too ("" for none). NULL: invalid UTF-8 or a bad escape, see *reterr; or no memory. */
char *config_file_string(const char *key, const char *raw, const char *also,
                         struct cmd_error *reterr);
