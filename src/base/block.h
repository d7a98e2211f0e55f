/*
 * Large blocks of memory: used again while large messages come in a row, given back after them.
 *
 * A payload of megabytes goes through buffers of its size for a few milliseconds. To have the
 * kernel map and clear them anew costs more than all that is done with the bytes. So while blocks
 * are kept, one that is freed waits for the next who wants one of its size; the largest are made of
 * huge pages.
 *
 * Threads    any.
 * Ownership  a block is malloc'ed memory: free() is right too, only it keeps nothing. What
 *            is smaller than BLOCK_MIN is plain malloc, realloc and free.
 * Limit      BLOCKS_KEPT_MAX bytes are kept, or what block_limit() said. Nothing is, until block_keep()
 *            is called and behind block_trim().
 */
#pragma once

#include "base/defs.h"

#define BLOCK_MIN       (512 * KIB)
#define BLOCKS_KEPT_MAX (140 * MIB) /* two replies with 48 MiB take 128 */

/* Tells malloc to leave large blocks to the kernel, so that none stays behind in its heaps. Before
 * threads run. */
void block_init(void);

/* realloc(data, want) that keeps `len` bytes (NULL: malloc), by way of a kept block if there is one
 * of `want` to `most` bytes. *cap: the size of `data` in, of the result out. NULL: no memory,
 * nothing has changed. */
char *block_grow(char *data, size_t len, size_t *cap, size_t want, size_t most);

/* `cap` as block_grow() gave it. NULL is fine. */
void block_free(char *data, size_t cap);

/* From now on blocks are kept. */
void block_keep(void);

/* No more than this is kept from now on: what else is held leaves no room for more. */
void block_limit(size_t bytes);

/* Gives back what is kept, and what malloc's heaps have free; keeps nothing any more. */
void block_trim(void);
