#include "agent/listen.h"

#include "base/error.h"
#include "base/fdio.h"
#include "base/log.h"
#include "session/reader.h"

#include <errno.h>
#include <sys/epoll.h>

#define ACCEPT_PAUSE_NS NSEC_PER_SEC
#define ACCEPT_AT_ONCE  64 /* then the loop sees to the others; the socket stays ready */

static struct loop *loop_of(const struct listener *listener)
{
    return listener->origin->service->loop;
}

/* At the start, when a client has left, and after a pause. */
static void accept_again(struct listener *listener)
{
    int fd = channel_listen_fd(listener->channel);

    if (!listener->is_accepting && listener->pause.at_ns == 0 &&
        listener->client_count < listener->max_clients)
        listener->is_accepting = loop_add(loop_of(listener), fd, EPOLLIN, &listener->source) == 0;
}

static void stop_accepting(struct listener *listener)
{
    if (listener->is_accepting)
        loop_remove(loop_of(listener), channel_listen_fd(listener->channel), &listener->source);
    listener->is_accepting = false;
}

static void pause_over(struct timer *timer)
{
    accept_again(CONTAINER_OF(timer, struct listener, pause));
}

static void client_ended(struct client *client)
{
    struct listener *listener = client->owner;

    listener->client_count--;
    accept_again(listener);
}

/* True if the peer may talk to the agent. */
static bool check_peer(const struct listener *listener, int fd)
{
    struct peer peer = peer_of(fd);
    bool allowed = peer_is_allowed(listener->peers, &peer);
    char text[PEER_TEXT_MAX];

    log_audit("%s: peer %s %s", channel_method_name(channel_method_of(listener->channel)),
              peer_text(&peer, text), allowed ? "connected" : "refused");
    return allowed;
}

static void add_client(struct listener *listener, int fd)
{
    struct client *client = reader_new(listener->origin, listener->channel, fd,
                                       /* owns_fd= */ true, client_ended, listener);

    if (!client) {
        log_err("no memory for another client, its connection is closed");
        fd_close(fd);
        return;
    }
    listener->client_count++;
    if (reader_watch(client) < 0) {
        log_err("cannot watch another client, its connection is closed");
        reader_end(client);
    }
}

/* Takes who waits; at the limit the others wait in the backlog until a client leaves. A user who
 * connects again and again to be refused does not keep the thread here. */
static void listener_ready(struct source *source, uint32_t events)
{
    struct listener *listener = CONTAINER_OF(source, struct listener, source);

    (void)events;
    for (unsigned taken = 0; listener->client_count < listener->max_clients; taken++) {
        int fd;

        if (taken == ACCEPT_AT_ONCE)
            return;
        fd = channel_accept(listener->channel);
        if (fd == -EAGAIN)
            return;
        if (fd < 0) {
            log_warn("cannot accept a client: %s, trying again in a second", err_text(fd));
            loop_set_timer_in(loop_of(listener), &listener->pause, ACCEPT_PAUSE_NS);
            break;
        }
        if (check_peer(listener, fd))
            add_client(listener, fd);
        else
            fd_close(fd);
    }
    stop_accepting(listener);
}

void listener_init(struct listener *listener, struct origin *origin, const struct peer_rules *peers,
                   unsigned max_clients)
{
    *listener = (struct listener){
        .origin = origin,
        .peers = peers,
        .max_clients = max_clients,
        .source.ready = listener_ready,
        .pause.fire = pause_over,
    };
}

void listener_limit(struct listener *listener, unsigned max_clients)
{
    listener->max_clients = max_clients;
    if (listener->channel)
        accept_again(listener);
}

void listener_start(struct listener *listener, struct channel *channel)
{
    listener->channel = channel;
    accept_again(listener);
}
