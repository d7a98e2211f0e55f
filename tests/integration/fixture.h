/*
 * Fixture of the integration tests: the real daemon in a directory of its own, and clients.
 *
 * Every wait has a limit (PATIENCE_MS) and fails the test when it passes. An agent must end with
 * exit status 0 on SIGTERM, so that what a sanitizer finds fails the test too.
 */
#pragma once

#include "base/defs.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/types.h>

#include <cmocka.h>

#define PATIENCE_MS 20000

#define GE(text)  "{\"error\": {\"class\": \"GenericError\", \"desc\": \"" text "\"}}"
#define CNF(text) "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"" text "\"}}"
#define PING      "{\"execute\":\"guest-ping\"}"
#define PONG      "{\"return\": {}}"

struct agent_process {
    pid_t pid;
    char dir[64];    /* removed at the end */
    char socket[96]; /* dir/socket */
};

/* Makes the directory, so that a test can put files there before the agent starts. */
void agent_make_dir(struct agent_process *agent);
/* Starts the agent on dir/socket with statedir dir; `options` (NULL-terminated, or NULL) are added
 * to the command line. Returns when it accepts clients. */
void agent_spawn(struct agent_process *agent, const char *const *options);
/* The same with a configuration file of these lines of group [general]. */
void agent_spawn_configured(struct agent_process *agent, const char *general);
/* Starts it again in the same directory. */
void agent_respawn(struct agent_process *agent, const char *const *options);
/* Starts it with exactly these arguments (argv[0] is added), without waiting for a socket. */
void agent_spawn_raw(struct agent_process *agent, const char *const *arguments);
/* SIGTERM; asserts exit status 0 and removes the directory. */
void agent_end(struct agent_process *agent);
/* SIGTERM, and the exit status; the directory stays. */
int agent_terminate(struct agent_process *agent);
/* Waits for its end: the wait status. */
int agent_wait(struct agent_process *agent);
void agent_kill9(struct agent_process *agent);
void agent_remove_dir(struct agent_process *agent);

/* cmocka setup and teardown: *state is a struct agent_process. */
int setup_agent(void **state);
int teardown_agent(void **state);
/* The same without starting the agent: its directory alone. */
int setup_dir(void **state);
int teardown_dir(void **state);

struct client {
    int fd;
    char *data;
    size_t start, len, cap; /* read and not taken: data[start] to data[len] */
    char *line;             /* the last client_line() */
};

void client_open(struct client *client, const struct agent_process *agent);
/* A client on a descriptor that is open already (a pty's master). */
void client_from_fd(struct client *client, int fd);
void client_close(struct client *client);

/* Sends all of it, reading what comes meanwhile, so that neither side gets stuck. */
void client_send(struct client *client, const char *text);
void client_send_bytes(struct client *client, const void *data, size_t len);

/* The next line without its newline; valid until the next call. */
const char *client_line(struct client *client);
/* NULL when the agent has closed the connection. */
const char *client_line_or_end(struct client *client);
/* The agent closes the connection, and nothing comes before that. */
void client_expect_end(struct client *client);
/* Nothing comes for `ms`. */
void client_expect_silence(struct client *client, int ms);

/* Sends `request`, asserts that the next line is `reply`. */
void client_expect(struct client *client, const char *request, const char *reply);
/* The same, member order aside. */
void client_expect_json(struct client *client, const char *request, const char *reply);
/* Sends a printf request without waiting. */
void client_request(struct client *client, const char *format, ...) PRINTF_LIKE(2, 3);
/* guest-sync: asserts that its answer is the next line. */
void client_sync(struct client *client);
/* Sends a printf request and returns the reply line. */
const char *client_ask(struct client *client, const char *format, ...) PRINTF_LIKE(2, 3);

/* The integer behind `"key": ` in a reply; fails the test if there is none. */
int64_t reply_int(const char *line, const char *key);
bool reply_has(const char *line, const char *text);
void assert_json_equal(const char *line, const char *expected);
/* The string behind `"key": "`, without unescaping; to be freed. NULL: no such member. */
char *reply_str(const char *line, const char *key);

/* guest-file-open: the handle. */
int64_t client_file_open(struct client *client, const char *path, const char *mode);

/* Text in base64, and the bytes of such text (`ret_len` of them, a NUL behind); to be freed. */
char *base64_of(const void *data, size_t len);
char *base64_bytes(const char *text, size_t *ret_len);

/* What /proc says of the agent: context switches of all its threads, CPU time, resident memory. */
uint64_t agent_switches(const struct agent_process *agent);
uint64_t agent_cpu_ms(const struct agent_process *agent);
uint64_t agent_resident_kib(const struct agent_process *agent);
bool agent_is_running(const struct agent_process *agent);
/* One of these numbers after it has stood still for `pause_ms`. */
uint64_t agent_settled(const struct agent_process *agent,
                       uint64_t (*number)(const struct agent_process *agent), int pause_ms);

/* Runs a program to its end: its wait status; what it printed (stdout and stderr together) is to
 * be freed. */
int run_program(const char *const *argv, char **ret_output);

/* dir/name, in a static buffer that holds the last four. */
const char *agent_path(const struct agent_process *agent, const char *name);
void write_file(const char *path, const void *data, size_t len);
/* All of a file with a NUL behind it, to be freed; NULL: it cannot be read. */
char *read_file(const char *path, size_t *ret_len);
/* A number from a fixed seed: the same in every run. */
uint32_t random_next(uint32_t *seed);
int64_t monotonic_ms(void);
void nap_ms(int ms);
