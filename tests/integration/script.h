/*
 * A burst: requests that are sent in one go, and the replies that must come, line by line.
 */
#pragma once

#include "fixture.h"

#include <stdio.h>

struct script {
    char *requests, *replies;
    size_t requests_len, replies_len;
    FILE *to_send, *to_expect;
};

void script_begin(struct script *script);
/* Sends everything, then compares; frees the script. */
void script_run(struct script *script, struct client *client);

/* Expected replies, with an id. */
void add_reply(struct script *script, int id, const char *value);
void add_error(struct script *script, int id, const char *text);
/* Requests. `arguments` start with a comma or are empty. */
void add_open(struct script *script, int id, const char *path, const char *mode);
void add_file(struct script *script, int id, const char *command, int64_t handle,
              const char *arguments);
