/*
 * session/client.c - references, and the count of replies to come.
 *
 *   field       written by             read by       order, and what it buys
 *   refs        all                    all           acq_rel: the last one frees
 *   gone        I/O thread             token holder  seq_cst with a kick behind it
 *   unsent      I/O: add; holder: sub  I/O, holder   seq_cst on both: either the I/O thread sees the
 *   wants_space  I/O sets, holder       holder        room, or it is notified
 *               clears
 *   closed      token holder: release  I/O: acquire  the descriptor is out of use
 *
 * While a connected client has replies to come it counts once in loop->outstanding; whoever
 * takes unsent from 0 or to 0 changes that. A client that leaves takes its part away with the bit
 * LEFT, in the same step that shows whether it had one.
 */
#include "session/client.h"

#include <errno.h>

#define LEFT (1u << 31)

int client_init(struct client *client, struct origin *origin)
{
    atomic_init(&client->refs, 1);
    client->origin = origin;
    client->max_requests = origin->max_requests;
    client->window = window_new(client->max_requests + 1); /* a sync passes the others */
    return client->window ? 0 : -ENOMEM;
}

void client_ref(struct client *client)
{
    atomic_fetch_add_explicit(&client->refs, 1, memory_order_relaxed);
}

void client_unref(struct client *client)
{
    if (atomic_fetch_sub_explicit(&client->refs, 1, memory_order_acq_rel) > 1)
        return;
    window_free(client->window);
    free(client);
}

void client_notify(struct client *client)
{
    client_ref(client);
    if (!loop_notify(client->origin->service->loop, &client->changed))
        client_unref(client); /* the caller has one more */
}

void client_join(struct client *client)
{
    struct service *service = client->origin->service;

    TAILQ_INSERT_TAIL(&service->clients, client, link);
    service->loop->peers++;
}

void client_leave(struct client *client)
{
    struct service *service = client->origin->service;
    unsigned unsent = atomic_fetch_or(&client->unsent, LEFT);

    TAILQ_REMOVE(&service->clients, client, link);
    service->loop->peers--;
    if (client->is_awaiting)
        TAILQ_REMOVE(&service->awaiting, client, awaiting_link);
    if (client->is_held)
        TAILQ_REMOVE(&service->held, client, held_link);
    client->is_awaiting = client->is_held = false;
    if (unsent > 0)
        service_answered(service);
}

void client_reply_due(struct client *client)
{
    struct service *service = client->origin->service;

    if (atomic_fetch_add(&client->unsent, 1) == 0)
        loop_asked(service->loop);
    if (!client->is_awaiting)
        TAILQ_INSERT_TAIL(&service->awaiting, client, awaiting_link);
    client->is_awaiting = true;
}

void client_reply_left(struct client *client)
{
    if (atomic_fetch_sub(&client->unsent, 1) == 1)
        service_answered(client->origin->service);
}

unsigned client_unsent(const struct client *client)
{
    return atomic_load(&client->unsent) & ~LEFT;
}

bool client_wait_for_room(struct client *client, unsigned most)
{
    if (client_unsent(client) <= most)
        return false;
    atomic_store(&client->wants_space, true);
    return client_unsent(client) > most;
}

void client_hold(struct client *client)
{
    if (!client->is_held)
        TAILQ_INSERT_TAIL(&client->origin->service->held, client, held_link);
    client->is_held = true;
}
