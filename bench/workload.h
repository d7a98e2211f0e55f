/*
 * Workload: what one client asks for, and whether the replies are right.
 *
 * A file that has been read or written to its end goes on at its beginning: a seek that is not
 * counted.
 *
 * Threads    none.
 * Errors     as client.h: the text is in the client.
 */
#pragma once

#include "base/defs.h"
#include "client.h"
#include "latency.h"
#include "scenario.h"

/* An open file and where it stands. */
struct bench_file {
    char path[128];
    int64_t handle;
    uint64_t position, pass; /* of the next request; times it has been gone through */
};

/* A sequence of requests, each made when the one before has been answered. */
struct chain {
    uint8_t step;
    int64_t handle; /* or pid */
    uint64_t round, start_ns, due_ns;
};

struct workload {
    const struct scenario *scenario;
    unsigned client_index;
    struct bench_file *files;
    size_t file_size;
    struct chain *chains;
    /* Rings of chains, each chain in at most one: */
    uint32_t *ready, *later;
    uint64_t ready_head, ready_tail, later_head, later_tail;
    uint64_t issued, completed, bytes, max_count;
    bool stopping;
    struct latency latency;
};

/* Makes the files in `dir` and opens them. 0 or -1. */
int workload_init(struct workload *load, const struct scenario *scenario, unsigned client_index,
                  const char *dir, struct client *client);
/* Pushes the next request. False: not now (in flight already, stopping, or later). */
bool workload_next(struct workload *load, struct client *client, uint64_t now_ns);
/* A client_reply_fn; ctx is the workload. */
int workload_reply(void *ctx, struct client *client, struct slot *slot, const char *line,
                   size_t len);
/* When a chain that waits may go on, or 0. */
uint64_t workload_due(const struct workload *load);
/* All that was begun has ended; only after `stopping`. */
bool workload_idle(const struct workload *load, const struct client *client);
/* Checks what was written and closes the files. 0 or -1. */
int workload_finish(struct workload *load, struct client *client);
/* Removes the files and frees. */
void workload_done(struct workload *load);
