/*
 * reply.c - what stands in a reply line.
 */
#include "fixture.h"

#include <json_object.h>
#include <json_tokener.h>

static const char *find_value(const char *line, const char *key)
{
    char *pattern;
    const char *at;
    size_t len;

    assert_true(asprintf(&pattern, "\"%s\": ", key) >= 0);
    at = strstr(line, pattern);
    len = strlen(pattern);
    free(pattern);
    return at ? at + len : NULL;
}

int64_t reply_int(const char *line, const char *key)
{
    const char *value = find_value(line, key);
    char *end;
    int64_t number;

    if (!value)
        fail_msg("no \"%s\" in %s", key, line);
    number = strtoll(value, &end, 10);
    assert_ptr_not_equal(end, value);
    return number;
}

char *reply_str(const char *line, const char *key)
{
    const char *value = find_value(line, key);
    const char *end;

    if (!value || *value != '"')
        return NULL;
    end = strchr(value + 1, '"');
    assert_non_null(end);
    return strndup(value + 1, (size_t)(end - value - 1));
}

bool reply_has(const char *line, const char *text)
{
    return strstr(line, text) != NULL;
}

void assert_json_equal(const char *line, const char *expected)
{
    struct json_object *got = json_tokener_parse(line);
    struct json_object *wanted = json_tokener_parse(expected);

    assert_non_null(wanted);
    if (!got || !json_object_equal(got, wanted))
        fail_msg("%.300s\n   instead of %.300s", line, expected);
    json_object_put(got);
    json_object_put(wanted);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_of(const void *data, size_t len)
{
    const unsigned char *in = data;
    char *text = malloc(len / 3 * 4 + 5), *out = text;

    assert_non_null(text);
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t group = (uint32_t)in[i] << 16;

        if (left > 1)
            group |= (uint32_t)in[i + 1] << 8;
        if (left > 2)
            group |= in[i + 2];
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
        *out++ = left > 2 ? alphabet[group & 63] : '=';
    }
    *out = '\0';
    return text;
}

char *base64_bytes(const char *text, size_t *ret_len)
{
    size_t text_len = strlen(text), len = 0;
    char *bytes = malloc(text_len / 4 * 3 + 4);
    signed char values[256];

    assert_non_null(bytes);
    memset(values, -1, sizeof(values));
    for (int i = 0; i < 64; i++)
        values[(unsigned char)alphabet[i]] = (signed char)i;
    assert_int_equal(text_len % 4, 0);
    for (size_t i = 0; i < text_len; i += 4) {
        uint32_t group = 0;

        for (size_t j = i; j < i + 4; j++) {
            int value = values[(unsigned char)text[j]];

            assert_true(value >= 0 || (text[j] == '=' && i + 4 == text_len));
            group = group << 6 | (uint32_t)MAX_OF(value, 0);
        }
        bytes[len++] = (char)(group >> 16);
        bytes[len++] = (char)(group >> 8);
        bytes[len++] = (char)group;
    }
    for (size_t i = text_len; i > 0 && text[i - 1] == '='; i--)
        len--;
    bytes[len] = '\0';
    *ret_len = len;
    return bytes;
}
