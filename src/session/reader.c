/*
 * session/reader.c - from a descriptor's bytes to messages, one turn after the other.
 *
 * Nothing is shared: all of struct reader belongs to the I/O thread. In a turn a client's input is
 * read once and served as far as it may be; replies that were made meanwhile go out at its end.
 */
#include "session/reader.h"

#include "base/log.h"
#include "base/now.h"
#include "io/channel.h"
#include "session/intake.h"
#include "session/output.h"
#include "session/resync.h"

#include <poll.h>
#include <sys/epoll.h>

/* A large request that waits for memory stops the reading behind it. */
#define WAITING_MAX_BYTES MIB

/* What the I/O thread reads and writes itself before it listens again (struct command, try_inline). */
#define INLINE_BYTES (512 * KIB)

/* How long a port may say that nobody is there although somebody has just written. */
#define HOST_GRACE_NS NSEC_PER_SEC

/* What the framer gave and nobody has served yet: a request, or an error to be answered. */
struct next_message {
    bool is_there;
    struct json_doc *doc;
    size_t doc_cost; /* what counts as input */
    struct cmd_error error;
};

struct reader {
    struct client client; /* first: it is freed with it */
    struct output output;
    struct resync resync;
    struct source source;
    struct intake intake;
    struct next_message next;
    bool readable;
    bool urgent;  /* there was out-of-band data, which ends a read early: read until it is empty */
    bool closing; /* the input ends behind what is there */
    bool hung_up; /* nobody listens; a port's host may come back */
    bool connected; /* a port: its host was seen to be there */
    bool eof;
    struct timer host_grace;
    int64_t host_by_ns; /* a port whose host was not seen: the end, unless it is by then; 0: none */
};

static struct reader *reader_of(struct client *client)
{
    return CONTAINER_OF(client, struct reader, client);
}

static struct service *service_of(const struct reader *reader)
{
    return reader->client.origin->service;
}

static void run_soon(struct reader *reader)
{
    loop_run_soon(service_of(reader)->loop, &reader->client.turn);
}

/* True while the next message must wait; what it waits for brings about another turn. */
static bool has_no_room(struct client *client)
{
    struct origin *origin = client->origin;

    if (client->session->waiting_bytes > WAITING_MAX_BYTES ||
        client_wait_for_room(client, client->max_requests - 1))
        return true;
    if (!budget_over(origin->budget, &client->session->inline_share) &&
        !(client_unsent(client) >= CALLS_FREE && budget_is_full(origin->budget)))
        return false;
    client_hold(client);
    return true;
}

/* A sync passes: it may be what ends the waiting. */
static bool is_held_back(struct reader *reader)
{
    struct client *client = &reader->client;

    if (!has_no_room(client))
        return false;
    return atomic_load(&client->session->unfinished) == 0 ||
           client_unsent(client) > client->max_requests || !reader->next.doc ||
           !dispatch_is_sync(reader->next.doc);
}

/* The framer's error, or a message that was given up. */
static void keep_error(struct reader *reader)
{
    intake_settle(&reader->intake, true);
    reader->next.is_there = true;
}

static void keep_message(struct reader *reader)
{
    struct next_message *next = &reader->next;

    next->doc_cost = intake_count_doc(&reader->intake, next->doc);
    intake_settle(&reader->intake, true);
    next->is_there = true;
}

/* Sees to it that the next message is there. False: all input is used up, or waits for memory. */
static bool fetch_next(struct reader *reader)
{
    struct next_message *next = &reader->next;

    while (!next->is_there) {
        switch (framer_next(reader->intake.framer, &next->doc, &next->error)) {
        case FRAME_MORE:
            intake_settle(&reader->intake, false);
            return false;
        case FRAME_MESSAGE:
            keep_message(reader);
            break;
        case FRAME_ERROR:
            keep_error(reader);
            break;
        case FRAME_NEEDS_ROOM:
            if (!intake_make_room(&reader->intake, &next->error))
                return false;
            if (next->error.text)
                keep_error(reader);
            break;
        }
    }
    return true;
}

/* 0 or -ENOMEM. */
static int serve_next(struct reader *reader)
{
    struct next_message next = reader->next;
    struct call *sync = NULL;
    int r;

    reader->next = (struct next_message){ 0 };
    if (!next.doc)
        return dispatch_error(&reader->client, &next.error);
    r = dispatch_message(&reader->client, next.doc, next.doc_cost, &sync);
    if (r == 1)
        framer_wipe(reader->intake.framer);
    if (sync)
        resync_begin(&reader->resync, sync);
    return r;
}

/* Serves what has been read: true when all of it was used up. */
static bool serve_input(struct reader *reader)
{
    while (!resync_is_waiting(&reader->resync) && !service_of(reader)->stopping) {
        if (!fetch_next(reader))
            return !reader->intake.waits;
        if (is_held_back(reader))
            return false;
        if (serve_next(reader) < 0) {
            reader_end(&reader->client);
            return false;
        }
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
    if (client->owns_fd && client_unsent(client) > 0 && !peer_has_left(client) &&
        client_wait_for_room(client, 0))
        return;
    reader_end(client);
}

/* A host's first bytes may be there before the kernel notes that the host is (they come in different
 * queues of virtio-serial), and then the port still says that it is hung up. So the session of a host
 * that was not seen yet ends only if it is not seen for a while. */
static bool wait_for_host(struct reader *reader)
{
    if (reader->client.owns_fd || reader->connected)
        return false;
    reader->readable = reader->hung_up = false;
    if (reader->host_by_ns == 0) {
        reader->host_by_ns = now_ns() + HOST_GRACE_NS;
        loop_set_timer(service_of(reader)->loop, &reader->host_grace, reader->host_by_ns);
    }
    return now_ns() < reader->host_by_ns;
}

/* Reading once more ends the session, unless there is something. */
static void host_grace_over(struct timer *timer)
{
    struct reader *reader = CONTAINER_OF(timer, struct reader, host_grace);

    reader->readable = true;
    run_soon(reader);
}

static void host_is_there(struct reader *reader)
{
    loop_clear_timer(service_of(reader)->loop, &reader->host_grace);
    reader->host_by_ns = 0;
}

/* Where to read to. Without memory the message that comes in is answered with an error. NULL: it waits
 * for memory, or not even that is possible. */
static char *input_space(struct reader *reader, size_t *ret_size)
{
    struct framer *framer = reader->intake.framer;
    struct cmd_error error = { 0 };
    char *space;

    while (!(space = framer_space(framer, ret_size))) {
        if (!intake_make_room(&reader->intake, &error))
            return NULL;
        if (!error.text)
            continue;
        return dispatch_error(&reader->client, &error) < 0 ? NULL : framer_space(framer, ret_size);
    }
    return space;
}

static void took(struct reader *reader, size_t len, bool there_may_be_more)
{
    bool is_socket = reader->client.owns_fd;

    framer_fed(reader->intake.framer, len);
    host_is_there(reader);
    reader->readable = there_may_be_more || !is_socket || reader->closing;
    reader->hung_up &= is_socket;
}

/* False: the client ended. */
static bool read_input(struct reader *reader)
{
    struct client *client = &reader->client;
    size_t size, len = 0;
    bool cut = false;
    char *space = input_space(reader, &size);

    if (!space && reader->intake.waits)
        return true;
    if (!space) {
        log_err("session: no memory for input, the client is dropped");
        reader_end(client);
        return false;
    }
    switch (endpoint_read(client->channel, client->fd, space, size, &len, &cut)) {
    case ENDPOINT_OK:
        /* A stream socket that gave less than asked for is empty (epoll(7)), but for its end. */
        took(reader, len, len == size || cut || reader->urgent);
        return true;
    case ENDPOINT_AGAIN:
        reader->readable = false;
        reader->eof = reader->hung_up && !client->owns_fd; /* there is another host already */
        return true;
    case ENDPOINT_FAILED:
        client->failed = true;
        break;
    case ENDPOINT_HANGUP:
        if (wait_for_host(reader))
            return true;
        break;
    }
    reader->readable = false;
    reader->eof = true;
    return true;
}

/* The peer has left, but what it sent is served to the end: stuck requests must not prevent it. */
static void forget_replies(struct client *client)
{
    window_abandon(client->window);
    output_replied(client, 0);
}

/* True: it is worth another turn. */
static bool read_and_serve(struct reader *reader)
{
    struct client *client = &reader->client;
    bool used_up;

    reader->intake.waits = false;
    used_up = serve_input(reader);
    if (used_up && reader->eof) {
        end_if_served(client);
        return false;
    }
    if (used_up && reader->readable) {
        if (!read_input(reader))
            return false;
        used_up = serve_input(reader) && !reader->intake.waits;
    }
    /* The next host of a port must not wait for what holds this one's requests back, nor get its
     * replies. */
    if (!used_up && reader->connected && !atomic_load(&client->gone) && peer_has_left(client))
        reader_end(client);
    return used_up && (reader->readable || reader->eof);
}

static void take_turn(struct task *task)
{
    struct client *client = CONTAINER_OF(task, struct client, turn);
    struct reader *reader = reader_of(client);

    client->inline_left = INLINE_BYTES;
    resync_check(&reader->resync);
    if (reader->hung_up && client->owns_fd)
        forget_replies(client);
    if (read_and_serve(reader) && !atomic_load(&client->gone))
        run_soon(reader);
    output_flush(client);
}

/* Any of what the client may wait for; once its descriptor is out of use, that is all that counts. */
static void changed(struct notice *notice)
{
    struct client *client = CONTAINER_OF(notice, struct client, changed);

    if (!atomic_load(&client->gone)) {
        run_soon(reader_of(client));
    } else if (client->ended && atomic_load_explicit(&client->closed, memory_order_acquire)) {
        client->ended(client);
        client->ended = NULL;
        client_unref(client); /* the I/O thread's */
    }
    client_unref(client); /* the notifier's */
}

static void socket_ready(struct source *source, uint32_t events)
{
    struct reader *reader = CONTAINER_OF(source, struct reader, source);

    if (!(events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
        return;
    reader->readable = true;
    reader->urgent |= (events & EPOLLPRI) != 0;
    reader->closing |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    reader->hung_up |= (events & EPOLLHUP) != 0;
    run_soon(reader);
}

int reader_watch(struct client *client)
{
    struct reader *reader = reader_of(client);

    reader->readable = true;
    run_soon(reader);
    return loop_add(service_of(reader)->loop, client->fd,
                    endpoint_events(client->channel) | EPOLLPRI | EPOLLET, &reader->source);
}

void reader_event(struct client *client, unsigned events)
{
    struct reader *reader = reader_of(client);

    if (events & READER_HOST) {
        reader->connected = true;
        host_is_there(reader);
    }
    if ((events & READER_HUNG_UP) && reader->connected)
        reader->hung_up = true;
    if (!(events & READER_INPUT))
        return;
    reader->readable = true;
    run_soon(reader);
}

struct client *reader_new(struct origin *origin, struct channel *channel, int fd, bool owns_fd,
                          void (*ended)(struct client *client), void *owner)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    struct client *client;

    if (!reader)
        return NULL;
    client = &reader->client;
    client->channel = channel;
    client->fd = fd;
    client->owns_fd = owns_fd;
    if (owns_fd)
        client->peer = peer_of(fd);
    client->turn.run = take_turn;
    client->changed.deliver = changed;
    client->ended = ended;
    client->owner = owner;
    reader->source.ready = socket_ready;
    reader->host_grace.fire = host_grace_over;
    output_init(&reader->output, client);
    resync_init(&reader->resync, client);
    if (client_init(client, origin) == 0 &&
        intake_init(&reader->intake, client, origin->max_message_size) == 0)
        client->session = session_new(client);
    if (!client->session) {
        intake_done(&reader->intake);
        client_unref(client);
        return NULL;
    }
    client_join(client);
    return client;
}

void reader_end(struct client *client)
{
    struct reader *reader = reader_of(client);
    struct loop *loop = service_of(reader)->loop;

    if (atomic_load(&client->gone))
        return;
    if (client->owns_fd)
        loop_remove(loop, client->fd, &reader->source);
    loop_cancel(loop, &client->turn);
    loop_clear_timer(loop, &reader->host_grace);
    intake_done(&reader->intake);
    budget_adjust_input(client->origin->budget, reader->next.doc_cost, 0);
    json_doc_free(reader->next.doc);
    cmd_error_done(&reader->next.error);
    atomic_store(&client->gone, true);
    resync_end(&reader->resync);
    client_leave(client);
    session_close(TAKE_PTR(client->session));
    output_end(client);
}
