/*
 * How long the reply of a query will be: as long as it was last time. The memory budget wants to know
 * before the query runs, and the length of a table is not known without reading it.
 *
 * Threads    any: the guess is one number, and a wrong one is put right when the reply is there.
 */
#pragma once

#include "base/defs.h"

#include <stdatomic.h>

/* A table beyond this is an error: no host reads such a reply. */
#define REPLY_TABLE_MAX (128 * MIB)

struct reply_guess {
    _Atomic size_t bytes;
};

/* After a reply was made. */
static inline void reply_guess_note(struct reply_guess *guess, size_t bytes)
{
    atomic_store_explicit(&guess->bytes, bytes, memory_order_relaxed);
}

/* A little more than last time, since tables grow. */
static inline size_t reply_guess_get(struct reply_guess *guess)
{
    size_t bytes = atomic_load_explicit(&guess->bytes, memory_order_relaxed);

    return bytes + bytes / 8;
}
