/*
 * Key map: byte strings to small numbers, by hashing, so that lists of thousands are built in one
 * pass.
 *
 * Threads    none.
 * Ownership  keys are borrowed: they stay where they are until keymap_done(). A zeroed struct is
 *            an empty map.
 * Cost       an operation looks at a few slots on average, however many keys there are and whoever
 *            chose them.
 */
#pragma once

#include "base/defs.h"

#define KEYMAP_NONE UINT32_MAX

struct keymap {
    struct keymap_slot {
        const void *key; /* NULL: free */
        size_t len;
        uint32_t hash;
        uint32_t value;
    } * slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    uint64_t seed[2]; /* of the hash, from the first key on */
    uint64_t probes;  /* slots looked at so far: what a test counts instead of time */
};

/* The key's value, or KEYMAP_NONE. */
uint32_t keymap_get(struct keymap *map, const void *key, size_t len);

/* Adds a key that is not in the map yet: 0 or -ENOMEM. */
int keymap_add(struct keymap *map, const void *key, size_t len, uint32_t value);

void keymap_done(struct keymap *map);
