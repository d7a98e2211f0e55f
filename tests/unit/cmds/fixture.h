/*
 * What the tests of commands share: an environment in a directory of its own, and calls of
 * handlers as the agent makes them, with the reply as text.
 */
#pragma once

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmds/command.h"
#include "cmds/exec/exec.h"
#include "cmds/files/file.h"
#include "cmds/policy.h"
#include "cmds/table.h"
#include "proto/base64.h"
#include "proto/framer.h"

#include <errno.h>
#include <ftw.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEST_MAX_HANDLES 64
#define TEST_MAX_EXECS   4096
#define TEST_MAX_OUTPUT  (256 * MIB)

struct fixture {
    char dir[64];
    struct state *state;
    struct cmd_env env;
};

static inline int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info, (void)type, (void)ftw;
    remove(path);
    return 0;
}

static inline int fixture_setup(void **test_state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    signal(SIGPIPE, SIG_IGN);
    strcpy(fixture->dir, "/tmp/pqga-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    assert_int_equal(state_open(fixture->dir, &fixture->state), 0);
    fixture->env.files = file_table_new(fixture->state, TEST_MAX_HANDLES, 0666);
    fixture->env.execs = exec_table_new(TEST_MAX_EXECS, TEST_MAX_OUTPUT);
    fixture->env.policy =
        policy_new(&all_commands, &(struct policy_config){ .profile = profile_open });
    assert_non_null(fixture->env.files);
    assert_non_null(fixture->env.execs);
    assert_non_null(fixture->env.policy);
    *test_state = fixture;
    return 0;
}

static inline int fixture_teardown(void **test_state)
{
    struct fixture *fixture = *test_state;

    file_table_free(fixture->env.files);
    exec_table_free(fixture->env.execs);
    policy_free(fixture->env.policy);
    state_close(fixture->state);
    nftw(fixture->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

/* "DIR/name" in one of a few static buffers. */
static inline char *path_in(const struct fixture *fixture, const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", fixture->dir, name);
    return path;
}

static inline struct arg_str arg(const char *text)
{
    struct arg_str str = { .len = strlen(text) };

    memcpy(&str.text, &text, sizeof(text)); /* handlers that decode in place get a copy */
    return str;
}

/* Runs a handler: the reply's JSON text, or "error: " and the text. The caller frees it. */
static inline char *call(struct fixture *fixture, command_fn *run, void *args)
{
    struct cmd_reply reply = { 0 };
    char *text;

    if (run(&fixture->env, args, &reply) < 0) {
        assert_non_null(reply.error.text);
        assert_true(asprintf(&text, "error: %s", reply.error.text) > 0);
    } else {
        assert_null(reply.error.text);
        assert_true(buf_ok(&reply.text));
        if (reply.is_text)
            text = strdup(buf_terminate(&reply.text));
        else
            text = strdup(reply.value ? json_object_to_json_string(reply.value) : "{}");
    }
    cmd_error_done(&reply.error);
    buf_done(&reply.text);
    json_object_put(reply.value);
    return text;
}

#define assert_reply(fixture_, run_, args_, expected_)                                             \
    do {                                                                                           \
        char *reply_ = call((fixture_), (run_), (args_));                                          \
        assert_string_equal(reply_, (expected_));                                                  \
        free(reply_);                                                                              \
    } while (0)

/* The reply as a tree; fails on an error. */
static inline struct json_object *call_json(struct fixture *fixture, command_fn *run, void *args)
{
    char *text = call(fixture, run, args);
    struct json_object *value = json_tokener_parse(text);

    if (!value && strcmp(text, "null") != 0)
        fail_msg("no JSON: %s", text);
    free(text);
    return value;
}

static inline struct json_object *member(struct json_object *object, const char *key)
{
    struct json_object *value;

    return json_object_object_get_ex(object, key, &value) ? value : NULL;
}

static inline int64_t int_member(struct json_object *object, const char *key)
{
    struct json_object *value = member(object, key);

    if (!value)
        fail_msg("no member '%s' in %s", key, json_object_to_json_string(object));
    return json_object_get_int64(value);
}

static inline bool bool_member(struct json_object *object, const char *key)
{
    struct json_object *value = member(object, key);

    if (!value)
        fail_msg("no member '%s' in %s", key, json_object_to_json_string(object));
    return json_object_get_boolean(value);
}

/* A base64 member, decoded; the caller frees it. NULL: no such member. NUL-terminated. */
static inline char *data_member(struct json_object *object, const char *key, size_t *ret_len)
{
    struct json_object *value = member(object, key);
    size_t encoded_len;
    char *data;

    if (!value)
        return NULL;
    encoded_len = (size_t)json_object_get_string_len(value);
    data = malloc(encoded_len + 1);
    assert_int_equal(base64_decode(data, json_object_get_string(value), encoded_len, ret_len), 0);
    data[*ret_len] = '\0';
    return data;
}

/* The document of a JSON text, as a channel would bring it. */
static inline struct json_doc *parse_json(const char *text)
{
    struct framer *framer = framer_new(FRAMER_MAX_BYTES);
    struct cmd_error error = { 0 };
    struct json_doc *doc = NULL;
    size_t size;
    char *space = framer_space(framer, &size);

    assert_true(strlen(text) < size);
    memcpy(space, text, strlen(text));
    framer_fed(framer, strlen(text));
    assert_int_equal(framer_next(framer, &doc, &error), FRAME_MESSAGE);
    framer_free(framer);
    return doc;
}

/* Binds "arguments" given as JSON; strings in `args` live as long as the returned document. */
static inline struct json_doc *bind_json(const struct arg_spec *specs, const char *text, void *args)
{
    struct json_doc *doc = parse_json(text);
    struct cmd_error error = { 0 };

    if (args_bind(specs, doc, doc->nodes, args, &error) < 0)
        fail_msg("%s: %s", text, error.text);
    return doc;
}

static inline void assert_bind_fails(const struct arg_spec *specs, const char *text,
                                     const char *expected)
{
    struct json_doc *doc = parse_json(text);
    struct cmd_error error = { 0 };
    char args[512] = { 0 };

    assert_int_equal(args_bind(specs, doc, doc->nodes, args, &error), -1);
    assert_string_equal(error.text, expected);
    cmd_error_done(&error);
    json_doc_free(doc);
}

static inline void write_file(const char *path, const void *data, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static inline void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}
