#include "session/resync.h"

#include "base/log.h"
#include "session/output.h"

static struct service *service_of(const struct resync *resync)
{
    return resync->client->origin->service;
}

/* The input goes on in a turn, which sends the replies, too. */
static void answer(struct resync *resync)
{
    struct service *service = service_of(resync);

    loop_clear_timer(service->loop, &resync->grace);
    dispatch_sync(TAKE_PTR(resync->sync));
    service_answered(service);
}

/* The session starts anew. */
static void start_anew(struct resync *resync)
{
    struct client *client = resync->client;
    struct session *session = session_new(client);
    struct session *old = client->session;

    if (!session) {
        log_err("session: no memory for a new one, the sync goes on waiting");
        loop_set_timer_in(client->origin->service->loop, &resync->grace, NSEC_PER_SEC);
        return;
    }
    log_info("session: %u requests are stuck, their replies are dropped",
             atomic_load(&old->unfinished));
    client->left_stuck = true;
    window_abandon(client->window);
    client->session = session;
    session_ref(session);
    resync->sync->session = session;
    session_unref(old);
    session_close(old);
    answer(resync);
    output_replied(client, 0); /* also for ready replies that stood behind a stuck one */
}

static void grace_over(struct timer *timer)
{
    struct resync *resync = CONTAINER_OF(timer, struct resync, grace);

    resync_check(resync);
    if (resync_is_waiting(resync))
        start_anew(resync);
    loop_run_soon(service_of(resync)->loop, &resync->client->turn);
}

void resync_init(struct resync *resync, struct client *client)
{
    *resync = (struct resync){ .client = client, .grace.fire = grace_over };
}

/* What waits counts as one who waits for a reply, so that a stop waits for it. */
void resync_begin(struct resync *resync, struct call *sync)
{
    const struct origin *origin = resync->client->origin;

    resync->sync = sync;
    loop_asked(origin->service->loop);
    loop_set_timer_in(origin->service->loop, &resync->grace,
                      origin->resync_grace_ms * NSEC_PER_MSEC);
}

void resync_check(struct resync *resync)
{
    if (resync->sync && atomic_load(&resync->client->session->unfinished) == 0)
        answer(resync);
}

void resync_end(struct resync *resync)
{
    if (resync->sync)
        answer(resync);
}
