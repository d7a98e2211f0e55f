/*
 * The least that an agent can cost: answers each line as if it were guest-ping, one client at a
 * time, by epoll_wait, read and write alone. Beside a real agent it shows how much of a round trip
 * is the machine's:
 *
 *     compare --agent-a build/release-test/bench/echo --scenario ping-d1
 */
#include "base/defs.h"
#include "base/fdio.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define IN_BYTES  (64 * KIB)
#define REPLY_MAX 48
#define LINES_MAX (IN_BYTES / 24) /* {"execute":"guest-ping"} and a newline */
#define OUT_BYTES (LINES_MAX * REPLY_MAX)
#define ID_KEY    "\"id\":"

struct echo {
    size_t held; /* of a line that is not complete */
    char in[IN_BYTES];
    char out[OUT_BYTES];
};

/* The path behind -p: an agent's other options mean nothing here. */
static const char *socket_path(char **argv)
{
    for (; argv[0]; argv++) {
        if (strcmp(argv[0], "-p") == 0)
            return argv[1];
    }
    return NULL;
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, 8) < 0)
        return fd_close(fd);
    return fd;
}

static size_t answer_line(const char *line, size_t len, char *out)
{
    const char *id = memmem(line, len, ID_KEY, strlen(ID_KEY));
    int n = id ? snprintf(out, REPLY_MAX, "{\"return\": {}, \"id\": %ld}\n",
                          strtol(id + strlen(ID_KEY), NULL, 10))
               : snprintf(out, REPLY_MAX, "{\"return\": {}}\n");

    return (size_t)n;
}

/* Answers the complete lines among the first `len` bytes; false: the client is gone. */
static bool answer(struct echo *echo, int fd, size_t len)
{
    char *line = echo->in, *end = echo->in + len, *newline;
    size_t out = 0;

    while (out + REPLY_MAX <= OUT_BYTES && (newline = memchr(line, '\n', (size_t)(end - line)))) {
        out += answer_line(line, (size_t)(newline - line), echo->out + out);
        line = newline + 1;
    }
    echo->held = (size_t)(end - line);
    memmove(echo->in, line, echo->held);
    return out == 0 || fd_write_all(fd, echo->out, out) == 0;
}

static void serve(struct echo *echo, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    ssize_t n = 1;

    echo->held = 0;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    while (n > 0 && epoll_wait(epoll_fd, &event, 1, -1) == 1) {
        n = read(fd, echo->in + echo->held, IN_BYTES - echo->held);
        if (n > 0 && !answer(echo, fd, echo->held + (size_t)n))
            break;
    }
    fd_close(epoll_fd);
    fd_close(fd);
}

int main(int argc, char **argv)
{
    static struct echo echo;
    const char *path = socket_path(argv);
    int listen_fd = path ? listen_on(path) : -1, fd;

    if (listen_fd < 0) {
        fprintf(stderr, "echo: cannot listen, use -p PATH\n");
        return 2;
    }
    while ((fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        serve(&echo, fd);
    return EXIT_FAILURE;
}
