#include "proto/request.h"

#include "proto/text.h"

enum member {
    MEMBER_EXECUTE,
    MEMBER_ARGUMENTS,
    MEMBER_ID,
    MEMBER_OTHER,
};

static enum member member_of(const struct json_doc *doc, const struct json_node *key)
{
    if (json_str_is(doc, key, "execute"))
        return MEMBER_EXECUTE;
    if (json_str_is(doc, key, "arguments"))
        return MEMBER_ARGUMENTS;
    return json_str_is(doc, key, "id") ? MEMBER_ID : MEMBER_OTHER;
}

static bool member_fits(enum member member, const struct json_node *value)
{
    switch (member) {
    case MEMBER_EXECUTE:
        return value->type == JSON_STRING;
    case MEMBER_ARGUMENTS:
        return value->type == JSON_OBJECT;
    default:
        return member == MEMBER_ID;
    }
}

bool request_is_shaped(const struct json_doc *doc, const struct json_node *object)
{
    uint32_t i = (uint32_t)(object - doc->nodes) + 1;
    bool has_name = false;

    while (i < object->next) {
        enum member member = member_of(doc, &doc->nodes[i]);

        if (!member_fits(member, &doc->nodes[i + 1]))
            return false;
        has_name |= member == MEMBER_EXECUTE;
        i = doc->nodes[i + 1].next;
    }
    return has_name;
}

static int fail_member(const struct json_doc *doc, const struct json_node *key, enum member member,
                       struct cmd_error *reterr)
{
    CLEANUP(free_ptr) char *name = NULL;

    if (member == MEMBER_EXECUTE)
        return cmd_fail(reterr, "QMP input member 'execute' must be a string");
    if (member == MEMBER_ARGUMENTS)
        return cmd_fail(reterr, "QMP input member 'arguments' must be an object");
    name = text_shown(json_str(doc, key), key->str.len);
    return cmd_fail(reterr, "QMP input member '%s' is unexpected", name ? name : "");
}

static void take_member(struct request *request, const struct json_doc *doc, enum member member,
                        const struct json_node *value)
{
    switch (member) {
    case MEMBER_EXECUTE:
        request->name = json_str(doc, value);
        request->name_len = value->str.len;
        break;
    case MEMBER_ARGUMENTS:
        request->arguments = value;
        break;
    default:
        request->id = value;
        break;
    }
}

int request_parse(const struct json_doc *doc, struct request *ret_request, struct cmd_error *reterr)
{
    const struct json_node *bad = NULL;
    uint32_t i;

    *ret_request = (struct request){ .doc = doc };
    if (doc->nodes[0].type != JSON_OBJECT)
        return cmd_fail(reterr, "QMP input must be a JSON object");
    for (i = 1; i < doc->node_count; i = doc->nodes[i + 1].next) {
        const struct json_node *key = &doc->nodes[i];
        enum member member = member_of(doc, key);

        if (member_fits(member, key + 1))
            take_member(ret_request, doc, member, key + 1);
        else if (!bad)
            bad = key;
    }
    if (bad)
        return fail_member(doc, bad, member_of(doc, bad), reterr);
    if (!ret_request->name)
        return cmd_fail(reterr, "QMP input lacks member 'execute'");
    return 0;
}
