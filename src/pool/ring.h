/*
 * Ready ring: jobs that may run now, for whichever worker is free (Concurrency Kit's ck_ring).
 *
 * Threads    ring_push(): one producer at a time (the scheduler's lock sees to that), which is
 *            why the single-producer calls suffice. ring_pop(): any worker, lock-free.
 *            ring_size(): anybody; a snapshot.
 * Ownership  pointers only.
 */
#pragma once

#include "pool/job.h"

struct ring;

/* `capacity` is a power of two. NULL: no memory. */
struct ring *ring_new(unsigned capacity);
struct ring *ring_free(struct ring *ring);

/* False when the ring is full. */
bool ring_push(struct ring *ring, struct job *job);
struct job *ring_pop(struct ring *ring); /* NULL: empty */
unsigned ring_size(const struct ring *ring);
