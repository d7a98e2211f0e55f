/*
 * guest-exec and guest-exec-status as the tests use them.
 */
#pragma once

#include "fixture.h"

/* guest-exec of /bin/sh -c SCRIPT with this capture-output (JSON): its pid. */
int64_t exec_run(struct client *client, const char *script, const char *capture);
/* The reply of guest-exec-status. */
const char *exec_status(struct client *client, int64_t pid);
/* Asks until it has ended. */
const char *exec_wait(struct client *client, int64_t pid);
/* "out-data" or "err-data" in clear, to be freed; NULL: not there. */
char *exec_output(const char *line, const char *key, size_t *ret_len);
/* NULL: the member must not be there. */
void assert_output(const char *line, const char *key, const char *expected);

/* A FIFO that holds whoever opens it to read, until gate_open(). */
const char *gate_make(const struct agent_process *agent);
/* Lets one reader pass. */
void gate_open(const char *path);
