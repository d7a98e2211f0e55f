/*
 * Profile: a set of classes of commands that the owner of the guest allows, by name or as a list.
 *
 *     open           all, as qemu-ga does by itself
 *     rhel           all but exec and files, as Red Hat's package sets it up
 *     audit          looks at the guest's state only
 *     backup         audit and fs-mgmt: what a backup of the disks needs
 *     managed        all but exec, files, and passwords and keys
 *     confidential   what tells and changes little of a guest that does not trust its host
 *     NAME,+CLASS,-CLASS   more or less than that; a list without NAME begins with nothing
 *
 * Source     the shared design, "Rights"; `rhel` is FILTER_RPC_ARGS of Red Hat's qemu-ga.
 * Threads    any.
 */
#pragma once

#include "cmds/command.h"

struct profile {
    unsigned classes; /* enum cmd_class, allowed */
    const char *also; /* a command that is allowed too; NULL: none */
};

extern const struct profile profile_open;

/* 0, or -1 with a text in *reterr that names the nearest word. */
int profile_parse(const char *text, struct profile *ret_profile, struct cmd_error *reterr);

bool profile_allows(const struct profile *profile, const struct command *command);

/* Appends "file-read or file-write": any of a row's classes will do. */
void classes_print(unsigned classes, struct buf *text);
