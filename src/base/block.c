/*
 * base/block.c - a short list of free blocks, the oldest in front.
 *
 *   field     written by   read by    order, and what it buys
 *   kept.*    any thread   any        kept.lock
 */
#include "base/block.h"

#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS     16
#define HUGE_MIN  (4 * MIB) /* less is cleared as fast in small pages */
#define HEAP_KEPT (4 * MIB) /* free memory at the top of a heap that malloc keeps */

struct block {
    char *data;
    size_t cap;
};

static struct {
    pthread_mutex_t lock;
    bool on;
    size_t bytes, most;
    unsigned count;
    struct block blocks[SLOTS];
} kept = { .lock = PTHREAD_MUTEX_INITIALIZER, .most = BLOCKS_KEPT_MAX };

void block_init(void)
{
    /* Fixed limits: malloc's own would rise with the largest block seen and not fall again. */
    /* NOLINTBEGIN(concurrency-mt-unsafe): no thread runs yet */
    mallopt(M_MMAP_THRESHOLD, (int)BLOCK_MIN);
    mallopt(M_TRIM_THRESHOLD, (int)HEAP_KEPT);
    /* NOLINTEND(concurrency-mt-unsafe) */
}

static struct block take_locked(unsigned i)
{
    struct block block = kept.blocks[i];

    kept.count--;
    kept.bytes -= block.cap;
    memmove(&kept.blocks[i], &kept.blocks[i + 1], (kept.count - i) * sizeof(block));
    return block;
}

/* The smallest kept block of `want` to `most` bytes; its data is NULL if there is none. */
static struct block find(size_t want, size_t most)
{
    struct block block = { 0 };
    unsigned best = SLOTS;

    PTOK(pthread_mutex_lock(&kept.lock));
    for (unsigned i = 0; i < kept.count; i++) {
        size_t cap = kept.blocks[i].cap;

        if (cap >= want && cap <= most && (best == SLOTS || cap < kept.blocks[best].cap))
            best = i;
    }
    if (best < SLOTS)
        block = take_locked(best);
    PTOK(pthread_mutex_unlock(&kept.lock));
    return block;
}

/* From the first page of the mapping, malloc's header included, to its last: mremap(2), which lets a
 * block grow without copying, wants all of a mapping to be of one kind. */
static void prefer_huge(char *data)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t head = (uintptr_t)data & (page - 1);

    madvise(data - head, head + malloc_usable_size(data), MADV_HUGEPAGE);
}

static char *resize(char *data, size_t *cap, size_t want)
{
    data = realloc(data, want);
    if (!data)
        return NULL;
    if (want >= HUGE_MIN)
        prefer_huge(data);
    *cap = want;
    return data;
}

char *block_grow(char *data, size_t len, size_t *cap, size_t want, size_t most)
{
    struct block block = { 0 };

    if (want >= BLOCK_MIN)
        block = find(want, most);
    if (!block.data)
        return resize(data, cap, want);
    if (len > 0)
        memcpy(block.data, data, len);
    block_free(data, *cap);
    *cap = block.cap;
    return block.data;
}

/* Keeps the block, or frees it; older ones make room. */
__attribute__((noinline)) static void keep(char *data, size_t cap)
{
    struct block drop[SLOTS];
    unsigned dropped = 0;

    PTOK(pthread_mutex_lock(&kept.lock));
    while (kept.count > 0 && (kept.count == SLOTS || kept.bytes + cap > kept.most))
        drop[dropped++] = take_locked(0);
    if (kept.on && kept.bytes + cap <= kept.most) {
        kept.blocks[kept.count++] = (struct block){ data, cap };
        kept.bytes += cap;
        data = NULL;
    }
    PTOK(pthread_mutex_unlock(&kept.lock));
    free(data);
    while (dropped > 0)
        free(drop[--dropped].data);
}

/* Each small buffer ends here: no array stands in this function, which would be cleared each time. */
void block_free(char *data, size_t cap)
{
    if (!data || cap < BLOCK_MIN || cap > BLOCKS_KEPT_MAX)
        free(data);
    else
        keep(data, cap);
}

void block_keep(void)
{
    PTOK(pthread_mutex_lock(&kept.lock));
    kept.on = true;
    PTOK(pthread_mutex_unlock(&kept.lock));
}

void block_limit(size_t bytes)
{
    struct block drop[SLOTS];
    unsigned dropped = 0;

    PTOK(pthread_mutex_lock(&kept.lock));
    kept.most = MIN_OF(bytes, (size_t)BLOCKS_KEPT_MAX);
    while (kept.bytes > kept.most)
        drop[dropped++] = take_locked(0);
    PTOK(pthread_mutex_unlock(&kept.lock));
    while (dropped > 0)
        free(drop[--dropped].data);
}

void block_trim(void)
{
    struct block drop[SLOTS];
    unsigned dropped = 0;

    PTOK(pthread_mutex_lock(&kept.lock));
    kept.on = false;
    while (kept.count > 0)
        drop[dropped++] = take_locked(0);
    PTOK(pthread_mutex_unlock(&kept.lock));
    while (dropped > 0)
        free(drop[--dropped].data);
    malloc_trim(0);
}
