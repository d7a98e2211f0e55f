/*
 * config/setting_set.c - values from text: lists, strings, booleans, numbers.
 */
#include "config/setting.h"

#include "config/config_file.h"

#include <errno.h>

static void *value_of(const struct setting *setting, struct config *config)
{
    return (char *)config + setting->offset;
}

static size_t list_len(char *const *list)
{
    size_t len = 0;

    while (list != NULL && list[len] != NULL)
        len++;
    return len;
}

/* Takes `item`, even on failure. 0 or -ENOMEM. */
static int list_append(char ***list, char *item)
{
    size_t len = list_len(*list);
    char **longer = item == NULL ? NULL : realloc(*list, (len + 2) * sizeof(*longer));

    if (longer == NULL) {
        free(item);
        return -ENOMEM;
    }
    longer[len] = item;
    longer[len + 1] = NULL;
    *list = longer;
    return 0;
}

static void list_free(char **list)
{
    size_t i;

    for (i = 0; list != NULL && list[i] != NULL; i++)
        free(list[i]);
    free(list);
}

/* The end of the item at `text`; with `escapes`, what a backslash protects does not separate. */
static const char *item_end(const char *text, bool escapes)
{
    while (*text != '\0' && *text != ',' && *text != ';') {
        if (escapes && *text == '\\' && text[1] != '\0')
            text++;
        text++;
    }
    return text;
}

static bool is_blank(char c)
{
    return c != '\0' && strchr(" \t\n\f\r", c) != NULL;
}

/* A name without the blanks around it: "a, b" are two names. */
static char *copy_name(const char *text, const char *end)
{
    while (text < end && is_blank(*text))
        text++;
    while (text < end && is_blank(end[-1]))
        end--;
    return strndup(text, (size_t)(end - text));
}

static char *copy_path(const char *key, const char *text, const char *end, struct cmd_error *reterr)
{
    CLEANUP(free_ptr) char *raw = strndup(text, (size_t)(end - text));

    return raw == NULL ? NULL : config_file_string(key, raw, ",;", reterr);
}

/* Splits `text`; with `key`, the items hold escapes, which are taken out. */
static int list_split(const char *text, const char *key, char ***ret_list, struct cmd_error *reterr)
{
    char **list = NULL;

    while (*text != '\0' || list != NULL) {
        const char *end = item_end(text, key != NULL);
        char *item = key != NULL ? copy_path(key, text, end, reterr) : copy_name(text, end);

        if (list_append(&list, item) < 0) {
            list_free(list);
            return cmd_fail(reterr, "%s", err_text(ENOMEM)); /* unless there was an error before */
        }
        if (*end == '\0')
            break;
        text = end + 1;
    }
    *ret_list = list;
    return 0;
}

/* Moves the items of `more`, which is freed, behind those of *list. */
static int list_join(char ***list, char **more)
{
    size_t i;
    int r = 0;

    for (i = 0; more != NULL && more[i] != NULL; i++) {
        if (r == 0)
            r = list_append(list, more[i]);
        else
            free(more[i]);
    }
    free(more);
    return r;
}

static int add_list(const struct setting *setting, struct config *config, const char *text,
                    bool escapes, struct cmd_error *reterr)
{
    char separator = *item_end(text, escapes);
    char **list = NULL;

    if (config->list_separator == '\0')
        config->list_separator = separator;
    if (list_split(text, escapes ? setting->key : NULL, &list, reterr) < 0)
        return -1;
    if (list_join(value_of(setting, config), list) < 0)
        return cmd_fail(reterr, "%s", err_text(ENOMEM));
    return 0;
}

/* Takes `text`. */
static int set_string(const struct setting *setting, struct config *config, char *text,
                      struct cmd_error *reterr)
{
    char **value = value_of(setting, config);

    if (text == NULL)
        return cmd_fail(reterr, "%s", err_text(ENOMEM));
    free(*value);
    if (*text == '\0' && setting->fallback == NULL) {
        free(text);
        text = NULL;
    }
    *value = text;
    return 0;
}

/* Length without blanks at the end. */
static size_t trimmed_len(const char *text)
{
    size_t len = strlen(text);

    while (len > 0 && strchr(" \t\f\r", text[len - 1]) != NULL)
        len--;
    return len;
}

static int set_bool(const struct setting *setting, struct config *config, const char *raw,
                    struct cmd_error *reterr)
{
    static const char *const words[] = { "false", "true", "0", "1" };
    size_t len = trimmed_len(raw);
    size_t i;

    for (i = 0; i < ARRAY_LEN(words); i++) {
        if (strlen(words[i]) == len && memcmp(words[i], raw, len) == 0) {
            *(bool *)value_of(setting, config) = (i & 1) != 0;
            return 0;
        }
    }
    return cmd_fail(reterr,
                    "Key file contains key '%s' which has a value that cannot be interpreted.",
                    setting->key);
}

static int set_word(const struct setting *setting, struct config *config, const char *raw,
                    struct cmd_error *reterr)
{
    size_t len = trimmed_len(raw);
    size_t i;

    for (i = 0; setting->words[i] != NULL; i++) {
        if (strlen(setting->words[i]) == len && memcmp(setting->words[i], raw, len) == 0)
            return set_string(setting, config, strdup(setting->words[i]), reterr);
    }
    return cmd_fail(reterr, "Key file contains key '%s' with value '%s', which is not %s",
                    setting->key, raw, setting->unit);
}

/* Digits at *text, which moves behind them. 0, or -1: there are none, or too many. */
static int read_digits(const char **text, uint64_t *ret_number, size_t *ret_digits)
{
    const char *start = *text;
    uint64_t number = 0;

    while (**text >= '0' && **text <= '9') {
        if (*text - start > 15)
            return -1;
        number = number * 10 + (uint64_t)(**text - '0');
        (*text)++;
    }
    *ret_digits = (size_t)(*text - start);
    *ret_number = number;
    return *ret_digits == 0 ? -1 : 0;
}

/* The same in octal. */
static int read_octal(const char **text, uint64_t *ret_number)
{
    const char *start = *text;
    uint64_t number = 0;

    for (; **text >= '0' && **text <= '7' && *text - start < 8; (*text)++)
        number = number * 8 + (uint64_t)(**text - '0');
    *ret_number = number;
    return *text == start ? -1 : 0;
}

/* Behind the digits: the decimals of seconds; the number becomes milliseconds. */
static int read_decimals(const char **text, uint64_t *number)
{
    uint64_t decimals = 0;
    size_t digits = 0;

    if (**text == '.') {
        (*text)++;
        if (read_digits(text, &decimals, &digits) < 0 || digits > 3)
            return -1;
    }
    for (; digits < 3; digits++)
        decimals *= 10;
    *number = *number * 1000 + decimals;
    return 0;
}

/* Behind the digits: K, M or G. */
static void read_suffix(const char **text, uint64_t *number)
{
    static const char suffixes[] = "KMG";
    const char *found = **text == '\0' ? NULL : strchr(suffixes, **text);

    if (found == NULL)
        return;
    (*text)++;
    *number = *number >> 24 != 0 ? UINT64_MAX : *number << (10 * (found - suffixes + 1));
}

static int read_number(const struct setting *setting, const char *raw, uint64_t *ret_number)
{
    const char *end = raw;
    size_t digits;
    uint64_t number = 0;

    if (setting->type == SETTING_MODE ? read_octal(&end, &number) < 0
                                      : read_digits(&end, &number, &digits) < 0)
        return -1;
    if (setting->type == SETTING_MSEC && read_decimals(&end, &number) < 0)
        return -1;
    if (setting->type == SETTING_BYTES)
        read_suffix(&end, &number);
    if ((size_t)(end - raw) != trimmed_len(raw) || number < setting->min || number > setting->max)
        return -1;
    if (setting->type == SETTING_BYTES && (size_t)number != number)
        return -1;
    *ret_number = number;
    return 0;
}

static int set_number(const struct setting *setting, struct config *config, const char *raw,
                      struct cmd_error *reterr)
{
    CLEANUP(buf_done) struct buf range = { 0 };
    uint64_t number;

    if (read_number(setting, raw, &number) < 0) {
        setting_describe(setting, &range);
        return cmd_fail(reterr, "Key file contains key '%s' with value '%s', which is not in %s",
                        setting->key, raw, buf_terminate(&range));
    }
    if (setting->type == SETTING_BYTES)
        *(size_t *)value_of(setting, config) = (size_t)number;
    else
        *(unsigned *)value_of(setting, config) = (unsigned)number;
    return 0;
}

/* Escapes are taken out first, as GLib does: a name holds no separator then. */
static int add_names(const struct setting *setting, struct config *config, const char *raw,
                     struct cmd_error *reterr)
{
    CLEANUP(free_ptr) char *text = config_file_string(setting->key, raw, "", reterr);

    return text == NULL ? -1 : add_list(setting, config, text, false, reterr);
}

int setting_set(const struct setting *setting, struct config *config, const char *raw,
                struct cmd_error *reterr)
{
    char *text;

    switch (setting->type) {
    case SETTING_BOOL:
        return set_bool(setting, config, raw, reterr);
    case SETTING_STRING:
        text = config_file_string(setting->key, raw, "", reterr);
        return text == NULL ? -1 : set_string(setting, config, text, reterr);
    case SETTING_WORD:
        return set_word(setting, config, raw, reterr);
    case SETTING_NAMES:
        return add_names(setting, config, raw, reterr);
    case SETTING_PATHS:
        return add_list(setting, config, raw, true, reterr);
    case SETTING_COUNT:
    case SETTING_BYTES:
    case SETTING_MODE:
    case SETTING_MSEC:
        break;
    }
    return set_number(setting, config, raw, reterr);
}

int setting_set_plain(const struct setting *setting, struct config *config, const char *text,
                      struct cmd_error *reterr)
{
    if (setting->type == SETTING_NAMES)
        return add_list(setting, config, text, false, reterr);
    CHECK(setting->type == SETTING_STRING);
    return set_string(setting, config, strdup(text), reterr);
}

struct config_source *setting_source(const struct setting *setting, const struct config *config)
{
    return &config->sources[setting - settings];
}

void setting_clear(const struct setting *setting, struct config *config)
{
    if (setting->type == SETTING_STRING || setting->type == SETTING_WORD) {
        char **text = value_of(setting, config);

        free(*text);
        *text = NULL;
    } else if (setting->type == SETTING_NAMES || setting->type == SETTING_PATHS) {
        char ***list = value_of(setting, config);

        list_free(*list);
        *list = NULL;
    }
}
