/*
 * Calls of guest-exec and guest-exec-status for tests.
 */
#pragma once

#include "unit/cmds/fixture.h"

#define WAIT_LIMIT_NAPS 30000 /* of a millisecond and more: a test that gets there has failed */

/* A call with up to 8 arguments in `arg`, NULL-terminated. */
static inline char *exec_text(struct fixture *fixture, struct exec_args *args, const char *path,
                              const char *const *argv)
{
    struct arg_str items[8];

    args->path = arg(path);
    for (; argv && argv[args->arg.count]; args->arg.count++)
        items[args->arg.count] = arg(argv[args->arg.count]);
    args->arg.items = items;
    args->has_arg = true;
    return call(fixture, cmd_exec, args);
}

static inline int64_t exec_started(struct fixture *fixture, struct exec_args *args,
                                   const char *path, const char *const *argv)
{
    char *text = exec_text(fixture, args, path, argv);
    struct json_object *reply = json_tokener_parse(text);
    int64_t pid;

    if (!reply)
        fail_msg("%s: %s", path, text);
    pid = int_member(reply, "pid");
    json_object_put(reply);
    free(text);
    return pid;
}

/* Runs a line of sh. */
static inline int64_t shell(struct fixture *fixture, enum exec_capture capture, const char *line)
{
    struct exec_args args = { .capture_output = (int)capture, .has_capture_output = true };

    return exec_started(fixture, &args, "/bin/sh", (const char *[]){ "-c", line, NULL });
}

/* The answer that tells the end. */
static inline struct json_object *status_at_end(struct fixture *fixture, int64_t pid)
{
    struct exec_status_args args = { .pid = pid };

    for (int i = 0; i < WAIT_LIMIT_NAPS; i++) {
        struct json_object *reply = call_json(fixture, cmd_exec_status, &args);

        if (bool_member(reply, "exited"))
            return reply;
        assert_string_equal(json_object_to_json_string(reply), "{ \"exited\": false }");
        json_object_put(reply);
        nap();
    }
    fail_msg("process %d does not end", (int)pid);
    return NULL;
}

static inline void assert_status_at_end(struct fixture *fixture, int64_t pid, const char *expected)
{
    struct json_object *reply = status_at_end(fixture, pid);

    assert_string_equal(json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN), expected);
    json_object_put(reply);
}

static inline int64_t exec_with_input(struct fixture *fixture, enum exec_capture capture,
                                      const char *line, const void *input, size_t len)
{
    struct exec_args args = { .capture_output = (int)capture,
                              .has_capture_output = true,
                              .has_input_data = true };
    char *base64 = malloc(base64_encoded_len(len) + 1);
    int64_t pid;

    base64_encode(base64, input, len);
    base64[base64_encoded_len(len)] = '\0';
    args.input_data = arg(base64);
    pid = exec_started(fixture, &args, "/bin/sh", (const char *[]){ "-c", line, NULL });
    free(base64);
    return pid;
}

/* Members of a status: "out\n" and "err\n". */
#define OUT_B64 "\"out-data\":\"b3V0Cg==\",\"out-truncated\":false"
#define ERR_B64 "\"err-data\":\"ZXJyCg==\",\"err-truncated\":false"
