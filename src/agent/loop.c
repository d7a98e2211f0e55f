/*
 * agent/loop.c - one epoll set for everything the I/O thread waits for.
 *
 *   field         written by   read by      order, and what it buys
 *   wake.pending  any thread   I/O thread   see base/wake.c
 *   backlog       any: set     I/O: clears  seq_cst: whoever sets it first kicks; the I/O thread
 *                                           looks once more behind clearing it
 *
 * The rest of struct agent belongs to the I/O thread.
 */
#include "agent/loop.h"

#include "agent/client.h"
#include "agent/daemon.h"
#include "agent/listen.h"
#include "agent/output.h"
#include "agent/port.h"
#include "agent/schedule.h"
#include "base/block.h"
#include "base/fdio.h"
#include "base/frozen.h"
#include "base/log.h"
#include "pool/workers.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 64
#define STOP_GRACE_NS  (NSEC_PER_SEC)
#define REOPEN_NS      (5 * NSEC_PER_SEC) /* as qemu-ga */
#define KEEP_BLOCKS_NS (NSEC_PER_SEC)

void agent_kick(struct agent *agent)
{
    wake_fd_kick(&agent->wake);
}

int loop_add(struct agent *agent, int fd, uint32_t events, struct source *source)
{
    struct epoll_event event = { .events = events, .data.ptr = source };

    return epoll_ctl(agent->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void loop_run_client(struct client *client)
{
    if (client->runnable)
        return;
    client->runnable = true;
    TAILQ_INSERT_TAIL(&client->agent->runnable, client, runnable_link);
}

void loop_forget_client(struct client *client)
{
    if (client->runnable)
        TAILQ_REMOVE(&client->agent->runnable, client, runnable_link);
    client->runnable = false;
}

static void run_clients(struct agent *agent)
{
    struct client_list turn = TAILQ_HEAD_INITIALIZER(turn);
    struct client *client;

    TAILQ_CONCAT(&turn, &agent->runnable, runnable_link);
    while ((client = TAILQ_FIRST(&turn))) {
        TAILQ_REMOVE(&turn, client, runnable_link);
        client->runnable = false;
        if (client_turn(client))
            loop_run_client(client);
    }
}

/* What may have changed while the loop slept */

static void check_clients(struct agent *agent)
{
    struct client *client, *following;

    for (client = TAILQ_FIRST(&agent->clients); client; client = following) {
        following = TAILQ_NEXT(client, link);
        client_check(client);
    }
}

static void check_gated(struct agent *agent)
{
    struct session *session, *following;

    for (session = TAILQ_FIRST(&agent->gated); session; session = following) {
        following = TAILQ_NEXT(session, gated);
        schedule_waiting(session);
    }
}

/* Opening the channel */

static void watch_channel(struct agent *agent)
{
    if (channel_is_listener(agent->channel))
        listen_again(agent);
    else
        port_watch(agent);
}

void loop_reopen_later(struct agent *agent)
{
    agent->reopen_at_ns = now_ns() + REOPEN_NS;
}

void loop_keep_blocks(struct agent *agent)
{
    if (!agent->trim_at_ns)
        block_keep();
    agent->trim_at_ns = now_ns() + KEEP_BLOCKS_NS;
}

/* What still runs gives its blocks back by itself from now on. */
static void trim_blocks(struct agent *agent)
{
    agent->trim_at_ns = 0;
    block_trim();
}

static void reopen(struct agent *agent)
{
    int r = agent->channel ? channel_reopen(agent->channel) : agent_open_channel(agent);

    agent->reopen_at_ns = 0;
    if (r < 0)
        loop_reopen_later(agent);
    else
        watch_channel(agent);
}

static void start_ticking(struct agent *agent)
{
    agent->ticking = true;
    agent->tick_at_ns = now_ns() + WORKERS_TICK_MS * NSEC_PER_MSEC;
}

static void wake_ready(struct agent *agent, struct source *source, uint32_t events)
{
    wake_fd_clear(&agent->wake);
    if (!agent->ticking && atomic_load(&agent->backlog))
        start_ticking(agent);
    check_gated(agent);
    check_clients(agent);
    port_check(agent);
    daemon_pidfile_late();
    if (agent->accept_at_ns == 0)
        listen_again(agent);
}

/* Signals */

static void begin_stop(struct agent *agent)
{
    if (agent->stopping)
        return;
    agent->stopping = true;
    agent->stop_by_ns = now_ns() + STOP_GRACE_NS;
    atomic_store(&agent->ending, true);
}

static void signal_ready(struct agent *agent, struct source *source, uint32_t events)
{
    struct signalfd_siginfo info;

    while (read(agent->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            log_reopen();
        } else if (ga_is_frozen()) {
            log_warn("signal %u is ignored while filesystems are frozen", info.ssi_signo);
        } else {
            log_debug("received signal num %u, quitting", info.ssi_signo);
            begin_stop(agent);
        }
    }
}

/* Waiting */

/* Nobody has a reply to come: then the next event is a request, and no worker needs the processor
 * that a look-out would keep busy. */
static bool all_replied(const struct agent *agent)
{
    const struct client *client;

    TAILQ_FOREACH (client, &agent->clients, link)
        if (atomic_load(&client->unsent) > 0)
            return false;
    return true;
}

static int wait_for_events(struct agent *agent, struct epoll_event *ret_events, int timeout_ms)
{
    int count = 0;

    if (timeout_ms != 0 && !TAILQ_EMPTY(&agent->clients) && all_replied(agent))
        count = busy_poll(&agent->busy_poll, agent->epoll_fd, ret_events, EVENTS_AT_ONCE);
    if (count == 0)
        count = epoll_wait(agent->epoll_fd, ret_events, EVENTS_AT_ONCE, timeout_ms);
    return count;
}

/* Timers */

static int64_t next_deadline(const struct agent *agent)
{
    int64_t deadline = INT64_MAX;
    const struct client *client;

    TAILQ_FOREACH (client, &agent->clients, link)
        deadline = MIN_OF(deadline, client_deadline(client));
    if (agent->accept_at_ns)
        deadline = MIN_OF(deadline, agent->accept_at_ns);
    if (agent->reopen_at_ns)
        deadline = MIN_OF(deadline, agent->reopen_at_ns);
    if (agent->trim_at_ns)
        deadline = MIN_OF(deadline, agent->trim_at_ns);
    if (agent->stopping)
        deadline = MIN_OF(deadline, agent->stop_by_ns);
    if (agent->ticking)
        deadline = MIN_OF(deadline, agent->tick_at_ns);
    return deadline;
}

static int wait_ms(const struct agent *agent, int64_t deadline)
{
    int64_t left_ms;

    if (!TAILQ_EMPTY(&agent->runnable))
        return 0;
    if (deadline == INT64_MAX)
        return -1;
    left_ms = (deadline - now_ns() + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
    return (int)MIN_OF(MAX_OF(0, left_ms), INT_MAX);
}

/* While jobs wait for busy workers; replies that a stuck worker has not flushed go out here. */
static void tick(struct agent *agent)
{
    if (sched_tick(agent->sched)) {
        struct client *client;

        TAILQ_FOREACH (client, &agent->clients, link)
            output_kick(client);
    }
    if (sched_need_tick(agent->sched)) {
        start_ticking(agent);
        return;
    }
    agent->ticking = false;
    atomic_store(&agent->backlog, false);
    /* It came between the two; who finds the flag down kicks. */
    if (sched_need_tick(agent->sched) && !atomic_exchange(&agent->backlog, true))
        start_ticking(agent);
}

static void run_timers(struct agent *agent)
{
    struct client *client, *following;
    int64_t now = now_ns();

    for (client = TAILQ_FIRST(&agent->clients); client; client = following) {
        following = TAILQ_NEXT(client, link);
        if (client_deadline(client) <= now)
            client_check(client);
    }
    if (agent->accept_at_ns && agent->accept_at_ns <= now)
        listen_again(agent);
    if (agent->reopen_at_ns && agent->reopen_at_ns <= now)
        reopen(agent);
    if (agent->trim_at_ns && agent->trim_at_ns <= now)
        trim_blocks(agent);
    if (agent->ticking && agent->tick_at_ns <= now)
        tick(agent);
}

/* A kick tells when less is unsent. */
static bool has_unsent(struct client *client)
{
    if (atomic_load(&client->unsent) == 0)
        return false;
    atomic_store(&client->wants_room, true);
    return atomic_load(&client->unsent) > 0;
}

/* True when nothing is left to wait for: all replies are sent, or the grace has passed. */
static bool may_stop(struct agent *agent)
{
    struct client *client;

    if (now_ns() >= agent->stop_by_ns)
        return true;
    TAILQ_FOREACH (client, &agent->clients, link)
        if (client->sync || has_unsent(client))
            return false;
    return true;
}

static void handle_events(struct agent *agent, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        struct source *source = events[i].data.ptr;

        source->ready(agent, source, events[i].events);
    }
}

int loop_run(struct agent *agent)
{
    struct epoll_event events[EVENTS_AT_ONCE];

    while (!agent->stopping || !may_stop(agent)) {
        int64_t deadline = next_deadline(agent);
        int count = wait_for_events(agent, events, wait_ms(agent, deadline));

        if (count < 0 && errno != EINTR) {
            log_err("epoll_wait failed: %s", err_text(errno));
            return EXIT_FAILURE;
        }
        handle_events(agent, events, count);
        if (deadline != INT64_MAX && deadline <= now_ns())
            run_timers(agent);
        run_clients(agent);
    }
    return agent->exit_status;
}

static int open_signals(struct agent *agent)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    agent->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return agent->signal_fd < 0 ? -errno : 0;
}

int loop_init(struct agent *agent)
{
    int r;

    TAILQ_INIT(&agent->clients);
    TAILQ_INIT(&agent->runnable);
    TAILQ_INIT(&agent->gated);
    agent->busy_poll.max_ns = agent->config->busy_poll_usec * NSEC_PER_USEC;
    agent->wake_source.ready = wake_ready;
    agent->signal_source.ready = signal_ready;
    listen_init(agent);
    agent->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (agent->epoll_fd < 0)
        return -errno;
    r = open_signals(agent);
    if (r == 0)
        r = loop_add(agent, agent->wake.fd, EPOLLIN, &agent->wake_source);
    if (r == 0)
        r = loop_add(agent, agent->signal_fd, EPOLLIN, &agent->signal_source);
    if (r < 0)
        return r;
    if (agent->channel)
        watch_channel(agent);
    else
        loop_reopen_later(agent);
    return 0;
}

void loop_done(struct agent *agent)
{
    agent->epoll_fd = fd_close(agent->epoll_fd);
    agent->signal_fd = fd_close(agent->signal_fd);
}
