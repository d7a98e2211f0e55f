/*
 * client.c - a host's side of the conversation.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void client_from_fd(struct client *client, int fd)
{
    *client = (struct client){ .fd = fd };
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

void client_open(struct client *client, const struct agent_process *agent)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, agent->socket, strlen(agent->socket) + 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    client_from_fd(client, fd);
}

void client_close(struct client *client)
{
    close(client->fd);
    free(client->data);
    free(client->line);
    *client = (struct client){ .fd = -1 };
}

static void make_room(struct client *client)
{
    if (client->start > 0)
        memmove(client->data, client->data + client->start, client->len - client->start);
    client->len -= client->start;
    client->start = 0;
    if (client->cap - client->len >= 64 * KIB)
        return;
    client->cap = MAX_OF(client->cap * 2, 256 * KIB);
    client->data = realloc(client->data, client->cap);
    assert_non_null(client->data);
}

/* 0 at the end of the stream, -EAGAIN when nothing is there, else what was read. */
static ssize_t read_some(struct client *client)
{
    ssize_t n;

    if (client->cap - client->len < 64 * KIB)
        make_room(client);
    n = read(client->fd, client->data + client->len, client->cap - client->len);
    if (n > 0)
        client->len += (size_t)n;
    if (n < 0)
        n = errno == EAGAIN ? -EAGAIN : 0;
    return n;
}

static void wait_ready(const struct client *client, short events)
{
    struct pollfd pollfd = { .fd = client->fd, .events = events };

    assert_int_equal(poll(&pollfd, 1, PATIENCE_MS), 1);
}

/* A client whose agent has gone is an error of the test and not its end. */
static ssize_t write_some(const struct client *client, const void *data, size_t len)
{
    ssize_t n = send(client->fd, data, len, MSG_NOSIGNAL);

    return n < 0 && errno == ENOTSOCK ? write(client->fd, data, len) : n;
}

void client_send_bytes(struct client *client, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write_some(client, at, len);

        if (n > 0) {
            at += n;
            len -= (size_t)n;
            continue;
        }
        assert_int_equal(errno, EAGAIN);
        wait_ready(client, POLLIN | POLLOUT);
        read_some(client);
    }
}

void client_send(struct client *client, const char *text)
{
    client_send_bytes(client, text, strlen(text));
}

const char *client_line_or_end(struct client *client)
{
    size_t seen = 0; /* bytes behind start without a newline */
    char *newline;

    for (;;) {
        char *unread = client->data + client->start;
        size_t count = client->len - client->start;

        newline = count > seen ? memchr(unread + seen, '\n', count - seen) : NULL;
        if (newline)
            break;
        seen = count;
        wait_ready(client, POLLIN);
        if (read_some(client) == 0)
            return NULL;
    }
    free(client->line);
    client->line =
        strndup(client->data + client->start, (size_t)(newline - client->data) - client->start);
    assert_non_null(client->line);
    client->start = (size_t)(newline + 1 - client->data);
    return client->line;
}

const char *client_line(struct client *client)
{
    const char *line = client_line_or_end(client);

    assert_non_null(line);
    return line;
}

void client_expect_end(struct client *client)
{
    const char *line = client_line_or_end(client);

    if (line)
        fail_msg("instead of the end: %.200s", line);
    assert_int_equal(client->len, client->start);
}

void client_expect_silence(struct client *client, int ms)
{
    struct pollfd pollfd = { .fd = client->fd, .events = POLLIN };

    assert_int_equal(client->len, client->start);
    assert_int_equal(poll(&pollfd, 1, ms), 0);
}

void client_expect(struct client *client, const char *request, const char *reply)
{
    client_send(client, request);
    assert_string_equal(client_line(client), reply);
}

void client_expect_json(struct client *client, const char *request, const char *reply)
{
    client_send(client, request);
    assert_json_equal(client_line(client), reply);
}

PRINTF_LIKE(2, 0)
static void send_formatted(struct client *client, const char *format, va_list args)
{
    char *request;

    assert_true(vasprintf(&request, format, args) >= 0);
    client_send(client, request);
    free(request);
}

void client_request(struct client *client, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    send_formatted(client, format, args);
    va_end(args);
}

const char *client_ask(struct client *client, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    send_formatted(client, format, args);
    va_end(args);
    return client_line(client);
}

void client_sync(struct client *client)
{
    static int last_id = 1000000;
    char reply[64];

    snprintf(reply, sizeof(reply), "{\"return\": %d}", ++last_id);
    client_request(client, "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":%d}}", last_id);
    assert_string_equal(client_line(client), reply);
}

int64_t client_file_open(struct client *client, const char *path, const char *mode)
{
    return reply_int(client_ask(client,
                                "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"%s\","
                                "\"mode\":\"%s\"}}",
                                path, mode),
                     "return");
}
