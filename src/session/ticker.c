/*
 * session/ticker.c
 *
 *   field    written by   read by     order, and what it buys
 *   backlog  any: set     I/O thread  seq_cst: whoever sets it first notifies; the I/O thread looks
 *            I/O: clears              once more behind clearing it
 */
#include "session/ticker.h"

#include "pool/sched.h"
#include "pool/workers.h"
#include "session/output.h"

static void start(struct ticker *ticker)
{
    loop_set_timer_in(ticker->service->loop, &ticker->timer, WORKERS_TICK_MS * NSEC_PER_MSEC);
}

/* Replies that a stuck worker has not flushed: of clients that were seen to have all theirs, none
 * can be. */
static void kick_awaiting(struct service *service)
{
    struct client *client, *following;

    for (client = TAILQ_FIRST(&service->awaiting); client; client = following) {
        following = TAILQ_NEXT(client, awaiting_link);
        if (client_unsent(client) > 0) {
            output_kick(client);
            continue;
        }
        TAILQ_REMOVE(&service->awaiting, client, awaiting_link);
        client->is_awaiting = false;
    }
}

static void tick(struct timer *timer)
{
    struct ticker *ticker = CONTAINER_OF(timer, struct ticker, timer);
    struct service *service = ticker->service;

    if (sched_tick(service->sched))
        kick_awaiting(service);
    if (sched_need_tick(service->sched)) {
        start(ticker);
        return;
    }
    atomic_store(&ticker->backlog, false);
    /* It came between the two; who finds the flag down notifies. */
    if (sched_need_tick(service->sched) && !atomic_exchange(&ticker->backlog, true))
        start(ticker);
}

static void on_notice(struct notice *notice)
{
    struct ticker *ticker = CONTAINER_OF(notice, struct ticker, notice);

    if (ticker->timer.at_ns == 0 && atomic_load(&ticker->backlog))
        start(ticker);
}

void ticker_backlog(void *arg)
{
    struct ticker *ticker = arg;

    if (!atomic_exchange(&ticker->backlog, true))
        loop_notify(ticker->service->loop, &ticker->notice);
}

void ticker_init(struct ticker *ticker, struct service *service)
{
    ticker->service = service;
    ticker->timer.fire = tick;
    ticker->notice.deliver = on_notice;
    atomic_init(&ticker->backlog, false);
}
