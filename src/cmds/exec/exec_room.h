/*
 * Bytes that started programs hold together: output that was not told yet, input that waits to be
 * read.
 *
 * Threads    any.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>

struct exec_room {
    size_t max;
    _Atomic size_t held; /* relaxed: a count, no bytes come with it */
};

/* How many of `want` bytes are granted. */
size_t exec_room_take(struct exec_room *room, size_t want);
void exec_room_give(struct exec_room *room, size_t bytes);
size_t exec_room_left(struct exec_room *room);
