/*
 * Settings: the one table of what can be configured. Defaults, ranges, the configuration file,
 * --dump-conf, --help and the check of the manual page read it.
 *
 * Threads    main, before threads run.
 * Ownership  values are allocated and belong to the configuration (config_done()).
 * Lists      are separated by ',' or ';'. Blanks around names are cut. Empty names between
 *            separators are kept, as qemu-ga does (a list of nothing but an empty name allows
 *            nothing); an empty text is no list at all.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "config/config.h"

enum setting_type {
    SETTING_BOOL,   /* bool: true, false, 1, 0 */
    SETTING_STRING, /* char *; an empty value of one without default is NULL */
    SETTING_WORD,   /* char *: one of `words` */
    SETTING_NAMES,  /* char **: names, which hold no separator */
    SETTING_PATHS,  /* char **: items in which a backslash protects a separator */
    SETTING_COUNT,  /* unsigned: a whole number of things or seconds */
    SETTING_BYTES,  /* size_t: a number with an optional K, M or G (powers of 1024) */
    SETTING_MODE,   /* unsigned: permissions in octal, with or without a leading 0 */
    SETTING_MSEC,   /* unsigned milliseconds, written in seconds with up to 3 decimals */
};

struct setting {
    const char *key;
    enum setting_type type;
    size_t offset;            /* in struct config */
    const char *fallback;     /* the default as the file would have it; NULL: none */
    uint64_t min, max;        /* of numbers, in the unit of the value (SETTING_MSEC: ms) */
    const char *const *words; /* NULL-terminated: of a SETTING_WORD */
    const char *unit;         /* NULL: as qemu-ga has it; else a key of ours */
    const char *summary;      /* of a key of ours: one line for --help */
    const char *renamed_to;   /* an old name of that setting: taken with a warning */
};

/* In the order of --dump-conf. */
extern const struct setting settings[];
extern const size_t setting_count;

/* NULL if there is no such key. */
const struct setting *setting_find(const char *key);

/* Sets a value from the text that stands in a configuration file, escapes and all. A list is
 * added to, anything else is replaced. 0, or -1 and nothing is changed. */
int setting_set(const struct setting *setting, struct config *config, const char *raw,
                struct cmd_error *reterr);

/* The same from an option's argument: taken as it is. For strings and SETTING_NAMES. */
int setting_set_plain(const struct setting *setting, struct config *config, const char *text,
                      struct cmd_error *reterr);

/* Where a value is from. */
struct config_source *setting_source(const struct setting *setting, const struct config *config);

/* Frees a value, which becomes empty. */
void setting_clear(const struct setting *setting, struct config *config);

/* "UNIT, MIN to MAX, default D" of a key of ours: the words --help and the manual page share. */
void setting_describe(const struct setting *setting, struct buf *text);
