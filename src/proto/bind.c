/*
 * proto/bind.c - arguments are visited in the order of the table, as QAPI's generated code does:
 * the first that is missing or wrong is told; then, struct by struct, what nobody asked for.
 */
#include "proto/bind.h"

#include "proto/text.h"

#include <errno.h>

/* How a nested struct's members are called in errors: "vcpus[0]." in front of their names. */
struct bind {
    const struct json_doc *doc;
    const char *prefix;
    struct cmd_error *reterr;
};

static void *field(void *args, size_t offset)
{
    return (char *)args + offset;
}

static int wrong_type(const struct bind *bind, const char *name, const char *expected)
{
    return cmd_fail(bind->reterr, "Invalid parameter type for '%s%s', expected: %s", bind->prefix,
                    name, expected);
}

static int no_memory(const struct bind *bind)
{
    return cmd_fail(bind->reterr, "not enough memory for the arguments");
}

static int bind_str(const struct bind *bind, const char *name, bool binary,
                    const struct json_node *value, struct arg_str *ret_str)
{
    char *text;

    if (value->type != JSON_STRING)
        return wrong_type(bind, name, "string");
    text = json_str(bind->doc, value);
    if (!binary && memchr(text, '\0', value->str.len))
        return cmd_fail(bind->reterr, "Parameter '%s%s' must not contain NUL", bind->prefix, name);
    ret_str->text = text;
    ret_str->len = value->str.len;
    return 0;
}

static int bind_str_list(const struct bind *bind, const struct arg_spec *spec,
                         const struct json_node *value, struct arg_str_list *ret_list)
{
    uint32_t i = (uint32_t)(value - bind->doc->nodes) + 1;

    if (value->type != JSON_ARRAY)
        return wrong_type(bind, spec->name, "array");
    if (value->count == 0)
        return 0;
    ret_list->items = calloc(value->count, sizeof(*ret_list->items));
    if (!ret_list->items)
        return no_memory(bind);
    for (; i < value->next; i = bind->doc->nodes[i].next) {
        char name[128];

        snprintf(name, sizeof(name), "%s[%zu]", spec->name, ret_list->count);
        if (bind_str(bind, name, spec->binary, &bind->doc->nodes[i],
                     &ret_list->items[ret_list->count]) < 0)
            return -1;
        ret_list->count++;
    }
    return 0;
}

static int bind_name(const struct bind *bind, const struct arg_spec *spec,
                     const struct json_node *value, int *ret_index)
{
    CLEANUP(free_ptr) char *shown = NULL;
    int i;

    for (i = 0; spec->names[i]; i++) {
        if (json_str_is(bind->doc, value, spec->names[i])) {
            *ret_index = i;
            return 0;
        }
    }
    shown = text_shown(json_str(bind->doc, value), value->str.len);
    return cmd_fail(bind->reterr, "Parameter '%s%s' does not accept value '%s'", bind->prefix,
                    spec->name, shown ? shown : "");
}

static int bind_int(const struct bind *bind, const struct arg_spec *spec,
                    const struct json_node *value, int64_t *ret_value)
{
    if (value->type != JSON_INT)
        return wrong_type(bind, spec->name, "integer");
    *ret_value = value->integer;
    return 0;
}

static int bind_int_enum(const struct bind *bind, const struct arg_spec *spec,
                         const struct json_node *value, int64_t *ret_value)
{
    int index = 0, r;

    if (value->type == JSON_INT || value->type == JSON_UINT || value->type == JSON_DOUBLE)
        return bind_int(bind, spec, value, ret_value);
    if (value->type != JSON_STRING)
        return wrong_type(bind, spec->name, spec->type_name);
    r = bind_name(bind, spec, value, &index);
    if (r == 0)
        *ret_value = index;
    return r;
}

static int bind_bool_enum(const struct bind *bind, const struct arg_spec *spec,
                          const struct json_node *value, int *ret_index)
{
    if (value->type == JSON_BOOL) {
        *ret_index = value->boolean ? spec->on_true : spec->on_false;
        return 0;
    }
    if (value->type != JSON_STRING)
        return wrong_type(bind, spec->name, spec->type_name);
    return bind_name(bind, spec, value, ret_index);
}

static int bind_struct(const struct bind *bind, const struct arg_spec *specs,
                       const struct json_node *object, void *args);

static int bind_struct_list(const struct bind *bind, const struct arg_spec *spec,
                            const struct json_node *value, struct arg_struct_list *ret_list)
{
    uint32_t i = (uint32_t)(value - bind->doc->nodes) + 1;

    if (value->type != JSON_ARRAY)
        return wrong_type(bind, spec->name, "array");
    if (value->count == 0)
        return 0;
    ret_list->items = calloc(value->count, spec->sub_size);
    if (!ret_list->items)
        return no_memory(bind);
    for (; i < value->next; i = bind->doc->nodes[i].next) {
        char element[128], prefix[sizeof(element) + 1];
        struct bind inner = { bind->doc, prefix, bind->reterr };
        void *item = field(ret_list->items, ret_list->count * spec->sub_size);

        snprintf(element, sizeof(element), "%s[%zu]", spec->name, ret_list->count);
        snprintf(prefix, sizeof(prefix), "%s.", element);
        if (bind->doc->nodes[i].type != JSON_OBJECT)
            return wrong_type(bind, element, "object");
        ret_list->count++;
        if (bind_struct(&inner, spec->sub, &bind->doc->nodes[i], item) < 0)
            return -1;
    }
    return 0;
}

static int bind_value(const struct bind *bind, const struct arg_spec *spec,
                      const struct json_node *value, void *ret_value)
{
    switch (spec->type) {
    case ARG_BOOL:
        if (value->type != JSON_BOOL)
            return wrong_type(bind, spec->name, "boolean");
        *(bool *)ret_value = value->boolean;
        return 0;
    case ARG_INT:
        return bind_int(bind, spec, value, ret_value);
    case ARG_STR:
        return bind_str(bind, spec->name, spec->binary, value, ret_value);
    case ARG_STR_LIST:
        return bind_str_list(bind, spec, value, ret_value);
    case ARG_ENUM:
        if (value->type != JSON_STRING)
            return wrong_type(bind, spec->name, "string");
        return bind_name(bind, spec, value, ret_value);
    case ARG_INT_ENUM:
        return bind_int_enum(bind, spec, value, ret_value);
    case ARG_BOOL_ENUM:
        return bind_bool_enum(bind, spec, value, ret_value);
    case ARG_STRUCT_LIST:
        break;
    }
    return bind_struct_list(bind, spec, value, ret_value);
}

static bool is_expected(const struct bind *bind, const struct arg_spec *specs,
                        const struct json_node *key)
{
    for (; specs && specs->name; specs++) {
        if (json_str_is(bind->doc, key, specs->name))
            return true;
    }
    return false;
}

static int refuse_unexpected(const struct bind *bind, const struct arg_spec *specs,
                             const struct json_node *object)
{
    const struct json_node *nodes = bind->doc->nodes;
    uint32_t i = (uint32_t)(object - nodes) + 1;

    for (; i < object->next; i = nodes[i + 1].next) {
        CLEANUP(free_ptr) char *name = NULL;

        if (is_expected(bind, specs, &nodes[i]))
            continue;
        name = text_shown(json_str(bind->doc, &nodes[i]), nodes[i].str.len);
        return cmd_fail(bind->reterr, "Parameter '%s%s' is unexpected", bind->prefix,
                        name ? name : "");
    }
    return 0;
}

/* `object` NULL: as {}. */
static int bind_struct(const struct bind *bind, const struct arg_spec *specs,
                       const struct json_node *object, void *args)
{
    const struct arg_spec *spec;

    for (spec = specs; spec && spec->name; spec++) {
        const struct json_node *value = object ? json_get(bind->doc, object, spec->name) : NULL;

        if (value) {
            if (bind_value(bind, spec, value, field(args, spec->offset)) < 0)
                return -1;
            if (!spec->required)
                *(bool *)field(args, spec->has_offset) = true;
        } else if (spec->required) {
            return cmd_fail(bind->reterr, "Parameter '%s%s' is missing", bind->prefix, spec->name);
        }
    }
    return object ? refuse_unexpected(bind, specs, object) : 0;
}

int args_bind(const struct arg_spec *specs, const struct json_doc *doc,
              const struct json_node *arguments, void *ret_args, struct cmd_error *reterr)
{
    const struct bind bind = { doc, "", reterr };

    if (bind_struct(&bind, specs, arguments, ret_args) == 0)
        return 0;
    args_done(specs, ret_args);
    return -1;
}

static void free_struct_list(const struct arg_spec *spec, struct arg_struct_list *list)
{
    size_t i;

    for (i = 0; i < list->count; i++)
        args_done(spec->sub, field(list->items, i * spec->sub_size));
    free(list->items);
    *list = (struct arg_struct_list){ 0 };
}

void args_done(const struct arg_spec *specs, void *args)
{
    const struct arg_spec *spec;

    for (spec = specs; spec && spec->name; spec++) {
        if (spec->type == ARG_STR_LIST) {
            struct arg_str_list *list = field(args, spec->offset);

            free(list->items);
            *list = (struct arg_str_list){ 0 };
        } else if (spec->type == ARG_STRUCT_LIST) {
            free_struct_list(spec, field(args, spec->offset));
        }
    }
}

static size_t list_item_size(const struct arg_spec *spec)
{
    if (spec->type == ARG_STR_LIST)
        return sizeof(struct arg_str);
    return spec->type == ARG_STRUCT_LIST ? spec->sub_size : 0;
}

size_t args_list_bytes(const struct arg_spec *specs, const struct json_doc *doc,
                       const struct json_node *arguments)
{
    const struct arg_spec *spec;
    size_t total = 0;

    if (!arguments)
        return 0;
    for (spec = specs; spec && spec->name; spec++) {
        size_t item = list_item_size(spec);
        const struct json_node *value = item > 0 ? json_get(doc, arguments, spec->name) : NULL;

        if (value && value->type == JSON_ARRAY)
            total += value->count * item;
    }
    return total;
}
