/*
 * bench/scenario.c - reads a scenario's name.
 */
#include "scenario.h"

#include <errno.h>

static int parse_size(const char **text, size_t *ret_size)
{
    char *end;
    unsigned long long number = strtoull(*text, &end, 10);

    if (end == *text)
        return -EINVAL;
    if (*end == 'k' || *end == 'm')
        number *= *end++ == 'k' ? KIB : MIB;
    if (number == 0 || number > 48 * MIB)
        return -EINVAL;
    *text = end;
    *ret_size = (size_t)number;
    return 0;
}

/* The command's name without "guest-", up to the counts. */
static int parse_command(const char **text, struct scenario *scenario)
{
    const char *end = *text;
    int len;

    while (*end && !(end[0] == '-' && end[1] && end[2] >= '0' && end[2] <= '9'))
        end++;
    len = snprintf(scenario->command, sizeof(scenario->command), "guest-%.*s", (int)(end - *text),
                   *text);
    if (end == *text || len >= (int)sizeof(scenario->command))
        return -EINVAL;
    *text = end;
    return 0;
}

/* "-d8", "-f8", "-c2" in any order. */
static int parse_counts(const char *text, struct scenario *scenario)
{
    while (*text == '-') {
        unsigned *count = text[1] == 'd'   ? &scenario->depth
                          : text[1] == 'f' ? &scenario->files
                          : text[1] == 'c' ? &scenario->clients
                                           : NULL;
        char *end;
        unsigned long number;

        if (!count)
            return -EINVAL;
        number = strtoul(text + 2, &end, 10);
        if (end == text + 2 || number == 0 || number > 100000)
            return -EINVAL;
        *count = (unsigned)number;
        text = end;
    }
    return *text == '\0' ? 0 : -EINVAL;
}

int scenario_parse(const char *name, struct scenario *ret_scenario)
{
    static const struct {
        const char *word;
        enum scenario_kind kind;
        bool sized;
    } kinds[] = {
        { "ping", SCENARIO_PING, false },   { "read-", SCENARIO_READ, true },
        { "write-", SCENARIO_WRITE, true }, { "mixed", SCENARIO_MIXED, false },
        { "exec", SCENARIO_EXEC, false },   { "query-", SCENARIO_QUERY, false },
    };
    struct scenario scenario = { .name = name, .depth = 1, .files = 1, .clients = 1 };
    size_t i;

    for (i = 0; i < ARRAY_LEN(kinds); i++) {
        const char *text = name + strlen(kinds[i].word);

        if (strncmp(name, kinds[i].word, strlen(kinds[i].word)) != 0)
            continue;
        scenario.kind = kinds[i].kind;
        if ((kinds[i].sized && parse_size(&text, &scenario.size) < 0) ||
            (scenario.kind == SCENARIO_QUERY && parse_command(&text, &scenario) < 0) ||
            parse_counts(text, &scenario) < 0)
            return -EINVAL;
        *ret_scenario = scenario;
        return 0;
    }
    return -EINVAL;
}
