/*
 * cmds/files/path_rules.c - items are kept as they were written, without their prefix.
 */
#include "cmds/files/path_rules.h"

#include <errno.h>

struct path_rule {
    bool deny;
    unsigned access;
    char *pattern;
};

struct path_rules {
    size_t count;
    struct path_rule rules[];
};

/* --- matching ------------------------------------------------------------------------- */

/* The end of the set that begins at `set` with '['; NULL: it has none. A ']' in front is a member. */
static const char *set_end(const char *set)
{
    const char *at = set + 1;

    if (*at == '!')
        at++;
    if (*at == ']')
        at++;
    while (*at != '\0' && *at != '/' && *at != ']')
        at++;
    return *at == ']' ? at + 1 : NULL;
}

static bool set_has(const char *set, const char *end, unsigned char c)
{
    bool negated = set[1] == '!';
    const char *at = set + 1 + negated;
    bool found = false;

    for (; at < end - 1; at++) {
        unsigned char low = (unsigned char)*at, high = low;

        if (at + 3 < end && at[1] == '-') {
            high = (unsigned char)at[2];
            at += 2;
        }
        found = found || (c >= low && c <= high);
    }
    return found != negated;
}

/* One byte against what stands at *pattern, which moves on. */
static bool match_byte(const char **pattern, const char *end, char c)
{
    const char *at = *pattern;
    const char *behind = at + 1;
    bool matches;

    if (at == end)
        return false;
    if (*at == '[') {
        behind = set_end(at);
        matches = behind && set_has(at, behind, (unsigned char)c);
    } else {
        matches = *at == '?' || *at == c;
    }
    if (matches)
        *pattern = behind;
    return matches;
}

/* A component. It is enough to go back to the last '*': what an earlier one could take more of, the
 * last one can take as well. */
static bool match_component(const char *pattern, const char *pattern_end, const char *name,
                            const char *name_end)
{
    const char *star = NULL, *star_name = NULL;

    while (name < name_end) {
        if (pattern < pattern_end && *pattern == '*') {
            star = ++pattern;
            star_name = name;
        } else if (match_byte(&pattern, pattern_end, *name)) {
            name++;
        } else if (star) {
            pattern = star;
            name = ++star_name;
        } else {
            return false;
        }
    }
    while (pattern < pattern_end && *pattern == '*')
        pattern++;
    return pattern == pattern_end;
}

/* `path` is at a '/', or at its end. */
static const char *component_end(const char *path)
{
    return *path == '/' ? path + 1 + strcspn(path + 1, "/") : path;
}

static bool is_any_depth(const char *pattern)
{
    return strncmp(pattern, "/**", 3) == 0 && (pattern[3] == '/' || pattern[3] == '\0');
}

static const char *skip_any_depth(const char *pattern)
{
    while (is_any_depth(pattern))
        pattern += 3;
    return pattern;
}

/* The same again, with components for bytes and "**" for '*'. The root itself has no component. */
bool path_pattern_matches(const char *pattern, const char *name)
{
    const char *deep = NULL, *deep_name = NULL;

    pattern += strcmp(pattern, "/") == 0;
    name += strcmp(name, "/") == 0;
    while (*name) {
        const char *pattern_end = component_end(pattern);
        const char *name_end = component_end(name);

        if (is_any_depth(pattern)) {
            deep = pattern = skip_any_depth(pattern);
            deep_name = name;
        } else if (*pattern && match_component(pattern + 1, pattern_end, name + 1, name_end)) {
            pattern = pattern_end;
            name = name_end;
        } else if (deep) {
            pattern = deep;
            name = deep_name = component_end(deep_name);
        } else {
            return false;
        }
    }
    return *skip_any_depth(pattern) == '\0';
}

/* --- making --------------------------------------------------------------------------- */

static bool is_dots(const char *component, size_t len)
{
    return (len == 1 && component[0] == '.') ||
           (len == 2 && component[0] == '.' && component[1] == '.');
}

static const char *fault_of_component(const char *component, size_t len)
{
    if (len == 0)
        return "it has an empty component";
    if (is_dots(component, len))
        return "it has a component . or .., which no name of a file has";
    for (const char *at = component; at < component + len;) {
        at = *at == '[' ? set_end(at) : at + 1;
        if (!at)
            return "a [ has no ]; [[] is the character";
    }
    return NULL;
}

/* What is wrong with it; NULL: nothing. */
static const char *fault_of(const char *pattern)
{
    size_t len = strlen(pattern);
    const char *fault = NULL;

    if (*pattern != '/')
        return "it is not absolute";
    if (strchr(" \t", pattern[len - 1]))
        return "it ends with a blank; [ ] is the character";
    for (const char *at = pattern; *at && len > 1 && !fault; at = component_end(at))
        fault = fault_of_component(at + 1, (size_t)(component_end(at) - at) - 1);
    return fault;
}

static const char *take_access(const char *item, unsigned *ret_access)
{
    static const struct {
        const char *prefix;
        unsigned access;
    } prefixes[] = { { "rw:", PATH_READ | PATH_WRITE }, { "r:", PATH_READ }, { "w:", PATH_WRITE } };

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        size_t len = strlen(prefixes[i].prefix);

        if (strncmp(item, prefixes[i].prefix, len) == 0) {
            *ret_access = prefixes[i].access;
            return item + len;
        }
    }
    *ret_access = PATH_READ | PATH_WRITE;
    return item;
}

static int add_rule(struct path_rules *rules, bool deny, const char *item, struct cmd_error *reterr)
{
    struct path_rule *rule = &rules->rules[rules->count];
    const char *fault;

    item += strspn(item, " \t");
    item = take_access(item, &rule->access);
    fault = fault_of(item);
    if (fault)
        return cmd_fail(reterr, "%s: '%s' is no pattern: %s", deny ? "file-deny" : "file-allow",
                        item, fault);
    rule->deny = deny;
    rule->pattern = strdup(item);
    if (!rule->pattern)
        return cmd_fail_errno(reterr, ENOMEM, "file rules");
    rules->count++;
    return 0;
}

static size_t list_len(const char *const *list)
{
    size_t len = 0;

    while (list && list[len])
        len++;
    return len;
}

int path_rules_new(const char *const *allow, const char *const *deny, struct path_rules **ret_rules,
                   struct cmd_error *reterr)
{
    size_t allows = list_len(allow), denies = list_len(deny);
    struct path_rules *rules;
    int r = 0;

    *ret_rules = NULL;
    if (allows + denies == 0)
        return 0;
    rules = calloc(1, sizeof(*rules) + (allows + denies) * sizeof(rules->rules[0]));
    if (!rules)
        return cmd_fail_errno(reterr, ENOMEM, "file rules");
    for (size_t i = 0; i < denies && r == 0; i++)
        r = add_rule(rules, true, deny[i], reterr);
    for (size_t i = 0; i < allows && r == 0; i++)
        r = add_rule(rules, false, allow[i], reterr);
    *ret_rules = r < 0 ? path_rules_free(rules) : rules;
    return r;
}

struct path_rules *path_rules_free(struct path_rules *rules)
{
    for (size_t i = 0; rules && i < rules->count; i++)
        free(rules->rules[i].pattern);
    free(rules);
    return NULL;
}

/* --- asking --------------------------------------------------------------------------- */

bool path_rules_apply(const struct path_rules *rules, unsigned access)
{
    for (size_t i = 0; rules && i < rules->count; i++) {
        if (rules->rules[i].access & access)
            return true;
    }
    return false;
}

static bool is_denied(const struct path_rules *rules, unsigned access, const char *name)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct path_rule *rule = &rules->rules[i];

        if (rule->deny && (rule->access & access) && path_pattern_matches(rule->pattern, name))
            return true;
    }
    return false;
}

/* `access` is one bit. True as well if no item is about it. */
static bool is_allowed(const struct path_rules *rules, unsigned access, const char *name)
{
    bool listed = false;

    for (size_t i = 0; i < rules->count; i++) {
        const struct path_rule *rule = &rules->rules[i];

        if (rule->deny || !(rule->access & access))
            continue;
        if (path_pattern_matches(rule->pattern, name))
            return true;
        listed = true;
    }
    return !listed;
}

bool path_rules_allow(const struct path_rules *rules, unsigned access, const struct buf *names)
{
    size_t at;

    for (at = 0; at < names->len; at += strlen(names->data + at) + 1) {
        if (is_denied(rules, access, names->data + at))
            return false;
    }
    for (unsigned bit = PATH_READ; bit <= PATH_WRITE; bit <<= 1) {
        if ((access & bit) && !is_allowed(rules, bit, names->data))
            return false;
    }
    return true;
}

bool path_rules_allow_literally(const struct path_rules *rules, unsigned access, const char *name)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct path_rule *rule = &rules->rules[i];

        if (!rule->deny && !strpbrk(rule->pattern, "*?[") && strcmp(rule->pattern, name) == 0)
            access &= ~rule->access;
    }
    return access == 0;
}

bool path_rules_within(const struct path_rules *next, const struct path_rules *now)
{
    if (!now)
        return true;
    if (!next || next->count != now->count)
        return false;
    for (size_t i = 0; i < now->count; i++) {
        const struct path_rule *a = &next->rules[i], *b = &now->rules[i];

        if (a->deny != b->deny || a->access != b->access || strcmp(a->pattern, b->pattern) != 0)
            return false;
    }
    return true;
}
