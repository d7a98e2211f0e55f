/*
 * session/writer.c - an epoll set of clients that do not read, and a list of them.
 *
 *   field         written by             read by     order, and what it buys
 *   watched list  whoever has the token  the writer  writer.lock
 *   client.gone   I/O thread             the holder  seq_cst; with the lock: whoever gives the token
 *                                                    to the writer sees it, or the writer does
 *   stopping      main, at the end       the writer  seq_cst with the wake-up behind it
 *
 * The token travels to the writer thread through epoll_ctl(2) and epoll_wait(2), which the kernel
 * orders (ThreadSanitizer knows both), or through its list, by the lock.
 */
#include "session/writer.h"

#include "base/fdio.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

TAILQ_HEAD(watched_list, watched);

struct writer {
    int epoll_fd;
    int wake_fd; /* some client is gone, or the writer shall stop */
    _Atomic bool stopping;
    void (*serve)(struct watched *watched);
    pthread_t thread;
    pthread_mutex_t lock; /* held alone */
    struct watched_list list;
};

static int watch_locked(struct writer *writer, struct watched *watched)
{
    struct epoll_event event = { .events = EPOLLOUT | EPOLLET, .data.ptr = watched };

    /* The writer may have looked for those who are gone already. */
    if (atomic_load(&watched->client->gone))
        return 0;
    watched->is_on = true;
    if (epoll_ctl(writer->epoll_fd, EPOLL_CTL_ADD, watched->client->fd, &event) < 0) {
        watched->is_on = false;
        return -errno;
    }
    client_ref(watched->client);
    TAILQ_INSERT_TAIL(&writer->list, watched, link);
    return 1;
}

int writer_watch(struct writer *writer, struct watched *watched)
{
    int r;

    if (watched->is_on)
        return 1;
    PTOK(pthread_mutex_lock(&writer->lock));
    r = watch_locked(writer, watched);
    PTOK(pthread_mutex_unlock(&writer->lock));
    return r;
}

void writer_unwatch(struct writer *writer, struct watched *watched)
{
    if (!watched->is_on)
        return;
    PTOK(pthread_mutex_lock(&writer->lock));
    watched->is_on = false;
    TAILQ_REMOVE(&writer->list, watched, link);
    epoll_ctl(writer->epoll_fd, EPOLL_CTL_DEL, watched->client->fd, NULL);
    PTOK(pthread_mutex_unlock(&writer->lock));
    client_unref(watched->client);
}

static void wake(struct writer *writer)
{
    const uint64_t one = 1;

    fd_write_all(writer->wake_fd, &one, sizeof(one));
}

void writer_wake(struct writer *writer)
{
    wake(writer);
}

static void serve(struct writer *writer, struct watched *watched)
{
    struct client *client = watched->client;

    client_ref(client);
    writer->serve(watched);
    client_unref(client);
}

/* Whoever is in the list has given its token away. */
static struct watched *find_gone(struct writer *writer)
{
    struct watched *watched;

    PTOK(pthread_mutex_lock(&writer->lock));
    TAILQ_FOREACH (watched, &writer->list, link)
        if (atomic_load(&watched->client->gone))
            break;
    PTOK(pthread_mutex_unlock(&writer->lock));
    return watched;
}

static void let_gone_go(struct writer *writer)
{
    struct watched *watched;

    while ((watched = find_gone(writer)))
        serve(writer, watched);
}

static void *writer_main(void *arg)
{
    struct writer *writer = arg;
    struct epoll_event event;

    while (!atomic_load(&writer->stopping)) {
        if (epoll_wait(writer->epoll_fd, &event, 1, -1) != 1)
            continue;
        if (event.data.ptr)
            serve(writer, event.data.ptr);
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

struct writer *writer_start(void (*serve_client)(struct watched *watched))
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET };
    struct writer *writer = calloc(1, sizeof(*writer));

    if (!writer)
        return NULL;
    PTOK(pthread_mutex_init(&writer->lock, NULL));
    TAILQ_INIT(&writer->list);
    writer->serve = serve_client;
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
    wake(writer);
    PTOK(pthread_join(writer->thread, NULL));
    return writer_free(writer);
}
