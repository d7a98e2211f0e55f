/*
 * A client for threads: a failure is kept as a text, since cmocka's assertions belong to the main
 * thread. All calls return false (or NULL) when one has happened.
 */
#pragma once

#include "fixture.h"

struct peer {
    int fd;
    char *data;
    size_t start, len, cap; /* read and not taken: data[start] to data[len] */
    char failure[600];      /* the first; "": none */
};

bool peer_connect(struct peer *peer, const char *path);
void peer_close(struct peer *peer);
bool peer_send(struct peer *peer, const char *data, size_t len);
/* The next line with a NUL instead of its newline; valid until the next call. */
char *peer_line(struct peer *peer);
/* Always false. */
bool peer_failed(struct peer *peer, const char *format, ...) PRINTF_LIKE(2, 3);
