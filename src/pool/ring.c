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
 * store fence of the enqueue, the acquire for the load fence of the dequeue, so that a race on a job
 * is still reported. Ck's own accesses to its index and slots are not looked at; a suppression would
 * need a symbolizer, which cannot start where descriptors are short.
 */
#include "pool/ring.h"

#include <ck_ring.h>

#ifdef PQGA_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#define HAND_OVER(job) __tsan_release(job)
#define TAKE_OVER(job) __tsan_acquire(job)
#define UNWATCHED_BEGIN()                                                                          \
    (AnnotateIgnoreReadsBegin(__FILE__, __LINE__), AnnotateIgnoreWritesBegin(__FILE__, __LINE__))
#define UNWATCHED_END()                                                                            \
    (AnnotateIgnoreWritesEnd(__FILE__, __LINE__), AnnotateIgnoreReadsEnd(__FILE__, __LINE__))
#else
#define HAND_OVER(job)    ((void)(job))
#define TAKE_OVER(job)    ((void)(job))
#define UNWATCHED_BEGIN() ((void)0)
#define UNWATCHED_END()   ((void)0)
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
    bool pushed;

    HAND_OVER(job);
    UNWATCHED_BEGIN();
    pushed = ck_ring_enqueue_spmc(&ring->ring, ring->slots, job);
    UNWATCHED_END();
    return pushed;
}

struct job *ring_pop(struct ring *ring)
{
    struct job *job = NULL;
    bool popped;

    UNWATCHED_BEGIN();
    popped = ck_ring_dequeue_spmc(&ring->ring, ring->slots, &job);
    UNWATCHED_END();
    if (!popped)
        return NULL;
    TAKE_OVER(job);
    return job;
}

unsigned ring_size(const struct ring *ring)
{
    unsigned size;

    UNWATCHED_BEGIN();
    size = ck_ring_size(&ring->ring);
    UNWATCHED_END();
    return size;
}
