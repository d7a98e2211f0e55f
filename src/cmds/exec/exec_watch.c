/*
 * cmds/exec/exec_watch.c - epoll and one thread.
 *
 *   field          written by          read by       order, and what it buys
 *   later.list     adders, watcher     watcher       later.lock
 *   stopping       exec_watch_free     watcher       release/acquire by way of `wake`
 *   start.*        starters            starters      start.lock
 *   a source       its adder, then     watcher       epoll_ctl before epoll_wait (or later.lock)
 *                  the watcher
 *
 * A source is added to epoll by whoever brings it, which wakes nobody. A descriptor leaves epoll
 * before it is closed: a child between fork and exec may hold a copy of it, and for the kernel it
 * would be open and reported until then.
 */
#include "cmds/exec/exec_watch.h"

#include "base/fdio.h"
#include "base/wake.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 64
#define RETRY_MS       100 /* only while the kernel lacks memory for a source */

STAILQ_HEAD(source_list, exec_source);

struct exec_watch {
    int epoll_fd;
    struct wake_fd wake;
    _Atomic bool stopping;
    struct {
        pthread_mutex_t lock;
        bool done;
        pthread_t thread;
    } start;
    struct {
        pthread_mutex_t lock;
        struct source_list list; /* sources that epoll did not take */
    } later;
};

static int epoll_add(struct exec_watch *watch, struct exec_source *source)
{
    struct epoll_event event = { .events = source->events, .data.ptr = source };

    return epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0 ? -errno : 0;
}

void exec_watch_add(struct exec_watch *watch, struct exec_source *source)
{
    if (epoll_add(watch, source) == 0)
        return;
    PTOK(pthread_mutex_lock(&watch->later.lock));
    STAILQ_INSERT_TAIL(&watch->later.list, source, link);
    PTOK(pthread_mutex_unlock(&watch->later.lock));
    wake_fd_kick(&watch->wake);
}

void exec_watch_end(struct exec_watch *watch, struct exec_source *source)
{
    epoll_ctl(watch->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    source->fd = fd_close(source->fd);
}

/* Tries again what epoll did not take: true if something is left. */
static bool retry_later(struct exec_watch *watch)
{
    struct source_list again = STAILQ_HEAD_INITIALIZER(again);
    struct exec_source *source;
    bool left;

    PTOK(pthread_mutex_lock(&watch->later.lock));
    while ((source = STAILQ_FIRST(&watch->later.list))) {
        STAILQ_REMOVE_HEAD(&watch->later.list, link);
        if (epoll_add(watch, source) < 0)
            STAILQ_INSERT_TAIL(&again, source, link);
    }
    STAILQ_CONCAT(&watch->later.list, &again);
    left = !STAILQ_EMPTY(&watch->later.list);
    PTOK(pthread_mutex_unlock(&watch->later.lock));
    return left;
}

static void *watch_main(void *arg)
{
    struct exec_watch *watch = arg;
    struct epoll_event events[EVENTS_AT_ONCE];
    bool left = retry_later(watch);

    while (!atomic_load_explicit(&watch->stopping, memory_order_acquire)) {
        int n = epoll_wait(watch->epoll_fd, events, EVENTS_AT_ONCE, left ? RETRY_MS : -1);

        for (int i = 0; i < n; i++) {
            struct exec_source *source = events[i].data.ptr;

            if (source)
                source->ready(source);
            else
                wake_fd_clear(&watch->wake);
        }
        left = retry_later(watch);
    }
    return NULL;
}

static int start_thread(struct exec_watch *watch)
{
    sigset_t all, before;
    int r;

    sigfillset(&all); /* signals are main's; a child that does not read gives EPIPE */
    PTOK(pthread_sigmask(SIG_SETMASK, &all, &before));
    r = -pthread_create(&watch->start.thread, NULL, watch_main, watch);
    PTOK(pthread_sigmask(SIG_SETMASK, &before, NULL));
    if (r == 0)
        pthread_setname_np(watch->start.thread, "exec-watch");
    return r;
}

int exec_watch_start(struct exec_watch *watch)
{
    int r = 0;

    PTOK(pthread_mutex_lock(&watch->start.lock));
    if (!watch->start.done)
        r = start_thread(watch);
    if (r == 0)
        watch->start.done = true;
    PTOK(pthread_mutex_unlock(&watch->start.lock));
    return r;
}

int exec_watch_new(struct exec_watch **ret_watch)
{
    struct exec_watch *watch = calloc(1, sizeof(*watch));
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

    if (!watch)
        return -ENOMEM;
    watch->wake.fd = -1;
    STAILQ_INIT(&watch->later.list);
    PTOK(pthread_mutex_init(&watch->start.lock, NULL));
    PTOK(pthread_mutex_init(&watch->later.lock, NULL));
    watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (watch->epoll_fd < 0 || wake_fd_init(&watch->wake) < 0 ||
        epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, watch->wake.fd, &event) < 0) {
        int r = -errno;

        exec_watch_free(watch);
        return r;
    }
    *ret_watch = watch;
    return 0;
}

struct exec_watch *exec_watch_free(struct exec_watch *watch)
{
    if (!watch)
        return NULL;
    if (watch->start.done) {
        atomic_store_explicit(&watch->stopping, true, memory_order_release);
        wake_fd_kick(&watch->wake);
        PTOK(pthread_join(watch->start.thread, NULL));
    }
    wake_fd_done(&watch->wake);
    fd_close(watch->epoll_fd);
    PTOK(pthread_mutex_destroy(&watch->later.lock));
    PTOK(pthread_mutex_destroy(&watch->start.lock));
    free(watch);
    return NULL;
}
