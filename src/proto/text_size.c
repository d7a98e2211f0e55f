/*
 * proto/text_size.c - how long a request's value will be in a reply: a byte may become six.
 */
#include "proto/json_string.h"
#include "proto/reply.h"
#include "proto/scan.h"

#define NUMBER_MAX   26 /* digits, sign, exponent, and what separates it from the next */
#define AROUND_VALUE 4  /* quotes or brackets, and the same */

/* The escape of what begins at `bytes`, which takes *ret_size of them. */
static size_t escape_size(const char *bytes, size_t len, size_t *ret_size)
{
    static const char short_escapes[] = "\"\\\b\f\n\r\t";

    *ret_size = 1;
    if (*bytes != '\0' && strchr(short_escapes, *bytes))
        return 2;
    return utf8_decode(bytes, len, ret_size) < 0x10000 ? 6 : 12;
}

static size_t string_size(const char *bytes, size_t len, size_t most)
{
    size_t total = 0;

    while (len > 0 && total <= most) {
        size_t plain = scan_plain(bytes, len), size = 0;

        total += plain;
        if (plain < len)
            total += escape_size(bytes + plain, len - plain, &size);
        bytes += plain + size;
        len -= plain + size;
    }
    return total;
}

static size_t value_size(const struct json_doc *doc, const struct json_node *node, size_t most)
{
    switch ((enum json_node_type)node->type) {
    case JSON_STRING:
        return string_size(json_str(doc, node), node->str.len, most) + AROUND_VALUE;
    case JSON_DOUBLE:
        return node->str.len + NUMBER_MAX;
    case JSON_INT:
        return node->integer >= 0 && node->integer < 1000000 ? 8 : NUMBER_MAX;
    case JSON_UINT:
    case JSON_NULL:
    case JSON_BOOL:
        return NUMBER_MAX;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return AROUND_VALUE;
}

size_t text_node_size(const struct json_doc *doc, const struct json_node *node, size_t most)
{
    size_t total = 0;
    uint32_t i;

    for (i = (uint32_t)(node - doc->nodes); i < node->next && total <= most; i++)
        total += value_size(doc, &doc->nodes[i], most - total);
    return total;
}
