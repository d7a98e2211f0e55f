/*
 * A request: the envelope {"execute": NAME, "arguments": {...}, "id": ANY}.
 *
 * Threads    none. Ownership: the request borrows from its document.
 */
#pragma once

#include "base/error.h"
#include "proto/json.h"

struct request {
    const struct json_doc *doc;
    const struct json_node *id;        /* NULL: none */
    const struct json_node *arguments; /* NULL: none; else an object */
    const char *name;                  /* NUL-terminated; may hold more NULs */
    size_t name_len;
};

/* 0 or -1 with the reference's error. `id` is set as soon as the value is an object, so that
 * an error reply echoes it. */
int request_parse(const struct json_doc *doc, struct request *ret_request,
                  struct cmd_error *reterr);

/* True if `object`, an object node, is a request: what request_parse() accepts. */
bool request_is_shaped(const struct json_doc *doc, const struct json_node *object);
