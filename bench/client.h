/*
 * Client: one connection to an agent, many requests in flight, every reply checked.
 *
 * Whoever drives it fills slots (client_slot(), client_push()), calls client_flush() and
 * client_receive(), and gets each reply back in the order of the requests. Payloads are neither
 * built nor kept: they are sent from, and compared with, the pattern's texts as they pass by.
 *
 * Threads    none.
 * Deadlock   never while sending: client_flush() stops when the socket is full, and client_wait()
 *            waits for both directions.
 * Errors     the first one is kept as text (client->error) and ends everything: -1.
 */
#pragma once

#include "base/defs.h"
#include "pattern.h"

#define CLIENT_FIRST_ID 1000000000ull /* ids have ten digits, so that lengths are constant */

/* A request that was sent, or is about to be. */
struct slot {
    uint64_t id;
    uint64_t sent_ns;
    struct payload payload; /* sent with the request, or expected in the reply */
    bool sends_payload;
    bool counted; /* an operation of the scenario; else in its service (a seek) */
    uint8_t kind; /* the driver's */
    uint32_t chain;
    int64_t expected; /* the driver's: a position */
    char *text;       /* what comes before the payload, then what comes behind it */
    size_t head_len, text_len;
};

struct client {
    int fd;
    uint64_t next_id;
    struct slot *slots; /* ring: [taken, pushed) */
    uint64_t mask, taken, pushed;
    uint64_t sending;               /* the slot that is being sent ... */
    size_t sent_text, sent_payload; /* ... and how much of it has gone */
    char *arena;                    /* texts of the slots, in a ring */
    size_t arena_size, arena_pos;
    char *in;
    char line[256 * KIB]; /* the reply without its payload */
    size_t line_len;
    size_t compared; /* characters of the expected payload seen */
    bool comparing;
    unsigned in_flight;   /* counted slots */
    uint64_t received_ns; /* when the last bytes came */
    char error[256];
};

/* Called for each reply; the line ends with a NUL instead of its newline. Pushes nothing. 0, or -1
 * with client_fail(). */
typedef int (*client_reply_fn)(void *ctx, struct client *client, struct slot *slot,
                               const char *line, size_t len);

/* 0 or -1. At most `depth` slots at a time. */
int client_open(struct client *client, const char *path, unsigned depth);
void client_close(struct client *client);

/* A slot with its id set, or NULL if there is none free. It counts once it is pushed. */
struct slot *client_slot(struct client *client);
/* Texts of a request, piece by piece. client_tail() ends it with the id; a payload goes before. */
void client_text(struct slot *slot, const char *text);
void client_number(struct slot *slot, int64_t number);
void client_tail(struct slot *slot, const char *before_id);
void client_push(struct client *client, struct slot *slot, uint64_t now_ns);

/* 1: all is sent, 0: the socket is full, -1. */
int client_flush(struct client *client);
/* Takes what is there, or waits for it if `wait`: 1, 0 (nothing there), or -1. */
int client_receive(struct client *client, bool wait, client_reply_fn reply, void *ctx);

/* One request and its reply, outside any measurement: 0 or -1. `arguments` is a JSON object's text
 * without the id. The line stays in client->line. */
int client_call(struct client *client, const char *command, const char *arguments);

int client_fail(struct client *client, const char *format, ...) PRINTF_LIKE(2, 3);

uint64_t clock_ns(void);

/* The number behind `key: ` in a reply (`key` has its quotes); INT64_MIN if there is none. */
int64_t reply_number(const char *line, const char *key);
