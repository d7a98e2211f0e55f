/*
 * cmds/linux/keymap.c - open addressing with linear probing, at most half full, FNV-1a.
 */
#include "cmds/linux/keymap.h"

#include <errno.h>

static uint32_t hash_bytes(const void *key, size_t len)
{
    const unsigned char *bytes = key;
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 16777619U;
    return hash ^ (hash >> 15); /* the low bits pick the slot: let the high ones take part */
}

/* The key's slot, or the free one where it belongs. */
static struct keymap_slot *find_slot(struct keymap *map, const void *key, size_t len, uint32_t hash)
{
    for (size_t i = hash;; i++) {
        struct keymap_slot *slot = &map->slots[i & (map->capacity - 1)];

        map->probes++;
        if (!slot->key)
            return slot;
        if (slot->hash == hash && slot->len == len && memcmp(slot->key, key, len) == 0)
            return slot;
    }
}

static int grow(struct keymap *map)
{
    struct keymap bigger = { .capacity = map->capacity ? map->capacity * 2 : 64,
                             .count = map->count,
                             .probes = map->probes };

    bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
    if (!bigger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < map->capacity; i++) {
        struct keymap_slot *slot = &map->slots[i];

        if (slot->key)
            *find_slot(&bigger, slot->key, slot->len, slot->hash) = *slot;
    }
    free(map->slots);
    *map = bigger;
    return 0;
}

uint32_t keymap_get(struct keymap *map, const void *key, size_t len)
{
    struct keymap_slot *slot;

    if (map->count == 0)
        return KEYMAP_NONE;
    slot = find_slot(map, key, len, hash_bytes(key, len));
    return slot->key ? slot->value : KEYMAP_NONE;
}

int keymap_add(struct keymap *map, const void *key, size_t len, uint32_t value)
{
    uint32_t hash = hash_bytes(key, len);

    if (map->count * 2 >= map->capacity && grow(map) < 0)
        return -ENOMEM;
    *find_slot(map, key, len, hash) =
        (struct keymap_slot){ .key = key, .len = len, .hash = hash, .value = value };
    map->count++;
    return 0;
}

void keymap_done(struct keymap *map)
{
    free(map->slots);
    *map = (struct keymap){ 0 };
}
