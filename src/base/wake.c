/*
 * base/wake.c - event count on a futex; eventfd with a pending bit.
 *
 *   field     written by              read by               order, and what it buys
 *   epoch     wakers: seq_cst add     sleepers: seq_cst     what was published before the wake
 *                                                           is seen after the sleep
 *   sleepers  sleepers: seq_cst add   wakers: seq_cst       one order of the four accesses: a
 *                                                           waker that sees no sleeper has
 *                                                           moved the epoch before the sleeper
 *                                                           read it, so that its look for work
 *                                                           finds the work
 *   pending   kickers: acq_rel true   kickers, the owner    the owner's exchange acquires what
 *             owner: acq_rel false                          kickers published that did not write
 */
#include "base/wake.h"

#include "base/fdio.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Sleeps while *epoch is key, at most until `deadline` on the monotonic clock (NULL: for ever). */
static long futex_wait(struct event_count *event, uint32_t key, const struct timespec *deadline)
{
    return syscall(SYS_futex, &event->epoch, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, key, deadline,
                   NULL, FUTEX_BITSET_MATCH_ANY);
}

static void wake(struct event_count *event, int count)
{
    atomic_fetch_add(&event->epoch, 1);
    if (atomic_load(&event->sleepers) > 0)
        syscall(SYS_futex, &event->epoch, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
}

uint32_t event_prepare(struct event_count *event)
{
    atomic_fetch_add(&event->sleepers, 1);
    return atomic_load(&event->epoch);
}

void event_cancel(struct event_count *event)
{
    atomic_fetch_sub(&event->sleepers, 1);
}

void event_wait(struct event_count *event, uint32_t key)
{
    while (atomic_load(&event->epoch) == key)
        futex_wait(event, key, NULL);
    atomic_fetch_sub(&event->sleepers, 1);
}

bool event_wait_for(struct event_count *event, uint32_t key, int timeout_ms)
{
    struct timespec deadline;
    bool woken;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += (long)(timeout_ms % 1000 * NSEC_PER_MSEC);
    if (deadline.tv_nsec >= NSEC_PER_SEC) {
        deadline.tv_nsec -= NSEC_PER_SEC;
        deadline.tv_sec++;
    }
    while (!(woken = atomic_load(&event->epoch) != key)) {
        if (futex_wait(event, key, &deadline) < 0 && errno == ETIMEDOUT)
            break;
    }
    atomic_fetch_sub(&event->sleepers, 1);
    return woken;
}

void event_wake_one(struct event_count *event)
{
    wake(event, 1);
}

void event_wake_all(struct event_count *event)
{
    wake(event, INT_MAX);
}

int wake_fd_init(struct wake_fd *wake)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return -errno;
    wake->fd = fd;
    atomic_init(&wake->pending, false);
    return 0;
}

void wake_fd_done(struct wake_fd *wake)
{
    wake->fd = fd_close(wake->fd);
}

void wake_fd_kick(struct wake_fd *wake)
{
    const uint64_t one = 1;

    if (atomic_exchange_explicit(&wake->pending, true, memory_order_acq_rel))
        return;
    /* Cannot fail on a descriptor of ours: the counter is far from its limit. */
    while (write(wake->fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void wake_fd_clear(struct wake_fd *wake)
{
    uint64_t count;

    /* The counter goes first: after the exchange a kick must find it ready to be raised. */
    while (read(wake->fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
    atomic_exchange_explicit(&wake->pending, false, memory_order_acq_rel);
}
