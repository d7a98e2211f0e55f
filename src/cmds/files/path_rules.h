/*
 * Path rules: which files the owner of the guest lets the host open, by their names.
 *
 * An item of a list is [r:|w:|rw:]PATTERN; without a prefix it is about reading and writing. A name is
 * refused if an item of the deny list matches, or if the allow list has items for that access and none
 * of them matches. Nothing set: all is allowed.
 *
 * Patterns   are absolute, and are compared component by component: "**" is any number of components,
 *            none too; in others '*' is any bytes, '?' one byte, [a-z] and [!a-z] a byte of a set.
 *            There are no escapes: [*] is an asterisk. A dot in front is a byte like others.
 * Cost       of a match: the product of both lengths at most, whatever the name.
 * Threads    immutable once made: any.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

enum path_access {
    PATH_READ = 1u << 0,
    PATH_WRITE = 1u << 1,
};

struct path_rules;

/* Lists are NULL-terminated, or NULL, and need not live on. 0, or -1 with the error set. *ret_rules is
 * NULL if no list has items. */
int path_rules_new(const char *const *allow, const char *const *deny, struct path_rules **ret_rules,
                   struct cmd_error *reterr);
/* NULL in, NULL out. */
struct path_rules *path_rules_free(struct path_rules *rules);

/* True if there is a rule for one of the bits of `access`. NULL has none. */
bool path_rules_apply(const struct path_rules *rules, unsigned access);

/* `names` are those of one file, each with a NUL behind it. A deny counts for each of them, an allow
 * for the first one, by which the file was opened. */
bool path_rules_allow(const struct path_rules *rules, unsigned access, const struct buf *names);

/* True if the allow list has this very name, without wildcards, for all of `access`. */
bool path_rules_allow_literally(const struct path_rules *rules, unsigned access, const char *name);

/* True if `next` is surely no wider than `now`: the same rules, or there were none. */
bool path_rules_within(const struct path_rules *next, const struct path_rules *now);

/* True if `name` (absolute, without empty components) matches. The pattern is valid. */
bool path_pattern_matches(const char *pattern, const char *name);
