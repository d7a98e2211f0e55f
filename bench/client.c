/*
 * bench/client.c - requests go out as slices of static text, replies are judged in a small buffer.
 *
 * The texts of the slots stand behind each other in the arena, so that a burst of small requests is
 * one piece of a sendmsg. A reply's payload never becomes a line: when the key has been seen, what
 * follows is compared with the pattern where it was received.
 */
#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX    256u /* of a request, but for its payload */
#define IN_SIZE     (256 * KIB)
#define PIECES_MAX  64
#define PAYLOAD_KEY "\"buf-b64\": \""

uint64_t clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

int client_fail(struct client *client, const char *format, ...)
{
    va_list args;

    if (client->error[0] == '\0') {
        va_start(args, format);
        vsnprintf(client->error, sizeof(client->error), format, args);
        va_end(args);
    }
    return -1;
}

static int connect_to(struct client *client, const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct timeval second = { .tv_sec = 1 };

    if (strlen(path) >= sizeof(addr.sun_path))
        return client_fail(client, "the path '%s' is too long", path);
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return client_fail(client, "socket: error %d", errno);
    if (connect(client->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        return client_fail(client, "cannot connect to '%s': error %d", path, errno);
    /* A waiting receive comes back now and then, so that its caller can look at the time. */
    if (setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)) < 0)
        return client_fail(client, "setsockopt: error %d", errno);
    return 0;
}

int client_open(struct client *client, const char *path, unsigned depth)
{
    uint64_t slots = 4;

    while (slots < depth)
        slots *= 2;
    *client = (struct client){ .fd = -1, .next_id = CLIENT_FIRST_ID, .mask = slots - 1 };
    client->slots = calloc(slots, sizeof(*client->slots));
    client->arena_size = (slots + 2) * TEXT_MAX;
    client->arena = malloc(client->arena_size);
    client->in = malloc(IN_SIZE);
    if (!client->slots || !client->arena || !client->in)
        return client_fail(client, "out of memory");
    return connect_to(client, path);
}

void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    free(client->slots);
    free(client->arena);
    free(client->in);
    *client = (struct client){ .fd = -1 };
}

struct slot *client_slot(struct client *client)
{
    struct slot *slot;

    if (client->pushed - client->taken > client->mask)
        return NULL;
    if (client->arena_size - client->arena_pos < TEXT_MAX)
        client->arena_pos = 0;
    slot = &client->slots[client->pushed & client->mask];
    *slot = (struct slot){ .id = client->next_id, .text = client->arena + client->arena_pos };
    return slot;
}

void client_text(struct slot *slot, const char *text)
{
    size_t len = strlen(text);

    assert(slot->text_len + len <= TEXT_MAX);
    memcpy(slot->text + slot->text_len, text, len);
    slot->text_len += len;
}

void client_number(struct slot *slot, int64_t number)
{
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    char digits[24];
    size_t at = sizeof(digits) - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        digits[--at] = '-';
    client_text(slot, digits + at);
}

void client_tail(struct slot *slot, const char *before_id)
{
    if (slot->sends_payload)
        slot->head_len = slot->text_len;
    client_text(slot, before_id);
    client_text(slot, ",\"id\":");
    client_number(slot, (int64_t)slot->id);
    client_text(slot, "}\n");
    if (!slot->sends_payload)
        slot->head_len = slot->text_len;
}

void client_push(struct client *client, struct slot *slot, uint64_t now_ns)
{
    slot->sent_ns = now_ns;
    client->arena_pos += slot->text_len;
    client->next_id++;
    client->pushed++;
    client->in_flight += slot->counted;
}

/* What is to be sent, as pieces for sendmsg. */
struct pieces {
    struct iovec iov[PIECES_MAX];
    size_t count;
};

/* False if there is no room; a piece that goes on where the last one ended needs none. */
static bool pieces_add(struct pieces *pieces, const char *data, size_t len)
{
    struct iovec *last = pieces->count > 0 ? &pieces->iov[pieces->count - 1] : NULL;

    if (last && (const char *)last->iov_base + last->iov_len == data) {
        last->iov_len += len;
        return true;
    }
    if (pieces->count == PIECES_MAX)
        return false;
    pieces->iov[pieces->count].iov_base = (void *)(uintptr_t)data; /* sendmsg only reads */
    pieces->iov[pieces->count++].iov_len = len;
    return true;
}

/* All that is left of one request. False if it does not fit. */
static bool pieces_of_slot(struct pieces *pieces, const struct slot *slot, size_t text_pos,
                           size_t payload_pos)
{
    size_t payload_len = slot->sends_payload ? slot->payload.text_len : 0;

    if (text_pos < slot->head_len &&
        !pieces_add(pieces, slot->text + text_pos, slot->head_len - text_pos))
        return false;
    while (payload_pos < payload_len) {
        size_t len;
        const char *piece = payload_piece(&slot->payload, payload_pos, &len);

        if (!pieces_add(pieces, piece, len))
            return false;
        payload_pos += len;
    }
    text_pos = MAX_OF(text_pos, slot->head_len);
    return text_pos == slot->text_len ||
           pieces_add(pieces, slot->text + text_pos, slot->text_len - text_pos);
}

/* Counts `sent` bytes off, slot by slot. */
static void advance_part(size_t *position, size_t end, size_t *sent)
{
    size_t n = MIN_OF(end - *position, *sent);

    *position += n;
    *sent -= n;
}

static void advance(struct client *client, size_t sent)
{
    while (client->sending < client->pushed) {
        struct slot *slot = &client->slots[client->sending & client->mask];

        if (client->sent_text < slot->head_len)
            advance_part(&client->sent_text, slot->head_len, &sent);
        if (client->sent_text >= slot->head_len) {
            if (slot->sends_payload)
                advance_part(&client->sent_payload, slot->payload.text_len, &sent);
            if (!slot->sends_payload || client->sent_payload == slot->payload.text_len)
                advance_part(&client->sent_text, slot->text_len, &sent);
        }
        if (client->sent_text < slot->text_len)
            return;
        client->sending++;
        client->sent_text = 0;
        client->sent_payload = 0;
    }
}

int client_flush(struct client *client)
{
    while (client->sending < client->pushed) {
        struct pieces pieces = { .count = 0 };
        struct msghdr msg = { .msg_iov = pieces.iov };
        uint64_t i = client->sending;
        size_t text_pos = client->sent_text, payload_pos = client->sent_payload;
        ssize_t n;

        while (i < client->pushed &&
               pieces_of_slot(&pieces, &client->slots[i & client->mask], text_pos, payload_pos)) {
            text_pos = 0;
            payload_pos = 0;
            i++;
        }
        msg.msg_iovlen = pieces.count;
        n = sendmsg(client->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (n < 0)
            return client_fail(client, "sending failed: error %d", errno);
        advance(client, (size_t)n);
    }
    return 1;
}

/* A whole reply without its payload: the id has to be the oldest request's. */
static int take_line(struct client *client, client_reply_fn reply, void *ctx)
{
    struct slot *slot = &client->slots[client->taken & client->mask];
    char expected[64];
    size_t len;

    client->line[client->line_len] = '\0';
    len = (size_t)snprintf(expected, sizeof(expected), ", \"id\": %llu}",
                           (unsigned long long)slot->id);
    if (client->line_len < len || memcmp(client->line + client->line_len - len, expected, len) != 0)
        return client_fail(client, "the reply to %llu is '%.150s'", (unsigned long long)slot->id,
                           client->line);
    if (slot->payload.text_len > 0 && !slot->sends_payload &&
        client->compared < slot->payload.text_len)
        return client_fail(client, "no payload in the reply '%.150s'", client->line);
    client->taken++;
    client->in_flight -= slot->counted;
    len = client->line_len;
    client->line_len = 0;
    client->compared = 0;
    return reply(ctx, client, slot, client->line, len);
}

/* Compares a piece of the payload: how much of the data was used, or -1. */
static ssize_t compare(struct client *client, const char *data, size_t len)
{
    struct slot *slot = &client->slots[client->taken & client->mask];
    size_t n;
    const char *expected = payload_piece(&slot->payload, client->compared, &n);

    n = MIN_OF(n, len);
    if (memcmp(data, expected, n) != 0)
        return client_fail(client, "wrong payload at character %zu to %zu of the reply to %llu",
                           client->compared, client->compared + n, (unsigned long long)slot->id);
    client->compared += n;
    client->comparing = client->compared < slot->payload.text_len;
    return (ssize_t)n;
}

/* Adds to the line up to its newline or the beginning of the payload: bytes used, or -1. */
static ssize_t gather(struct client *client, const char *data, size_t len, bool expects_payload,
                      bool *ret_complete)
{
    size_t n = MIN_OF(len, sizeof(client->line) - 1 - client->line_len);
    const char *end = memchr(data, '\n', n);
    size_t key_len = strlen(PAYLOAD_KEY), used;

    if (end)
        n = (size_t)(end - data);
    if (expects_payload) {
        /* Byte for byte: what comes before the payload is short, and may come in two halves. */
        for (used = 0; used < n; used++) {
            client->line[client->line_len++] = data[used];
            if (data[used] == '"' && client->line_len >= key_len &&
                memcmp(client->line + client->line_len - key_len, PAYLOAD_KEY, key_len) == 0) {
                client->comparing = true;
                return (ssize_t)used + 1;
            }
        }
    } else {
        memcpy(client->line + client->line_len, data, n);
        client->line_len += n;
    }
    if (!end && client->line_len == sizeof(client->line) - 1)
        return client_fail(client, "the reply '%.150s...' is too long", client->line);
    *ret_complete = end != NULL;
    return (ssize_t)n + (end != NULL);
}

static int take_input(struct client *client, const char *data, size_t len, client_reply_fn reply,
                      void *ctx)
{
    while (len > 0) {
        struct slot *slot = &client->slots[client->taken & client->mask];
        bool complete = false;
        ssize_t used;

        if (client->taken == client->sending && client->sent_text == 0)
            return client_fail(client, "a reply to nothing: '%.*s'", (int)MIN_OF(len, 150u), data);
        if (client->comparing)
            used = compare(client, data, len);
        else
            used = gather(client, data, len,
                          !slot->sends_payload && client->compared < slot->payload.text_len,
                          &complete);
        if (used < 0)
            return -1;
        data += used;
        len -= (size_t)used;
        if (complete && take_line(client, reply, ctx) < 0)
            return -1;
    }
    return 0;
}

int client_receive(struct client *client, bool wait, client_reply_fn reply, void *ctx)
{
    ssize_t n = recv(client->fd, client->in, IN_SIZE, wait ? 0 : MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0)
        return client_fail(client, "receiving failed: error %d", errno);
    if (n == 0)
        return client_fail(client, "the agent hung up");
    client->received_ns = clock_ns();
    return take_input(client, client->in, (size_t)n, reply, ctx) < 0 ? -1 : 1;
}

static int call_reply(void *ctx, struct client *client, struct slot *slot, const char *line,
                      size_t len)
{
    if (strncmp(line, "{\"return\": ", 11) != 0)
        return client_fail(client, "unexpected reply '%.200s'", line);
    *(bool *)ctx = true;
    return 0;
}

int client_call(struct client *client, const char *command, const char *arguments)
{
    struct slot *slot = client_slot(client);
    uint64_t deadline = clock_ns() + 30 * (uint64_t)NSEC_PER_SEC;
    bool done = false;

    if (!slot)
        return client_fail(client, "requests are still in flight");
    client_text(slot, "{\"execute\":\"");
    client_text(slot, command);
    client_text(slot, "\",\"arguments\":");
    client_text(slot, arguments);
    client_tail(slot, "");
    client_push(client, slot, 0);
    if (client_flush(client) < 0)
        return -1;
    while (!done) {
        if (client_receive(client, true, call_reply, &done) < 0)
            return -1;
        if (clock_ns() > deadline)
            return client_fail(client, "no reply to %s", command);
    }
    return 0;
}

int64_t reply_number(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    char *end;
    long long number;

    if (!at)
        return INT64_MIN;
    at += strlen(key);
    at += *at == ':';
    errno = 0;
    number = strtoll(at, &end, 10);
    return end == at || errno ? INT64_MIN : number;
}
