/*
 * Scenario: what is asked for. Its name says all about it:
 *
 *     ping-d8           pings, 8 in flight
 *     ping-d8-c16       ... from each of 16 clients
 *     read-64k-d8       guest-file-read of 64 KiB, 8 in flight, one file
 *     read-1m-d8-f8     ... round robin over 8 files
 *     write-4k-d1       guest-file-write
 *     mixed-d64         64 chains of open, write, seek, read, close, each on a file of its own
 *     query-get-fsinfo-d64   a command without arguments: guest-get-fsinfo, 64 in flight
 *     exec-d8           8 chains of guest-exec /bin/true and guest-exec-status until it has ended
 *
 * Sizes are of the data, not of its base64.
 *
 * Threads    none.
 */
#pragma once

#include "base/defs.h"

enum scenario_kind {
    SCENARIO_PING,
    SCENARIO_READ,
    SCENARIO_WRITE,
    SCENARIO_MIXED,
    SCENARIO_EXEC,
    SCENARIO_QUERY
};

struct scenario {
    const char *name;
    enum scenario_kind kind;
    unsigned depth;   /* counted requests in flight, or chains, of each client */
    char command[48]; /* of a query */
    size_t size;      /* bytes of a read or write */
    unsigned files;   /* of each client */
    unsigned clients; /* more than one: not with qemu-ga, which serves one at a time */
};

/* 0, or -EINVAL. `name` is kept. */
int scenario_parse(const char *name, struct scenario *ret_scenario);
