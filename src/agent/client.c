/*
 * agent/client.c - the reading side of a client.
 *
 *   field       written by             read by       order, and what it buys
 *   refs        all                    all           acq_rel: the last one frees
 *   gone        I/O thread             token holder  seq_cst with a kick behind it
 *   unsent      I/O: add; holder: sub  I/O, holder   seq_cst on both: either the I/O thread sees the
 *   wants_room  I/O sets, holder       holder        room, or it is kicked
 *               clears
 *   over        I/O thread             workers       relaxed: a hint for long commands
 */
#include "agent/client.h"

#include "agent/dispatch.h"
#include "agent/loop.h"
#include "agent/output.h"
#include "agent/port.h"
#include "base/log.h"

#include <poll.h>
#include <sys/epoll.h>

/* A large request that waits for memory stops the reading behind it. */
#define WAITING_MAX_BYTES MIB

/* What the I/O thread reads and writes itself before it listens again (struct command, try_now). */
#define NOW_BYTES_PER_TURN (512 * KIB)

/* Replies of a turn go out together, but not so many that the host would have nothing to do while
 * the rest is made. */
#define KICK_REPLIES 32
#define KICK_BYTES   (16 * KIB)

/* How long a port may say that nobody is there although somebody has just written. */
#define HOST_GRACE_NS NSEC_PER_SEC

struct session *session_new(struct client *client)
{
    struct session *session = calloc(1, sizeof(*session));

    if (!session)
        return NULL;
    session->stream = stream_new(client->agent->sched);
    if (!session->stream) {
        free(session);
        return NULL;
    }
    atomic_init(&session->refs, 1);
    atomic_fetch_add(&client->refs, 1);
    session->client = client;
    STAILQ_INIT(&session->waiting);
    return session;
}

void session_unref(struct session *session)
{
    if (atomic_fetch_sub_explicit(&session->refs, 1, memory_order_acq_rel) > 1)
        return;
    stream_close(session->stream);
    client_unref(session->client);
    free(session);
}

void session_close(struct session *session)
{
    atomic_store(&session->over, true);
    session_unref(session);
}

static void client_free(struct client *client)
{
    window_free(client->window);
    framer_free(client->framer);
    free(client);
}

void client_unref(struct client *client)
{
    if (atomic_fetch_sub_explicit(&client->refs, 1, memory_order_acq_rel) == 1)
        client_free(client);
}

static void client_ready(struct agent *agent, struct source *source, uint32_t events)
{
    struct client *client = CONTAINER_OF(source, struct client, source);

    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        client->readable = true;
        client->closing |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        client->hung_up |= (events & EPOLLHUP) != 0;
        loop_run_client(client);
    }
}

struct client *client_new(struct agent *agent, int fd, bool owns_fd)
{
    struct client *client = calloc(1, sizeof(*client));

    if (!client)
        return NULL;
    atomic_init(&client->refs, 1);
    client->source.ready = client_ready;
    client->agent = agent;
    client->channel = agent->channel;
    client->fd = fd;
    client->owns_fd = owns_fd;
    client->window = window_new(agent->config->max_requests + 1); /* a sync passes the others */
    client->framer = framer_new(agent->config->max_message_size);
    if (client->window && client->framer)
        client->session = session_new(client);
    if (!client->session) {
        client_free(client);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&agent->clients, client, link);
    agent->client_count++;
    return client;
}

void client_end(struct client *client)
{
    struct agent *agent = client->agent;

    if (atomic_load(&client->gone))
        return;
    if (client->owns_fd)
        epoll_ctl(agent->epoll_fd, EPOLL_CTL_DEL, client->fd, NULL);
    loop_forget_client(client);
    TAILQ_REMOVE(&agent->clients, client, link);
    agent->client_count--;
    client->framer = framer_free(client->framer);
    json_doc_free(client->ahead.doc);
    cmd_error_done(&client->ahead.error);
    atomic_store(&client->gone, true);
    if (client->sync)
        dispatch_sync(client);
    session_close(client->session);
    output_kick(client);
    output_poke(client);
    if (!client->owns_fd)
        port_ended(client);
    client_unref(client);
}

static void kick(struct client *client)
{
    client->unkicked = 0;
    client->unkicked_bytes = 0;
    output_kick(client);
}

void client_replied(struct client *client, size_t bytes)
{
    client->unkicked++;
    client->unkicked_bytes += bytes;
    if (client->unkicked >= KICK_REPLIES || client->unkicked_bytes >= KICK_BYTES)
        kick(client);
}

/* The session starts anew: what has not finished goes on in the background, and its replies are
 * dropped for ever. */
static void resync(struct client *client)
{
    struct session *session = session_new(client);
    struct session *old = client->session;
    struct call *call = client->sync;

    if (!session) {
        log_err("session: no memory for a new one, the sync goes on waiting");
        client->sync_deadline_ns = now_ns() + NSEC_PER_SEC;
        return;
    }
    log_info("session: %u requests are stuck, their replies are dropped",
             atomic_load(&old->unfinished));
    window_abandon(client->window);
    client->session = session;
    atomic_fetch_add(&session->refs, 1);
    call->session = session;
    session_unref(old);
    session_close(old);
    dispatch_sync(client);
    client_replied(client, 0); /* also for ready replies that stood behind a stuck one */
}

/* Waiting for room: true when there is none, and a kick will come. */
static bool window_full(struct client *client)
{
    unsigned limit = client->agent->config->max_requests;

    if (atomic_load(&client->unsent) < limit)
        return false;
    atomic_store(&client->wants_room, true);
    return atomic_load(&client->unsent) >= limit;
}

/* True while the message ahead must wait. A sync passes: it may be what ends the waiting. */
static bool is_held_back(struct client *client)
{
    struct session *session = client->session;

    if (session->waiting_bytes <= WAITING_MAX_BYTES && !window_full(client) &&
        !budget_over(&client->agent->budget, &session->inline_share))
        return false;
    return atomic_load(&session->unfinished) == 0 ||
           atomic_load(&client->unsent) > client->agent->config->max_requests ||
           !client->ahead.doc || !dispatch_is_sync(client->ahead.doc);
}

/* Sees to it that a message is ahead: false when all input is used up. */
static bool look_ahead(struct client *client)
{
    struct ahead *ahead = &client->ahead;

    if (!ahead->is_there)
        ahead->is_there = framer_next(client->framer, &ahead->doc, &ahead->error) != FRAME_MORE;
    return ahead->is_there;
}

/* Serves what has been read: true when all of it was used up. */
static bool serve_input(struct client *client)
{
    while (!client->sync && !client->agent->stopping) {
        struct ahead ahead;

        if (!look_ahead(client))
            return true;
        if (is_held_back(client))
            return false;
        ahead = client->ahead;
        client->ahead = (struct ahead){ 0 };
        if (ahead.doc)
            dispatch_message(client, ahead.doc);
        else
            dispatch_error(client, &ahead.error);
        if (atomic_load(&client->gone))
            return false;
    }
    return false;
}

/* The other side is closed for good and not only for sending. */
static bool peer_has_left(const struct client *client)
{
    struct pollfd pollfd = { .fd = client->fd };

    return poll(&pollfd, 1, 0) == 1 && (pollfd.revents & (POLLHUP | POLLERR));
}

/* End of file: all that was sent is served and, if anybody still listens, answered. A port's next
 * host must not get the answers of this one. */
static void end_if_served(struct client *client)
{
    if (client->owns_fd && atomic_load(&client->unsent) > 0 && !peer_has_left(client)) {
        atomic_store(&client->wants_room, true);
        if (atomic_load(&client->unsent) > 0)
            return;
    }
    client_end(client);
}

/* A host's first bytes may be there before the kernel notes that the host is (they come in different
 * queues of virtio-serial), and then the port still says that it is hung up. So the session of a host
 * that was not seen yet ends only if it is not seen for a while. */
static bool wait_for_host(struct client *client)
{
    if (client->owns_fd || client->connected)
        return false;
    client->readable = client->hung_up = false;
    if (client->hang_up_at_ns == 0)
        client->hang_up_at_ns = now_ns() + HOST_GRACE_NS;
    return now_ns() < client->hang_up_at_ns;
}

/* Where to read to. Without memory the message that comes in is answered with an error. NULL: not
 * even that is possible. */
static char *input_space(struct client *client, size_t *ret_size)
{
    struct cmd_error error = { 0 };
    char *space = framer_space(client->framer, ret_size);

    if (space)
        return space;
    framer_give_up(client->framer, &error);
    dispatch_error(client, &error);
    return atomic_load(&client->gone) ? NULL : framer_space(client->framer, ret_size);
}

/* False: the client ended. */
static bool read_input(struct client *client)
{
    size_t size, len = 0;
    char *space = input_space(client, &size);

    if (!space) {
        log_err("session: no memory for input, the client is dropped");
        client_end(client);
        return false;
    }
    switch (endpoint_read(client->channel, client->fd, space, size, &len)) {
    case ENDPOINT_OK:
        framer_fed(client->framer, len);
        client->hang_up_at_ns = 0;
        /* A stream socket that gave less than asked for is empty (epoll(7)), but for its end. */
        client->readable = len == size || !client->owns_fd || client->closing;
        client->hung_up &= client->owns_fd;
        return true;
    case ENDPOINT_AGAIN:
        client->readable = false;
        client->eof = client->hung_up && !client->owns_fd; /* there is another host already */
        return true;
    case ENDPOINT_FAILED:
        client->failed = true;
        break;
    case ENDPOINT_HANGUP:
        if (wait_for_host(client))
            return true;
        break;
    }
    client->readable = false;
    client->eof = true;
    return true;
}

/* The peer has left, but what it sent is served to the end: stuck requests must not prevent it. */
static void forget_replies(struct client *client)
{
    window_abandon(client->window);
    client_replied(client, 0);
}

/* True: it is worth another turn. */
static bool read_and_serve(struct client *client)
{
    bool used_up = serve_input(client);

    if (used_up && client->eof) {
        end_if_served(client);
        return false;
    }
    if (used_up && client->readable) {
        if (!read_input(client))
            return false;
        used_up = serve_input(client);
    }
    /* The next host of a port must not wait for what holds this one's requests back, nor get its
     * replies. */
    if (!used_up && client->connected && !atomic_load(&client->gone) && peer_has_left(client))
        client_end(client);
    return used_up && (client->readable || client->eof);
}

bool client_turn(struct client *client)
{
    bool more;

    atomic_fetch_add(&client->refs, 1);
    client->now_left = NOW_BYTES_PER_TURN;
    if (client->hung_up && client->owns_fd)
        forget_replies(client);
    more = read_and_serve(client);
    if (client->unkicked > 0)
        kick(client);
    more = more && !atomic_load(&client->gone);
    client_unref(client);
    return more;
}

void client_check(struct client *client)
{
    if (client->hang_up_at_ns && now_ns() >= client->hang_up_at_ns)
        client->readable = true; /* and read_input() ends it, unless there is more */
    if (client->sync) {
        if (atomic_load(&client->session->unfinished) == 0)
            dispatch_sync(client);
        else if (now_ns() >= client->sync_deadline_ns)
            resync(client);
        else
            return;
    }
    loop_run_client(client);
}

int64_t client_deadline(const struct client *client)
{
    int64_t sync_ns = client->sync ? client->sync_deadline_ns : INT64_MAX;

    return client->hang_up_at_ns ? MIN_OF(sync_ns, client->hang_up_at_ns) : sync_ns;
}
