/*
 * A small agent without channel and threads: bytes in, reply lines out, by the real framer,
 * request, binding and reply text. Shared by the unit tests and the fuzz targets of src/proto.
 */
#pragma once

#include "proto/bind.h"
#include "proto/framer.h"
#include "proto/reply.h"
#include "proto/request.h"
#include "proto/text.h"

#include <inttypes.h>

struct serve_args {
    int64_t id, count, whence;
    bool has_count, has_whence, online, has_online, has_arg, has_capture, has_input, has_vcpus;
    bool has_mode;
    int capture, mode;
    struct arg_str path, input;
    struct arg_str_list arg;
    struct arg_struct_list vcpus;
};

struct serve_vcpu {
    int64_t logical_id;
    bool online, can_offline, has_can_offline;
};

static const char *const serve_whence_names[] = { "set", "cur", "end", NULL };
static const char *const serve_capture_names[] = { "none",      "stdout", "stderr",
                                                   "separated", "merged", NULL };
static const char *const serve_mode_names[] = { "halt", "powerdown", NULL };

static const struct arg_spec serve_args_sync[] = {
    ARG_REQ(ARG_INT, serve_args, id, "id"),
    { 0 },
};

static const struct arg_spec serve_args_seek[] = {
    ARG_REQ(ARG_INT, serve_args, id, "handle"),
    { .name = "whence",
      .type = ARG_INT_ENUM,
      .offset = offsetof(struct serve_args, whence),
      .has_offset = offsetof(struct serve_args, has_whence),
      .type_name = "GuestFileWhence",
      .names = serve_whence_names },
    ARG_OPT(ARG_INT, serve_args, count, "count"),
    { 0 },
};

static const struct arg_spec serve_args_exec[] = {
    ARG_REQ(ARG_STR, serve_args, path, "path"),
    ARG_OPT(ARG_STR_LIST, serve_args, arg, "arg"),
    { .name = "input-data",
      .type = ARG_STR,
      .binary = true,
      .offset = offsetof(struct serve_args, input),
      .has_offset = offsetof(struct serve_args, has_input) },
    { .name = "capture-output",
      .type = ARG_BOOL_ENUM,
      .offset = offsetof(struct serve_args, capture),
      .has_offset = offsetof(struct serve_args, has_capture),
      .type_name = "GuestExecCaptureOutput",
      .names = serve_capture_names,
      .on_true = 3,
      .on_false = 0 },
    { 0 },
};

static const struct arg_spec serve_args_vcpu[] = {
    ARG_REQ(ARG_INT, serve_vcpu, logical_id, "logical-id"),
    ARG_REQ(ARG_BOOL, serve_vcpu, online, "online"),
    ARG_OPT(ARG_BOOL, serve_vcpu, can_offline, "can-offline"),
    { 0 },
};

static const struct arg_spec serve_args_vcpus[] = {
    { .name = "vcpus",
      .type = ARG_STRUCT_LIST,
      .required = true,
      .offset = offsetof(struct serve_args, vcpus),
      .sub = serve_args_vcpu,
      .sub_size = sizeof(struct serve_vcpu) },
    { 0 },
};

static const struct arg_spec serve_args_shutdown[] = {
    { .name = "mode",
      .type = ARG_ENUM,
      .offset = offsetof(struct serve_args, mode),
      .has_offset = offsetof(struct serve_args, has_mode),
      .names = serve_mode_names },
    { 0 },
};

static const struct serve_command {
    const char *name;
    const struct arg_spec *specs;
} serve_commands[] = {
    { "guest-exec", serve_args_exec },
    { "guest-file-seek", serve_args_seek },
    { "guest-ping", NULL },
    { "guest-set-vcpus", serve_args_vcpus },
    { "guest-shutdown", serve_args_shutdown },
    { "guest-sync", serve_args_sync },
    { "guest-sync-delimited", serve_args_sync },
};

static const struct serve_command *serve_find(const struct request *request)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(serve_commands); i++) {
        const char *name = serve_commands[i].name;

        if (strlen(name) == request->name_len &&
            memcmp(name, request->name, request->name_len) == 0)
            return &serve_commands[i];
    }
    return NULL;
}

/* guest-sync returns the id, guest-exec its arguments, the rest {}. */
static void serve_value(struct buf *out, const struct serve_command *command,
                        const struct serve_args *args)
{
    size_t i;

    if (command->specs == serve_args_sync) {
        buf_printf(out, "%" PRId64, args->id);
    } else if (command->specs == serve_args_exec) {
        buf_putc(out, '[');
        text_string(out, args->path.text, args->path.len);
        for (i = 0; i < args->arg.count; i++) {
            buf_puts(out, ", ");
            text_string(out, args->arg.items[i].text, args->arg.items[i].len);
        }
        if (args->has_input) {
            buf_puts(out, ", ");
            text_string(out, args->input.text, args->input.len);
        }
        buf_printf(out, ", %d]", args->capture);
    } else {
        buf_puts(out, "{}");
    }
}

static int serve_run(const struct request *request, struct buf *out, struct cmd_error *reterr)
{
    const struct serve_command *command = serve_find(request);
    struct serve_args args = { 0 };

    if (!command) {
        CLEANUP(free_ptr) char *name = text_shown(request->name, request->name_len);

        return cmd_fail_class(reterr, CMD_ERROR_NOT_FOUND, "The command %s has not been found",
                              name);
    }
    if (args_bind(command->specs, request->doc, request->arguments, &args, reterr) < 0)
        return -1;
    reply_begin(out, strcmp(command->name, "guest-sync-delimited") == 0);
    serve_value(out, command, &args);
    reply_end(out, request->doc, request->id);
    args_done(command->specs, &args);
    return 0;
}

static void serve_message(struct json_doc *doc, struct buf *out)
{
    struct cmd_error error = { 0 };
    struct request request;

    if (request_parse(doc, &request, &error) < 0 || serve_run(&request, out, &error) < 0) {
        struct buf line = { 0 };

        reply_error(&line, &error, doc, request.id);
        buf_append(out, line.data, line.len);
        buf_done(&line);
    }
    cmd_error_done(&error);
    json_doc_free(doc);
}

/* Everything the framer has to say by now. */
static void serve_events(struct framer *framer, struct buf *out)
{
    for (;;) {
        struct cmd_error error = { 0 };
        struct buf line = { 0 };
        struct json_doc *doc;
        enum frame_event event = framer_next(framer, &doc, &error);

        if (event == FRAME_MORE)
            return;
        if (event == FRAME_MESSAGE) {
            serve_message(doc, out);
            continue;
        }
        reply_error(&line, &error, NULL, NULL);
        buf_append(out, line.data, line.len);
        buf_done(&line);
        cmd_error_done(&error);
    }
}

/* Feeds `len` bytes as they would come from one or more reads. */
static void serve_feed(struct framer *framer, const char *data, size_t len, struct buf *out)
{
    while (len > 0) {
        size_t room, part;
        char *space = framer_space(framer, &room);

        assert(space && room >= 4096);
        part = MIN_OF(room, len);
        memcpy(space, data, part);
        framer_fed(framer, part);
        serve_events(framer, out);
        data += part;
        len -= part;
    }
}
