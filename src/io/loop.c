/*
 * io/loop.c - one turn after the other.
 *
 *   field          written by            read by      order, and what it buys
 *   wake.pending   any thread            I/O thread   see base/wake.c
 *   notices        any: CAS, release     I/O thread:  what a notifier wrote before, notice->next
 *                  I/O: exchange NULL    acquire      too, is seen by deliver(). Only the whole
 *                                                     list is taken, so there is no ABA
 *   notice.raised  any: exchange true    the same     acq_rel: a notifier that finds it raised comes
 *                  I/O: exchange false                before the I/O thread's exchange, which then
 *                                                     sees what it wrote
 *   notice.next    who raised it         I/O thread   plain: handed over by `notices`
 *   outstanding    I/O: add; any: sub    I/O thread   seq_cst; a late value costs one busy poll
 *
 * The rest belongs to the I/O thread.
 */
#include "io/loop.h"

#include "base/fdio.h"
#include "base/now.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* Sources */

int loop_add(struct loop *loop, int fd, uint32_t events, struct source *source)
{
    struct epoll_event event = { .events = events, .data.ptr = source };

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void loop_remove(struct loop *loop, int fd, struct source *source)
{
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    for (int i = loop->next_event; i < loop->event_count; i++)
        if (loop->events[i].data.ptr == source)
            loop->events[i].data.ptr = NULL;
}

static void call_sources(struct loop *loop)
{
    while (loop->next_event < loop->event_count) {
        const struct epoll_event *event = &loop->events[loop->next_event++];
        struct source *source = event->data.ptr;

        if (source)
            source->ready(source, event->events);
    }
}

/* Timers */

void loop_set_timer(struct loop *loop, struct timer *timer, int64_t at_ns)
{
    timer_heap_remove(&loop->timers, timer);
    timer_heap_add(&loop->timers, timer, at_ns);
}

void loop_set_timer_in(struct loop *loop, struct timer *timer, int64_t ns)
{
    loop_set_timer(loop, timer, now_ns() + ns);
}

void loop_clear_timer(struct loop *loop, struct timer *timer)
{
    timer_heap_remove(&loop->timers, timer);
}

static void fire_timers(struct loop *loop)
{
    struct timer *timer;
    int64_t now;

    if (!loop->timers.first)
        return;
    now = now_ns();
    while ((timer = loop->timers.first) && timer->at_ns <= now) {
        timer_heap_remove(&loop->timers, timer);
        timer->fire(timer);
    }
}

/* Tasks */

void loop_run_soon(struct loop *loop, struct task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    TAILQ_INSERT_TAIL(&loop->tasks, task, link);
}

/* Also from the list of this turn: both are headed by whoever is in front. */
void loop_cancel(struct loop *loop, struct task *task)
{
    if (task->queued)
        TAILQ_REMOVE(&loop->tasks, task, link);
    task->queued = false;
}

/* Those that are there now: what they queue is for the next turn. */
static void run_tasks(struct loop *loop)
{
    struct task end = { .queued = true };
    struct task *task;

    if (TAILQ_EMPTY(&loop->tasks))
        return;
    TAILQ_INSERT_TAIL(&loop->tasks, &end, link);
    while ((task = TAILQ_FIRST(&loop->tasks)) != &end) {
        loop_cancel(loop, task);
        task->run(task);
    }
    loop_cancel(loop, &end);
}

/* Notices */

bool loop_notify(struct loop *loop, struct notice *notice)
{
    struct notice *first;

    if (atomic_exchange_explicit(&notice->raised, true, memory_order_acq_rel))
        return false;
    first = atomic_load_explicit(&loop->notices, memory_order_relaxed);
    do
        notice->next = first;
    while (!atomic_compare_exchange_weak_explicit(&loop->notices, &first, notice,
                                                  memory_order_release, memory_order_relaxed));
    wake_fd_kick(&loop->wake);
    return true;
}

/* In the order in which they were raised. */
static struct notice *take_notices(struct loop *loop)
{
    struct notice *raised = atomic_exchange_explicit(&loop->notices, NULL, memory_order_acquire);
    struct notice *in_order = NULL;

    while (raised) {
        struct notice *notice = raised;

        raised = notice->next;
        notice->next = in_order;
        in_order = notice;
    }
    return in_order;
}

void loop_deliver(struct loop *loop)
{
    struct notice *notice, *following;

    for (notice = take_notices(loop); notice; notice = following) {
        following = notice->next;
        atomic_exchange_explicit(&notice->raised, false, memory_order_acq_rel);
        notice->deliver(notice);
    }
}

static void woken(struct source *source, uint32_t events)
{
    struct loop *loop = CONTAINER_OF(source, struct loop, wake_source);

    (void)events;
    wake_fd_clear(&loop->wake);
    loop_deliver(loop);
}

/* Waiting */

static int timeout_ms(const struct loop *loop)
{
    int64_t left_ms;

    if (!TAILQ_EMPTY(&loop->tasks))
        return 0;
    if (!loop->timers.first)
        return -1;
    left_ms = (loop->timers.first->at_ns - now_ns() + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
    return (int)MIN_OF(MAX_OF(0, left_ms), INT_MAX);
}

/* Nobody has a reply to come: then the next event is a request, and no worker needs the processor
 * that busy polling would take. */
static bool may_busy_poll(const struct loop *loop)
{
    return loop->peers > 0 && atomic_load(&loop->outstanding) == 0;
}

static int wait_for_events(struct loop *loop)
{
    int timeout = timeout_ms(loop), count = 0;

    if (timeout != 0 && may_busy_poll(loop))
        count = busy_poll(&loop->busy_poll, loop->epoll_fd, loop->events, LOOP_EVENTS);
    if (count == 0)
        count = epoll_wait(loop->epoll_fd, loop->events, LOOP_EVENTS, timeout);
    loop->next_event = 0;
    loop->event_count = MAX_OF(count, 0);
    return count < 0 && errno != EINTR ? -errno : 0;
}

int loop_run(struct loop *loop)
{
    while (!loop->ended) {
        int r = wait_for_events(loop);

        if (r < 0)
            return r;
        call_sources(loop);
        fire_timers(loop);
        run_tasks(loop);
    }
    return 0;
}

void loop_end(struct loop *loop)
{
    loop->ended = true;
}

int loop_init(struct loop *loop, int64_t busy_poll_ns)
{
    int r;

    *loop = (struct loop){ .epoll_fd = -1, .wake.fd = -1 };
    TAILQ_INIT(&loop->tasks);
    loop->busy_poll.max_ns = busy_poll_ns;
    loop->wake_source.ready = woken;
    r = wake_fd_init(&loop->wake);
    if (r < 0)
        return r;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        return -errno;
    return loop_add(loop, loop->wake.fd, EPOLLIN, &loop->wake_source);
}

void loop_done(struct loop *loop)
{
    loop->epoll_fd = fd_close(loop->epoll_fd);
    wake_fd_done(&loop->wake);
}
