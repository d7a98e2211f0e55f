/*
 * Errors of commands: the class and the text that the host gets.
 *
 * Threads    none: an error value belongs to whoever owns the variable.
 * Ownership  cmd_error_done() frees the text; a zeroed struct is "no error".
 * Texts      are interface: hosts match on them (docs/PROTOCOL.md).
 */
#pragma once

#include "base/defs.h"

enum cmd_error_class {
    CMD_ERROR_GENERIC,   /* "GenericError" */
    CMD_ERROR_NOT_FOUND, /* "CommandNotFound": unknown or disabled command */
};

struct cmd_error {
    enum cmd_error_class class;
    char *text; /* NULL: no error; bytes as they come, made valid when the reply is written */
};

/* Both set the error unless one is set already (the first one is the cause) and return -1. */
int cmd_fail(struct cmd_error *reterr, const char *format, ...) PRINTF_LIKE(2, 3);
int cmd_fail_class(struct cmd_error *reterr, enum cmd_error_class class, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* As cmd_fail(), with ": " and the text of `error` (errno or -errno) behind it. */
int cmd_fail_errno(struct cmd_error *reterr, int error, const char *format, ...) PRINTF_LIKE(3, 4);

void cmd_error_done(struct cmd_error *error);

/* The text of errno `error` (sign ignored), thread-safe; a constant string, never NULL. */
const char *err_text(int error);
