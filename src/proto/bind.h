/*
 * Argument binding: a request's "arguments" into a C struct, by a table.
 *
 * Threads    none. Blocking: never.
 * Ownership  strings are borrowed from the document (and NUL-terminated there); lists are
 *            allocated and freed by args_done().
 * Errors     QAPI's words: "Parameter 'x' is missing" / "is unexpected", "Invalid parameter type
 * for 'arg[0]', expected: string", "Parameter 'm' does not accept value 'v'". A missing or mistyped
 * argument is reported before an unexpected one. Nothing is run on error.
 *
 * Each optional argument sets a bool `has_NAME`. Integers are JSON integers within int64 only.
 */
#pragma once

#include "base/error.h"
#include "proto/json.h"

enum arg_type {
    ARG_BOOL,        /* bool */
    ARG_INT,         /* int64_t */
    ARG_STR,         /* struct arg_str */
    ARG_STR_LIST,    /* struct arg_str_list */
    ARG_ENUM,        /* int: index into `names` */
    ARG_INT_ENUM,    /* int64_t: an integer as it is, or a name's index ("whence") */
    ARG_BOOL_ENUM,   /* int: a name's index; true and false are the indices `on_true`, `on_false` */
    ARG_STRUCT_LIST, /* struct arg_struct_list of structs that `sub` binds ("vcpus") */
};

struct arg_str {
    char *text; /* NUL-terminated, may be decoded in place by the command; NULL if absent */
    size_t len; /* of which NULs inside count */
};

struct arg_str_list {
    struct arg_str *items;
    size_t count;
};

struct arg_struct_list {
    void *items; /* count * sub_size bytes */
    size_t count;
};

struct arg_spec {
    const char *name; /* NULL ends the table */
    enum arg_type type;
    bool required;
    bool binary;              /* ARG_STR: NULs allowed (base64 text); else "must not contain NUL" */
    size_t offset;            /* of the value in the struct */
    size_t has_offset;        /* of its has_ flag; unused if required */
    const char *type_name;    /* for *_ENUM errors and docs: "GuestFileWhence" */
    const char *const *names; /* ENUM: NULL-terminated */
    int on_true, on_false;
    const struct arg_spec *sub;
    size_t sub_size;
};

#define ARG_REQ(type_, struct_, member_, name_)                                                    \
    {                                                                                              \
        .name = (name_), .type = (type_), .required = true,                                        \
        .offset = offsetof(struct struct_, member_)                                                \
    }
#define ARG_OPT(type_, struct_, member_, name_)                                                    \
    {                                                                                              \
        .name = (name_), .type = (type_), .offset = offsetof(struct struct_, member_),             \
        .has_offset = offsetof(struct struct_, has_##member_)                                      \
    }

/* Binds into the zeroed struct `ret_args`. `arguments` NULL: as {}. `specs` NULL: no arguments.
 * 0 or -1; what was allocated is freed on failure. */
int args_bind(const struct arg_spec *specs, const struct json_doc *doc,
              const struct json_node *arguments, void *ret_args, struct cmd_error *reterr);
void args_done(const struct arg_spec *specs, void *args);

/* Bytes that args_bind() will allocate for lists. */
size_t args_list_bytes(const struct arg_spec *specs, const struct json_doc *doc,
                       const struct json_node *arguments);
