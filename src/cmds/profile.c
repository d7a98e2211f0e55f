/*
 * cmds/profile.c - names of classes and profiles.
 */
#include "cmds/profile.h"

#include "base/nearest.h"

#include <errno.h>

static const char *const class_names[] = { "self",  "audit",   "file-read", "file-write", "fs-mgmt",
                                           "power", "cpu-mem", "time",      "user-auth",  "exec" };

#define CLASS_FILES (CLASS_FILE_READ | CLASS_FILE_WRITE)
#define CLASS_ALL   ((1u << ARRAY_LEN(class_names)) - 1)

static const struct {
    const char *name;
    struct profile profile;
} profiles[] = {
    { "open", { .classes = CLASS_ALL } },
    { "rhel", { .classes = CLASS_ALL ^ (CLASS_EXEC | CLASS_FILES) } },
    { "audit", { .classes = CLASS_AUDIT } },
    { "backup", { .classes = CLASS_AUDIT | CLASS_FS_MGMT } },
    { "managed", { .classes = CLASS_ALL ^ (CLASS_EXEC | CLASS_FILES | CLASS_USER_AUTH) } },
    { "confidential",
      { .classes = CLASS_FS_MGMT | CLASS_POWER | CLASS_CPU_MEM | CLASS_TIME,
        .also = "guest-get-host-name" } },
};

const struct profile profile_open = { .classes = CLASS_ALL };

static bool find_profile(const char *name, struct profile *ret_profile)
{
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
        if (strcmp(profiles[i].name, name) != 0)
            continue;
        *ret_profile = profiles[i].profile;
        return true;
    }
    return false;
}

/* 0: there is no such class. */
static unsigned find_class(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(class_names); i++) {
        if (strcmp(class_names[i], name) == 0)
            return 1u << i;
    }
    return 0;
}

static int unknown_word(const char *what, struct nearest *nearest, struct cmd_error *reterr)
{
    const char *meant = nearest_name(nearest);

    if (meant)
        return cmd_fail(reterr, "profile: there is no %s '%s', did you mean '%s'?", what,
                        nearest->word, meant);
    return cmd_fail(reterr, "profile: there is no %s '%s'", what, nearest->word);
}

static int unknown_class(const char *name, struct cmd_error *reterr)
{
    struct nearest nearest = { .word = name };

    for (size_t i = 0; i < ARRAY_LEN(class_names); i++)
        nearest_offer(&nearest, class_names[i]);
    return unknown_word("class", &nearest, reterr);
}

static int unknown_profile(const char *name, struct cmd_error *reterr)
{
    struct nearest nearest = { .word = name };

    for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
        nearest_offer(&nearest, profiles[i].name);
    return unknown_word("profile", &nearest, reterr);
}

/* "+CLASS" or "-CLASS". */
static int change(const char *word, struct profile *profile, struct cmd_error *reterr)
{
    unsigned class = find_class(word + 1);

    if (class == 0)
        return unknown_class(word + 1, reterr);
    if (*word == '+')
        profile->classes |= class;
    else
        profile->classes &= ~class;
    return 0;
}

int profile_parse(const char *text, struct profile *ret_profile, struct cmd_error *reterr)
{
    CLEANUP(free_ptr) char *copy = strdup(text);
    struct profile profile = { 0 };
    bool first = true;
    char *rest = copy, *word;

    if (!copy)
        return cmd_fail(reterr, "%s", err_text(ENOMEM));
    while ((word = strtok_r(rest, ",; \t", &rest))) {
        if (*word == '+' || *word == '-') {
            if (change(word, &profile, reterr) < 0)
                return -1;
        } else if (!first) {
            return cmd_fail(reterr, "profile: '%s' stands behind others, it needs a + or -", word);
        } else if (!find_profile(word, &profile)) {
            return unknown_profile(word, reterr);
        }
        first = false;
    }
    if (first)
        return cmd_fail(reterr, "profile: it is empty");
    *ret_profile = profile;
    return 0;
}

bool profile_allows(const struct profile *profile, const struct command *command)
{
    return (command->classes & (profile->classes | CLASS_SELF)) != 0 ||
           (profile->also && strcmp(profile->also, command->name) == 0);
}

void classes_print(unsigned classes, struct buf *text)
{
    const char *separator = "";

    for (size_t i = 0; i < ARRAY_LEN(class_names); i++) {
        if ((classes & 1u << i) == 0)
            continue;
        buf_printf(text, "%s%s", separator, class_names[i]);
        separator = " or ";
    }
}
