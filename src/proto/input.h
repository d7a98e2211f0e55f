/*
 * Input buffer: where a client's bytes are read to. How much room it offers follows what comes.
 *
 *     data: | what the owner still needs | read | room |
 *           0                                  len   cap
 *
 * Threads    none. A zeroed struct with `read_size` INPUT_READ_MIN is an empty buffer.
 * Memory     a block (base/block.h); a kept one of any size is welcome: it saves growing.
 */
#pragma once

#include "base/defs.h"

#define INPUT_READ_MIN (4 * KIB)
#define INPUT_READ_MAX (256 * KIB)

struct input {
    char *data;
    size_t len, cap;
    size_t read_size;     /* room to offer */
    unsigned short_reads; /* in a row */
};

/* The capacity that the next read wants; at most about `most` for what is there, and room for one
 * read. Not above `cap`: there is room. */
size_t input_wants(const struct input *input, size_t most);

/* 0 or -ENOMEM. */
int input_grow(struct input *input, size_t want);

void input_fed(struct input *input, size_t len);

/* Removes the bytes from `from` to `to`. */
void input_cut(struct input *input, size_t from, size_t to);

/* Nothing in it is needed. A large block is given back. */
void input_clear(struct input *input);

/* The block is somebody else's now; what stands from `pos` on goes to a new one. 0 or -ENOMEM, and
 * then nothing has changed. */
int input_leave(struct input *input, size_t pos);

void input_done(struct input *input);
