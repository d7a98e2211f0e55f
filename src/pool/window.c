/*
 * pool/window.c - a ring of ticket pointers by number & mask.
 *
 *   field           written by            read by               order, and what it buys
 *   tail            I/O: release          token holder: acquire the slot's pointer is there
 *   head            token: release        I/O: acquire          a slot is free before its reuse
 *   slot[i]         I/O: plain            token holder: plain   published by tail, freed by head
 *   abandon_before  I/O: release          token holder: acquire only a number; late is harmless
 *   ticket.state    completer: acq_rel    token holder: acquire the reply's bytes come with READY;
 *                   token: acq_rel                              one side wins PENDING, so a reply
 *                                                               is either sent or dropped by its
 *                                                               completer, never both
 *
 * The token holder changes from time to time; the token's own release and acquire
 * (session/output.c) order what one holder leaves for the next.
 */
#include "pool/window.h"

struct window {
    _Atomic uint64_t tail;
    _Atomic uint64_t abandon_before;
    unsigned mask;
    _Alignas(64) _Atomic uint64_t head;
    struct ticket *slots[];
};

struct window *window_new(unsigned capacity)
{
    unsigned size = 2;
    struct window *window;
    size_t bytes;

    while (size < capacity)
        size *= 2;
    bytes = sizeof(*window) + size * sizeof(window->slots[0]);
    window = aligned_alloc(_Alignof(struct window), (bytes + 63) & ~(size_t)63);
    if (!window)
        return NULL;
    atomic_init(&window->tail, 0);
    atomic_init(&window->head, 0);
    atomic_init(&window->abandon_before, 0);
    window->mask = size - 1;
    return window;
}

struct window *window_free(struct window *window)
{
    free(window);
    return NULL;
}

bool window_admit(struct window *window, struct ticket *ticket)
{
    uint64_t tail = atomic_load_explicit(&window->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&window->head, memory_order_acquire);

    if (tail - head > window->mask)
        return false;
    atomic_init(&ticket->state, TICKET_PENDING);
    window->slots[tail & window->mask] = ticket;
    atomic_store_explicit(&window->tail, tail + 1, memory_order_release);
    return true;
}

void window_abandon(struct window *window)
{
    uint64_t tail = atomic_load_explicit(&window->tail, memory_order_relaxed);

    atomic_store_explicit(&window->abandon_before, tail, memory_order_release);
}

bool ticket_complete(struct ticket *ticket)
{
    int pending = TICKET_PENDING;

    return atomic_compare_exchange_strong_explicit(&ticket->state, &pending, TICKET_READY,
                                                   memory_order_acq_rel, memory_order_acquire);
}

/* The state of the oldest ticket, abandoned on the way if its time has come. */
static int head_state(struct window *window, struct ticket *ticket, uint64_t head)
{
    int state = atomic_load_explicit(&ticket->state, memory_order_acquire);

    if (state != TICKET_PENDING ||
        head >= atomic_load_explicit(&window->abandon_before, memory_order_acquire))
        return state;
    if (atomic_compare_exchange_strong_explicit(&ticket->state, &state, TICKET_ABANDONED,
                                                memory_order_acq_rel, memory_order_acquire))
        return TICKET_ABANDONED;
    return state;
}

enum window_head window_next(struct window *window, struct ticket **ret_ticket)
{
    uint64_t head = atomic_load_explicit(&window->head, memory_order_relaxed);
    struct ticket *ticket;
    int state;

    if (head == atomic_load_explicit(&window->tail, memory_order_acquire))
        return WINDOW_EMPTY;
    ticket = window->slots[head & window->mask];
    state = head_state(window, ticket, head);
    if (state == TICKET_PENDING)
        return WINDOW_PENDING;
    atomic_store_explicit(&window->head, head + 1, memory_order_release);
    *ret_ticket = ticket;
    return state == TICKET_READY ? WINDOW_READY : WINDOW_DROPPED;
}

unsigned window_used(const struct window *window)
{
    uint64_t tail = atomic_load_explicit(&window->tail, memory_order_acquire);

    return (unsigned)(tail - atomic_load_explicit(&window->head, memory_order_acquire));
}

unsigned window_capacity(const struct window *window)
{
    return window->mask + 1;
}
