/*
 * agent/output.c - the write token, and the writer thread that waits for slow clients.
 *
 *   field         written by                     read by          order, and what it buys
 *   kicks         kickers: add; holder: CAS to 0 kickers, holder  acq_rel: the next holder sees what
 *                                                                 the last one left in struct output,
 *                                                                 and what kickers made ready
 *   output.*      the token's holder             the holder       plain: ordered by kicks
 *   client.closed the holder: release            I/O: acquire     the descriptor is out of use
 *   call.reply,   until READY its runner, then   the same         plain: handed over by ticket.state
 *   call.cost     the holder
 *
 *   client.gone   I/O thread                     the holder       seq_cst; with the writer's lock:
 *                                                                 whoever gives the token to the
 *                                                                 writer sees it, or the writer does
 *
 *   watched list  whoever has the token          the writer       writer.lock
 *   stopping      main, at the end               the writer       seq_cst with the wake-up behind it
 *
 * The token travels to the writer thread through epoll_ctl(2) and epoll_wait(2), which the kernel
 * orders (ThreadSanitizer knows both), or through its list, by the lock.
 */
#include "agent/output.h"

#include "agent/call.h"
#include "agent/client.h"
#include "base/fdio.h"
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the kernel may keep of a reply that goes out alone; with its own overhead twice as much. */
#define LONE_ROOM_BYTES (512 * KIB)

enum drain_result { DRAINED, BLOCKED };

struct writer {
    int epoll_fd;
    int wake_fd; /* some client is gone, or the writer shall stop */
    _Atomic bool stopping;
    pthread_t thread;
    pthread_mutex_t lock; /* held alone */
    struct client_list watched;
};

/* The window's reference ends: the reply was sent, or nobody wants it. */
static void release_call(struct client *client, struct call *call)
{
    call_unref(call);
    atomic_fetch_sub(&client->unsent, 1);
}

/* The holder of the token has the reply; a worker may keep the call a while longer. */
static void release_sent(struct client *client, struct call *call)
{
    buf_done(&call->reply);
    budget_give(&client->agent->budget, call->share, call->cost);
    call->cost = 0;
    release_call(client, call);
}

/* Moves ready replies from the window into the batch. */
static void fill_batch(struct client *client)
{
    struct output *output = &client->output;
    struct ticket *ticket;

    while (output->count < OUTPUT_BATCH) {
        enum window_head head = window_next(client->window, &ticket);
        struct call *call;

        if (head == WINDOW_EMPTY || head == WINDOW_PENDING)
            return;
        call = CONTAINER_OF(ticket, struct call, ticket);
        if (head == WINDOW_READY && call->reply.len > 0)
            output->sending[output->count++] = call;
        else
            release_call(client, call);
    }
}

static void drop_batch(struct client *client)
{
    struct output *output = &client->output;

    while (output->first < output->count)
        release_sent(client, output->sending[output->first++]);
    output->first = output->count = 0;
    output->offset = 0;
}

static int batch_iov(const struct output *output, struct iovec iov[OUTPUT_BATCH])
{
    int n = 0;

    for (unsigned i = output->first; i < output->count; i++, n++) {
        const struct buf *reply = &output->sending[i]->reply;
        size_t skip = n == 0 ? output->offset : 0;

        iov[n] = (struct iovec){ .iov_base = reply->data + skip, .iov_len = reply->len - skip };
    }
    return n;
}

/* `len` bytes of the batch were taken. */
static void batch_sent(struct client *client, size_t len)
{
    struct output *output = &client->output;

    output->offset += len;
    while (output->first < output->count &&
           output->offset >= output->sending[output->first]->reply.len) {
        output->offset -= output->sending[output->first]->reply.len;
        release_sent(client, output->sending[output->first++]);
    }
    if (output->first == output->count)
        output->first = output->count = 0;
}

static void write_failed(struct client *client)
{
    client->output.broken = true;
    drop_batch(client);
}

/* Nobody can wait for the client: a socket's end of input ends it, too. */
static void give_up(struct client *client, int error)
{
    log_err("session: cannot wait for a client that does not read, its replies are dropped: %s",
            err_text(error));
    if (client->owns_fd)
        shutdown(client->fd, SHUT_RDWR);
    write_failed(client);
}

/* A long reply that goes out alone gets more room in the kernel, so that its sender and its reader
 * need not wake each other for each piece. Beside others it would only spill the cache. True when there
 * is more room now. */
static bool make_room(struct client *client)
{
    struct output *output = &client->output;
    bool is_alone = atomic_load(&client->unsent) == output->count - output->first;

    if (is_alone == (output->usual_room > 0))
        return false;
    if (is_alone) {
        output->usual_room = endpoint_set_room(client->channel, client->fd, LONE_ROOM_BYTES);
        return output->usual_room > 0;
    }
    endpoint_set_room(client->channel, client->fd, output->usual_room);
    output->usual_room = 0;
    return false;
}

static enum drain_result send_batch(struct client *client)
{
    struct output *output = &client->output;
    struct iovec iov[OUTPUT_BATCH];

    while (output->first < output->count) {
        size_t len = 0;

        switch (endpoint_write(client->channel, client->fd, iov, batch_iov(output, iov), &len)) {
        case ENDPOINT_OK:
            batch_sent(client, len);
            break;
        case ENDPOINT_AGAIN:
            if (!make_room(client))
                return BLOCKED;
            break;
        case ENDPOINT_HANGUP:
        case ENDPOINT_FAILED:
            write_failed(client);
            break;
        }
    }
    return DRAINED;
}

/* The I/O thread waits for room in the window, or for the last reply to leave. */
static void tell_room(struct client *client)
{
    if (atomic_load(&client->wants_room) &&
        atomic_load(&client->unsent) <= client->agent->config->max_requests / 2 &&
        atomic_exchange(&client->wants_room, false))
        agent_kick(client->agent);
}

static int watch_locked(struct writer *writer, struct client *client)
{
    struct epoll_event event = { .events = EPOLLOUT | EPOLLET, .data.ptr = client };

    /* The writer may have looked for those who are gone already. */
    if (atomic_load(&client->gone))
        return 0;
    client->output.watched = true;
    if (epoll_ctl(writer->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) < 0) {
        client->output.watched = false;
        return -errno;
    }
    atomic_fetch_add(&client->refs, 1);
    TAILQ_INSERT_TAIL(&writer->watched, client, watched_link);
    return 1;
}

/* Puts the client before the writer thread. 1: that has the token now, and the caller must not touch
 * the output any more; 0: the client is gone; -errno. */
static int watch(struct client *client)
{
    struct writer *writer = client->agent->writer;
    int r;

    if (client->output.watched)
        return 1;
    PTOK(pthread_mutex_lock(&writer->lock));
    r = watch_locked(writer, client);
    PTOK(pthread_mutex_unlock(&writer->lock));
    return r;
}

static void unwatch(struct client *client)
{
    struct writer *writer = client->agent->writer;

    if (!client->output.watched)
        return;
    PTOK(pthread_mutex_lock(&writer->lock));
    client->output.watched = false;
    TAILQ_REMOVE(&writer->watched, client, watched_link);
    epoll_ctl(writer->epoll_fd, EPOLL_CTL_DEL, client->fd, NULL);
    PTOK(pthread_mutex_unlock(&writer->lock));
    client_unref(client);
}

static void close_output(struct client *client)
{
    unwatch(client);
    if (client->owns_fd)
        fd_close(client->fd);
    atomic_store_explicit(&client->closed, true, memory_order_release);
    agent_kick(client->agent);
}

/* Sends all that is ready, or drops it when nobody is there. */
static enum drain_result drain(struct client *client)
{
    for (;;) {
        fill_batch(client);
        tell_room(client);
        if (client->output.count == 0)
            return DRAINED;
        if (atomic_load(&client->gone) || client->output.broken)
            drop_batch(client);
        else if (send_batch(client) == BLOCKED)
            return BLOCKED;
    }
}

/* With the token: until nothing is ready, or the client takes no more and the token has gone to the
 * writer thread. The caller holds a reference. */
static void run_with_token(struct client *client)
{
    unsigned seen = atomic_load_explicit(&client->output.kicks, memory_order_acquire);

    for (;;) {
        if (drain(client) == BLOCKED) {
            int r = watch(client);

            if (r > 0)
                return;
            if (r < 0)
                give_up(client, r);
            continue;
        }
        unwatch(client);
        if (atomic_load(&client->gone) && !atomic_load(&client->closed))
            close_output(client);
        if (atomic_compare_exchange_strong_explicit(&client->output.kicks, &seen, 0,
                                                    memory_order_acq_rel, memory_order_acquire))
            return;
    }
}

void output_kick(struct client *client)
{
    if (atomic_fetch_add_explicit(&client->output.kicks, 1, memory_order_acq_rel) == 0)
        run_with_token(client);
}

static void writer_wake(struct writer *writer)
{
    const uint64_t one = 1;

    fd_write_all(writer->wake_fd, &one, sizeof(one));
}

void output_poke(struct client *client)
{
    if (!atomic_load_explicit(&client->closed, memory_order_acquire))
        writer_wake(client->agent->writer);
}

static void serve_watched(struct client *client)
{
    atomic_fetch_add(&client->refs, 1);
    run_with_token(client);
    client_unref(client);
}

/* Whoever is in the list has given its token away. */
static struct client *find_gone(struct writer *writer)
{
    struct client *client;

    PTOK(pthread_mutex_lock(&writer->lock));
    TAILQ_FOREACH (client, &writer->watched, watched_link)
        if (atomic_load(&client->gone))
            break;
    PTOK(pthread_mutex_unlock(&writer->lock));
    return client;
}

static void let_gone_go(struct writer *writer)
{
    struct client *client;

    while ((client = find_gone(writer)))
        serve_watched(client);
}

static void *writer_main(void *arg)
{
    struct writer *writer = arg;
    struct epoll_event event;

    while (!atomic_load(&writer->stopping)) {
        if (epoll_wait(writer->epoll_fd, &event, 1, -1) != 1)
            continue;
        if (event.data.ptr)
            serve_watched(event.data.ptr);
        else
            let_gone_go(writer);
    }
    let_gone_go(writer);
    return NULL;
}

static struct writer *writer_free(struct writer *writer)
{
    fd_close(writer->epoll_fd);
    fd_close(writer->wake_fd);
    PTOK(pthread_mutex_destroy(&writer->lock));
    free(writer);
    return NULL;
}

struct writer *writer_start(void)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET };
    struct writer *writer = calloc(1, sizeof(*writer));

    if (!writer)
        return NULL;
    PTOK(pthread_mutex_init(&writer->lock, NULL));
    TAILQ_INIT(&writer->watched);
    writer->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    writer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (writer->epoll_fd < 0 || writer->wake_fd < 0 ||
        epoll_ctl(writer->epoll_fd, EPOLL_CTL_ADD, writer->wake_fd, &event) < 0 ||
        pthread_create(&writer->thread, NULL, writer_main, writer) != 0)
        return writer_free(writer);
    return writer;
}

struct writer *writer_stop(struct writer *writer)
{
    if (!writer)
        return NULL;
    atomic_store(&writer->stopping, true);
    writer_wake(writer);
    PTOK(pthread_join(writer->thread, NULL));
    return writer_free(writer);
}
