/*
 * The keys of large objects, to find duplicates without comparing each with each.
 *
 * Threads    none. Ownership: key_table_done() frees; a zeroed struct is an empty table.
 * Keys       are string nodes, told apart by their object (its node's index) and their bytes.
 *            The hash is seeded, so that a host cannot choose keys that collide.
 */
#pragma once

#include "proto/json.h"

struct key_slot {
    uint32_t object; /* index + 1: 0 is an empty slot */
    uint32_t key;
};

struct key_table {
    struct key_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    uint64_t seed;
};

/* The capacity that so many more keys need; 0: there is room. */
size_t key_table_wants(const struct key_table *table, size_t more);

/* 0 or -ENOMEM. `text` is what the nodes' offsets refer to, here and below. */
int key_table_grow(struct key_table *table, size_t capacity, const struct json_node *nodes,
                   const char *text);

/* False: the object has such a key. There must be room. */
bool key_table_add(struct key_table *table, const struct json_node *nodes, const char *text,
                   uint32_t object, uint32_t key);
void key_table_done(struct key_table *table);
