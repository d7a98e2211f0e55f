/*
 * base/drain.c - one epoll set, one detached thread.
 *
 *   field        written by, read by              order
 *   drain.*      whoever adds; the thread         drain.lock: held for reads that do not wait, so
 *                                                 that no descriptor is closed under a read
 *
 * The thread waits on drain.epoll_fd without the lock: it alone closes it, at its end.
 *
 * Where there is no descriptor or no thread to read with, the pipe is kept all the same, and the
 * next one that is added tries again: who fills it waits, but does not die.
 */
#include "base/drain.h"

#include "base/fdio.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define PIPE_BYTES (64 * KIB)
#define PAUSE_NS   (10 * NSEC_PER_MSEC)

static struct {
    pthread_mutex_t lock;
    int fds[DRAIN_MAX]; /* the oldest first */
    size_t count;
    int epoll_fd; /* -1: no thread */
} drain = { .lock = PTHREAD_MUTEX_INITIALIZER, .epoll_fd = -1 };

static void drop_locked(size_t index)
{
    fd_close(drain.fds[index]);
    memmove(&drain.fds[index], &drain.fds[index + 1],
            (--drain.count - index) * sizeof(drain.fds[0]));
}

/* Up to a pipe-full. False: nobody writes any more. */
static bool drop_content(int fd)
{
    char bytes[4096];

    for (size_t taken = 0; taken < PIPE_BYTES; taken += sizeof(bytes)) {
        ssize_t n = read(fd, bytes, sizeof(bytes));

        if (n <= 0)
            return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
    return true;
}

/* False: no pipe is left, and neither is the set. */
static bool drain_locked(void)
{
    for (size_t i = drain.count; i-- > 0;) {
        if (!drop_content(drain.fds[i]))
            drop_locked(i);
    }
    if (drain.count > 0)
        return true;
    drain.epoll_fd = fd_close(drain.epoll_fd);
    return false;
}

static void *drain_main(void *arg)
{
    const struct timespec pause = { .tv_nsec = PAUSE_NS };
    bool more = true;
    int epoll_fd;

    PTOK(pthread_mutex_lock(&drain.lock));
    epoll_fd = drain.epoll_fd;
    PTOK(pthread_mutex_unlock(&drain.lock));
    while (more) {
        struct epoll_event event;

        if (epoll_wait(epoll_fd, &event, 1, -1) <= 0)
            continue;
        PTOK(pthread_mutex_lock(&drain.lock));
        more = drain_locked();
        PTOK(pthread_mutex_unlock(&drain.lock));
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* With no signal for it to take. */
static int start_thread(void)
{
    pthread_attr_t detached;
    sigset_t all, before;
    pthread_t thread;
    int r;

    sigfillset(&all);
    PTOK(pthread_attr_init(&detached));
    PTOK(pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED));
    PTOK(pthread_sigmask(SIG_SETMASK, &all, &before));
    r = pthread_create(&thread, &detached, drain_main, NULL);
    PTOK(pthread_sigmask(SIG_SETMASK, &before, NULL));
    PTOK(pthread_attr_destroy(&detached));
    return -r;
}

static bool watch_locked(int fd)
{
    struct epoll_event event = { .events = EPOLLIN };

    return epoll_ctl(drain.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* The set and its thread, with all pipes that are there. */
static void start_locked(void)
{
    drain.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (drain.epoll_fd < 0)
        return;
    for (size_t i = 0; i < drain.count; i++)
        watch_locked(drain.fds[i]);
    if (start_thread() < 0)
        drain.epoll_fd = fd_close(drain.epoll_fd);
}

void drain_add(int fd)
{
    PTOK(pthread_mutex_lock(&drain.lock));
    if (drain.count == DRAIN_MAX)
        drop_locked(0);
    drain.fds[drain.count++] = fd;
    if (drain.epoll_fd < 0)
        start_locked();
    else
        watch_locked(fd);
    PTOK(pthread_mutex_unlock(&drain.lock));
}

size_t drain_count(void)
{
    size_t count;

    PTOK(pthread_mutex_lock(&drain.lock));
    count = drain.count;
    PTOK(pthread_mutex_unlock(&drain.lock));
    return count;
}
