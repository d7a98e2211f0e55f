/*
 * cmds/linux/keymap.c - open addressing with linear probing, at most half full; the hash has a
 * seed, since keys come from files that others write.
 */
#include "cmds/linux/keymap.h"

#include "base/now.h"

#include <errno.h>
#include <sys/random.h>

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(struct sip *sip)
{
    sip->v0 += sip->v1;
    sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
    sip->v0 = rotate(sip->v0, 32);
    sip->v2 += sip->v3;
    sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
    sip->v0 += sip->v3;
    sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
    sip->v2 += sip->v1;
    sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
    sip->v2 = rotate(sip->v2, 32);
}

static void sip_word(struct sip *sip, uint64_t word)
{
    sip->v3 ^= word;
    sip_round(sip);
    sip->v0 ^= word;
}

/* SipHash-1-3: nobody who does not know the seed can make keys that meet in one slot. */
static uint32_t hash_bytes(const struct keymap *map, const void *key, size_t len)
{
    struct sip sip = { map->seed[0] ^ 0x736f6d6570736575U, map->seed[1] ^ 0x646f72616e646f6dU,
                       map->seed[0] ^ 0x6c7967656e657261U, map->seed[1] ^ 0x7465646279746573U };
    const unsigned char *bytes = key;
    uint64_t word, last = (uint64_t)len << 56;
    size_t off = 0;

    for (; len - off >= sizeof(word); off += sizeof(word)) {
        memcpy(&word, bytes + off, sizeof(word));
        sip_word(&sip, word);
    }
    for (unsigned shift = 0; off < len; off++, shift += 8)
        last |= (uint64_t)bytes[off] << shift;
    sip_word(&sip, last);
    sip.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&sip);
    word = sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
    return (uint32_t)(word ^ word >> 32);
}

/* Early in the boot there may be no entropy yet: then the clock has to do. */
static void make_seed(struct keymap *map)
{
    if (getrandom(map->seed, sizeof(map->seed), GRND_NONBLOCK) == (ssize_t)sizeof(map->seed))
        return;
    map->seed[0] = (uint64_t)now_ns();
    map->seed[1] = (uintptr_t)map;
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
                             .probes = map->probes,
                             .seed = { map->seed[0], map->seed[1] } };

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
    slot = find_slot(map, key, len, hash_bytes(map, key, len));
    return slot->key ? slot->value : KEYMAP_NONE;
}

int keymap_add(struct keymap *map, const void *key, size_t len, uint32_t value)
{
    uint32_t hash;

    if (map->capacity == 0)
        make_seed(map);
    if (map->count * 2 >= map->capacity && grow(map) < 0)
        return -ENOMEM;
    hash = hash_bytes(map, key, len);
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
