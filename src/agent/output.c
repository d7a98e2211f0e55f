/*
 * agent/output.c - the write token, and the writer thread that waits for slow clients.
 *
 *   field         written by                     read by          order, and what it buys
 *   kicks         kickers: add; holder: CAS to 0 kickers, holder  acq_rel: the next holder sees
 * what the last one left in struct output, and the holder what kickers made ready output.*      the
 * token's holder             the holder       plain: ordered by kicks client.closed the holder:
 * release            I/O: acquire     the descriptor is out of use output.broken the holder the
 * holder       plain: what comes is dropped; the end of the input tells the I/O thread
 *
 * The token travels to the writer thread through epoll_ctl(2) and epoll_wait(2), which the kernel
 * orders; ThreadSanitizer knows both.
 */
#include "agent/output.h"

#include "agent/client.h"
#include "agent/dispatch.h"
#include "base/fdio.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum drain_result { DRAINED, BLOCKED };

struct writer {
    int epoll_fd;
    int stop_fd;
    pthread_t thread;
};

/* The window's reference ends: the reply was sent, or nobody wants it. */
static void release_call(struct client *client, struct call *call)
{
    call_unref(call);
    atomic_fetch_sub(&client->unsent, 1);
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
        release_call(client, output->sending[output->first++]);
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
        release_call(client, output->sending[output->first++]);
    }
    if (output->first == output->count)
        output->first = output->count = 0;
}

static void write_failed(struct client *client)
{
    client->output.broken = true;
    drop_batch(client);
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
            return BLOCKED;
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
        atomic_load(&client->unsent) <= window_capacity(client->window) / 2 &&
        atomic_exchange(&client->wants_room, false))
        agent_kick(client->agent);
}

/* Puts the client before the writer thread, which then has the token. On success the caller
 * must not touch the output any more. */
static bool watch(struct client *client)
{
    struct epoll_event event = { .events = EPOLLOUT | EPOLLET, .data.ptr = client };

    if (client->output.watched)
        return true;
    client->output.watched = true;
    atomic_fetch_add(&client->refs, 1);
    if (epoll_ctl(client->agent->writer->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) == 0)
        return true;
    client->output.watched = false;
    client_unref(client);
    return false;
}

static void unwatch(struct client *client)
{
    if (!client->output.watched)
        return;
    client->output.watched = false;
    epoll_ctl(client->agent->writer->epoll_fd, EPOLL_CTL_DEL, client->fd, NULL);
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
            if (watch(client))
                return;
            write_failed(client);
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

void output_poke(struct client *client)
{
    struct epoll_event event = { .events = EPOLLOUT | EPOLLET, .data.ptr = client };

    /* Looks at the descriptor anew: a hang-up that is there already counts as an event. ENOENT
     * means that the writer thread does not hold the token. */
    epoll_ctl(client->agent->writer->epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
}

static void serve_watched(struct client *client)
{
    atomic_fetch_add(&client->refs, 1);
    run_with_token(client);
    client_unref(client);
}

static void *writer_main(void *arg)
{
    struct writer *writer = arg;
    struct epoll_event event;
    bool stopping = false;

    /* At the end whoever was ended meanwhile is let go. */
    while (!stopping || epoll_wait(writer->epoll_fd, &event, 1, 0) == 1) {
        if (!stopping && epoll_wait(writer->epoll_fd, &event, 1, -1) != 1)
            continue;
        if (event.data.ptr)
            serve_watched(event.data.ptr);
        else
            stopping = true;
    }
    return NULL;
}

static struct writer *writer_free(struct writer *writer)
{
    fd_close(writer->epoll_fd);
    fd_close(writer->stop_fd);
    free(writer);
    return NULL;
}

struct writer *writer_start(void)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET };
    struct writer *writer = calloc(1, sizeof(*writer));

    if (!writer)
        return NULL;
    writer->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    writer->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (writer->epoll_fd < 0 || writer->stop_fd < 0 ||
        epoll_ctl(writer->epoll_fd, EPOLL_CTL_ADD, writer->stop_fd, &event) < 0 ||
        pthread_create(&writer->thread, NULL, writer_main, writer) != 0)
        return writer_free(writer);
    return writer;
}

struct writer *writer_stop(struct writer *writer)
{
    uint64_t one = 1;

    if (!writer)
        return NULL;
    fd_write_all(writer->stop_fd, &one, sizeof(one));
    PTOK(pthread_join(writer->thread, NULL));
    return writer_free(writer);
}
