/*
 * Test help: run a handler below a root prefix and look into its reply by JSON pointers
 * ("/0/disk/0/unit").
 */
#pragma once

#include "cmds/linux/linux.h"
#include "unit/tempdir.h"

#include <json-c/json.h>

static inline struct cmd_env reply_env(const char *prefix)
{
    struct cmd_env env = { 0 };

    assert_int_equal(sysroot_init(&env.root, prefix), 0);
    return env;
}

/* The value, which the caller puts; the handler must succeed. */
static inline struct json_object *reply_value(command_fn *run, const char *prefix, void *args)
{
    struct cmd_env env = reply_env(prefix);
    struct cmd_reply reply = { 0 };

    if (run(&env, args, &reply) < 0)
        fail_msg("unexpected error: %s", reply.error.text);
    assert_null(reply.error.text);
    if (reply.is_text) {
        assert_null(reply.value);
        reply.value = json_tokener_parse(buf_terminate(&reply.text));
        assert_non_null(reply.value);
        buf_done(&reply.text);
    }
    return reply.value;
}

/* The handler must fail with just this text. */
static inline void reply_fails(command_fn *run, const char *prefix, void *args, const char *text)
{
    struct cmd_env env = reply_env(prefix);
    struct cmd_reply reply = { 0 };

    assert_int_equal(run(&env, args, &reply), -1);
    assert_null(reply.value);
    assert_int_equal(reply.error.class, CMD_ERROR_GENERIC);
    assert_string_equal(reply.error.text, text);
    cmd_error_done(&reply.error);
    buf_done(&reply.text);
}

static inline struct json_object *value_at(struct json_object *value, const char *pointer)
{
    struct json_object *found = NULL;

    return json_pointer_get(value, pointer, &found) == 0 ? found : NULL;
}

static inline void check_int(struct json_object *value, const char *pointer, int64_t expected)
{
    struct json_object *found = value_at(value, pointer);

    if (!found)
        fail_msg("no %s in %s", pointer, json_object_to_json_string(value));
    assert_int_equal(json_object_get_type(found), json_type_int);
    assert_int_equal(json_object_get_int64(found), expected);
}

static inline void check_str(struct json_object *value, const char *pointer, const char *expected)
{
    struct json_object *found = value_at(value, pointer);

    if (!found)
        fail_msg("no %s in %s", pointer, json_object_to_json_string(value));
    assert_int_equal(json_object_get_type(found), json_type_string);
    assert_string_equal(json_object_get_string(found), expected);
}

static inline void check_count(struct json_object *value, const char *pointer, size_t expected)
{
    struct json_object *found = *pointer ? value_at(value, pointer) : value;

    assert_non_null(found);
    assert_int_equal(json_object_get_type(found), json_type_array);
    assert_int_equal(json_object_array_length(found), expected);
}

static inline void check_absent(struct json_object *value, const char *pointer)
{
    assert_null(value_at(value, pointer));
}
