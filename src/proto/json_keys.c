#include "proto/json_keys.h"

#include <errno.h>
#include <sys/random.h>

#define CAPACITY_MIN 64

/* Both halves of the product of 128 bits, one over the other. */
#ifdef __SIZEOF_INT128__
static uint64_t fold_product(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}
#else
static uint64_t fold_product(uint64_t a, uint64_t b)
{
    uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX), high = (a >> 32) * (b >> 32);
    uint64_t cross = (a >> 32) * (b & UINT32_MAX) + (low >> 32);
    uint64_t other = (a & UINT32_MAX) * (b >> 32) + (cross & UINT32_MAX);

    return (other << 32 | (low & UINT32_MAX)) ^ (high + (cross >> 32) + (other >> 32));
}
#endif

static uint64_t mix(uint64_t a, uint64_t b)
{
    return fold_product(a ^ 0x9E3779B97F4A7C15u, b | 1);
}

static uint64_t hash_key(const struct key_table *table, const char *bytes, size_t len,
                         uint32_t object)
{
    uint64_t hash = mix(table->seed ^ object, table->seed + len);

    while (len > 0) {
        size_t part = MIN_OF(len, sizeof(uint64_t));
        uint64_t word = 0;

        memcpy(&word, bytes, part);
        hash = mix(hash ^ word, table->seed);
        bytes += part;
        len -= part;
    }
    return mix(hash, hash >> 32);
}

static struct key_slot *find_slot(const struct key_table *table, const struct json_node *nodes,
                                  const char *text, uint32_t object, uint32_t key)
{
    const struct json_node *node = &nodes[key];
    size_t i = (size_t)hash_key(table, text + node->str.off, node->str.len, object);

    for (;; i++) {
        struct key_slot *slot = &table->slots[i & (table->capacity - 1)];
        const struct json_node *other = &nodes[slot->key];

        if (slot->object == 0)
            return slot;
        if (slot->object == object + 1 && other->str.len == node->str.len &&
            memcmp(text + other->str.off, text + node->str.off, node->str.len) == 0)
            return slot;
    }
}

size_t key_table_wants(const struct key_table *table, size_t more)
{
    size_t capacity = MAX_OF(table->capacity, (size_t)CAPACITY_MIN);

    while ((table->count + more) * 2 > capacity)
        capacity *= 2;
    return capacity == table->capacity ? 0 : capacity;
}

int key_table_grow(struct key_table *table, size_t capacity, const struct json_node *nodes,
                   const char *text)
{
    struct key_table larger = { .capacity = capacity, .count = table->count, .seed = table->seed };
    size_t i;

    if (table->capacity == 0 &&
        getrandom(&larger.seed, sizeof(larger.seed), GRND_NONBLOCK) != sizeof(larger.seed))
        larger.seed = (uint64_t)(uintptr_t)text * 0x9E3779B97F4A7C15u; /* early boot */
    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (!larger.slots)
        return -ENOMEM;
    for (i = 0; i < table->capacity; i++) {
        const struct key_slot *slot = &table->slots[i];

        if (slot->object != 0)
            *find_slot(&larger, nodes, text, slot->object - 1, slot->key) = *slot;
    }
    free(table->slots);
    *table = larger;
    return 0;
}

bool key_table_add(struct key_table *table, const struct json_node *nodes, const char *text,
                   uint32_t object, uint32_t key)
{
    struct key_slot *slot = find_slot(table, nodes, text, object, key);

    if (slot->object != 0)
        return false;
    *slot = (struct key_slot){ .object = object + 1, .key = key };
    table->count++;
    return true;
}

void key_table_done(struct key_table *table)
{
    free(table->slots);
    *table = (struct key_table){ 0 };
}
