/*
 * config/config_dump.c - values to text, escaped as GLib's key files are.
 */
#include "config/config_dump.h"

#include <inttypes.h>

#define MSEC_PER_SEC 1000u

/* Blanks need an escape only where the reader would drop them: at the start of a value. */
static void put_string(const char *string, bool at_start, const char *also, struct buf *text)
{
    for (; *string != '\0'; string++) {
        at_start = at_start && (*string == ' ' || *string == '\t');
        if (*string == '\n')
            buf_puts(text, "\\n");
        else if (*string == '\r')
            buf_puts(text, "\\r");
        else if (at_start)
            buf_puts(text, *string == ' ' ? "\\s" : "\\t");
        else if (*string == '\\' || strchr(also, *string) != NULL)
            buf_printf(text, "\\%c", *string);
        else
            buf_putc(text, *string);
    }
}

static void put_list(char *const *list, char separator, const char *also, struct buf *text)
{
    size_t i;

    for (i = 0; list != NULL && list[i] != NULL; i++) {
        if (i > 0)
            buf_putc(text, separator != '\0' ? separator : ',');
        put_string(list[i], i == 0, also, text);
    }
}

/* Milliseconds as seconds: "1", "0.25". */
static void put_seconds(unsigned msec, struct buf *text)
{
    unsigned decimals = msec % MSEC_PER_SEC;
    int digits = 3;

    buf_printf(text, "%u", msec / MSEC_PER_SEC);
    if (decimals == 0)
        return;
    for (; decimals % 10 == 0; decimals /= 10)
        digits--;
    buf_printf(text, ".%0*u", digits, decimals);
}

bool setting_print(const struct setting *setting, const struct config *config, struct buf *text)
{
    const void *value = (const char *)config + setting->offset;

    switch (setting->type) {
    case SETTING_BOOL:
        buf_puts(text, *(const bool *)value ? "true" : "false");
        break;
    case SETTING_STRING:
    case SETTING_WORD:
        if (*(char *const *)value == NULL)
            return false;
        put_string(*(char *const *)value, true, "", text);
        break;
    case SETTING_NAMES:
        put_list(*(char **const *)value, config->list_separator, "", text);
        break;
    case SETTING_PATHS:
        put_list(*(char **const *)value, config->list_separator, ",;", text);
        break;
    case SETTING_COUNT:
        buf_printf(text, "%u", *(const unsigned *)value);
        break;
    case SETTING_BYTES:
        buf_printf(text, "%zu", *(const size_t *)value);
        break;
    case SETTING_MODE:
        buf_printf(text, "%04o", *(const unsigned *)value);
        break;
    case SETTING_MSEC:
        put_seconds(*(const unsigned *)value, text);
        break;
    }
    return true;
}

void config_dump(const struct config *config, struct buf *text)
{
    size_t i;

    buf_puts(text, "[general]\n");
    for (i = 0; i < setting_count; i++) {
        size_t start = text->len;

        if (settings[i].renamed_to != NULL)
            continue;
        buf_printf(text, "%s=", settings[i].key);
        if (setting_print(&settings[i], config, text))
            buf_putc(text, '\n');
        else
            text->len = start;
    }
}
