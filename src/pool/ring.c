/*
 * pool/ring.c - the only file that knows ck_ring.
 *
 *   field        written by                 read by            order, and what it buys
 *   ring.p_tail  producer: after the slot   workers            ck: store fence; a slot's pointer is
 *                                                              there before its index
 *   ring.c_head  workers: compare-and-swap  producer           ck: a slot is empty before its reuse
 *   *job         submitter                  one worker         handed over with the slot
 *
 * ThreadSanitizer does not see the order that ck's fences make. The release below stands for the
 * store fence of the enqueue, the acquire for the load fence of the dequeue; ck's own accesses
 * are suppressed in tests/tsan.supp.
 */
#include "pool/ring.h"

#include <ck_ring.h>

#ifdef PQGA_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define HAND_OVER(job) __tsan_release(job)
#define TAKE_OVER(job) __tsan_acquire(job)
#else
#define HAND_OVER(job) ((void)(job))
#define TAKE_OVER(job) ((void)(job))
#endif

struct ring {
    ck_ring_t ring;
    ck_ring_buffer_t slots[];
};

struct ring *ring_new(unsigned capacity)
{
    struct ring *ring;
    size_t size = sizeof(*ring) + capacity * sizeof(ring->slots[0]);

    CHECK(capacity >= 4 && (capacity & (capacity - 1)) == 0);
    ring = aligned_alloc(CK_MD_CACHELINE,
                         (size + CK_MD_CACHELINE - 1) & ~(size_t)(CK_MD_CACHELINE - 1));
    if (ring)
        ck_ring_init(&ring->ring, capacity);
    return ring;
}

struct ring *ring_free(struct ring *ring)
{
    free(ring);
    return NULL;
}

bool ring_push(struct ring *ring, struct job *job)
{
    HAND_OVER(job);
    return ck_ring_enqueue_spmc(&ring->ring, ring->slots, job);
}

struct job *ring_pop(struct ring *ring)
{
    struct job *job = NULL;

    if (!ck_ring_dequeue_spmc(&ring->ring, ring->slots, &job))
        return NULL;
    TAKE_OVER(job);
    return job;
}

unsigned ring_size(const struct ring *ring)
{
    return ck_ring_size(&ring->ring);
}
