/*
 * base/nearest.c - Levenshtein's distance, one row at a time. Capitals and small letters are the
 * same, and so are '-' and '_'.
 */
#include "base/nearest.h"

#include <ctype.h>

#define NAME_MAX_LEN 63

static char plain(char c)
{
    return c == '_' ? '-' : (char)tolower((unsigned char)c);
}

static size_t distance(const char *word, const char *name)
{
    size_t row[NAME_MAX_LEN + 1];
    size_t len = strlen(name);
    size_t i, j;

    for (j = 0; j <= len; j++)
        row[j] = j;
    for (i = 0; word[i] != '\0'; i++) {
        size_t diagonal = i;

        row[0] = i + 1;
        for (j = 0; j < len; j++) {
            size_t changed = diagonal + (plain(word[i]) != plain(name[j]));

            diagonal = row[j + 1];
            row[j + 1] = MIN_OF(changed, MIN_OF(row[j], diagonal) + 1);
        }
    }
    return row[len];
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    size_t far;

    if (strlen(nearest->word) > NAME_MAX_LEN || strlen(name) > NAME_MAX_LEN)
        return;
    far = distance(nearest->word, name);
    if (!nearest->best || far < nearest->distance) {
        nearest->best = name;
        nearest->distance = far;
    }
}

const char *nearest_name(const struct nearest *nearest)
{
    return nearest->best && nearest->distance <= 1 + strlen(nearest->word) / 4 ? nearest->best
                                                                               : NULL;
}
