/*
 * session/output.c - the write token.
 *
 *   field         written by                     read by          order, and what it buys
 *   kicks         kickers: add; holder: CAS to 0 kickers, holder  acq_rel: the next holder sees what
 *                                                                 the last one left in struct output,
 *                                                                 and what kickers made ready
 *   output.*      the token's holder             the holder       plain: ordered by kicks
 *   call.reply,   until READY its runner, then   the same         plain: handed over by ticket.state
 *   call.cost     the holder
 *   unkicked*     I/O thread                     I/O thread       plain: never shared
 */
#include "session/output.h"

#include "base/error.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/uninitialized.h"
#include "io/channel.h"
#include "session/call.h"

#include <errno.h>
#include <sys/socket.h>

/* What the kernel may keep of a reply that goes out alone; with its own overhead twice as much. */
#define LONE_ROOM_BYTES (512 * KIB)

/* Replies of a turn go out together, but not so many that the host would have nothing to do while
 * the rest is made. */
#define KICK_REPLIES 32
#define KICK_BYTES   (16 * KIB)

enum drain_result { DRAINED, BLOCKED };

/* The window's reference ends: the reply was sent, or nobody wants it. */
static void release_call(struct client *client, struct call *call)
{
    call_unref(call);
    client_reply_left(client);
}

/* The holder of the token has the reply; a worker may keep the call a while longer. */
static void release_sent(struct client *client, struct call *call)
{
    call_drop_reply(call);
    release_call(client, call);
}

/* Moves ready replies from the window into the batch. */
static void fill_batch(struct client *client)
{
    struct output *output = client->output;
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
    struct output *output = client->output;

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
    struct output *output = client->output;

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
    client->output->broken = true;
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
    struct output *output = client->output;
    bool is_alone = client_unsent(client) == output->count - output->first;

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
    struct output *output = client->output;
    UNINITIALIZED struct iovec iov[OUTPUT_BATCH];

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
static void report_space(struct client *client)
{
    if (atomic_load(&client->wants_space) && client_unsent(client) <= client->max_requests / 2 &&
        atomic_exchange(&client->wants_space, false))
        client_notify(client);
}

static void close_output(struct client *client)
{
    if (client->owns_fd)
        fd_close(client->fd);
    atomic_store_explicit(&client->closed, true, memory_order_release);
    client_notify(client);
}

/* Sends all that is ready, or drops it when nobody is there. */
static enum drain_result drain(struct client *client)
{
    for (;;) {
        fill_batch(client);
        report_space(client);
        if (client->output->count == 0)
            return DRAINED;
        if (atomic_load(&client->gone) || client->output->broken)
            drop_batch(client);
        else if (send_batch(client) == BLOCKED)
            return BLOCKED;
    }
}

/* With the token: until nothing is ready, or the client takes no more and the token has gone to the
 * writer thread. The caller holds a reference. */
static void run_with_token(struct client *client)
{
    struct writer *writer = client->origin->service->writer;
    unsigned seen = atomic_load_explicit(&client->output->kicks, memory_order_acquire);

    for (;;) {
        if (drain(client) == BLOCKED) {
            int r = writer_watch(writer, &client->output->watched);

            if (r > 0)
                return;
            if (r < 0)
                give_up(client, r);
            continue;
        }
        writer_unwatch(writer, &client->output->watched);
        if (atomic_load(&client->gone) && !atomic_load(&client->closed))
            close_output(client);
        if (atomic_compare_exchange_strong_explicit(&client->output->kicks, &seen, 0,
                                                    memory_order_acq_rel, memory_order_acquire))
            return;
    }
}

void output_kick(struct client *client)
{
    if (atomic_fetch_add_explicit(&client->output->kicks, 1, memory_order_acq_rel) == 0)
        run_with_token(client);
}

void output_serve(struct watched *watched)
{
    run_with_token(watched->client);
}

void output_flush(struct client *client)
{
    struct output *output = client->output;

    if (output->unkicked == 0)
        return;
    output->unkicked = 0;
    output->unkicked_bytes = 0;
    output_kick(client);
}

void output_replied(struct client *client, size_t bytes)
{
    struct output *output = client->output;

    output->unkicked++;
    output->unkicked_bytes += bytes;
    if (output->unkicked >= KICK_REPLIES || output->unkicked_bytes >= KICK_BYTES)
        output_flush(client);
}

void output_end(struct client *client)
{
    atomic_store(&client->gone, true);
    output_kick(client);
    /* The writer thread may hold the token. */
    if (!atomic_load_explicit(&client->closed, memory_order_acquire))
        writer_wake(client->origin->service->writer);
}

void output_init(struct output *output, struct client *client)
{
    output->watched.client = client;
    client->output = output;
}
