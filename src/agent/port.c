/*
 * agent/port.c - all of it on the I/O thread.
 */
#include "agent/port.h"

#include "agent/client.h"
#include "agent/loop.h"
#include "base/frozen.h"
#include "base/log.h"
#include "cmds/linux/freeze/fsfreeze.h"

#include <sys/epoll.h>

/* The port is of no more use: it is opened again, or the agent ends. */
static void port_lose(struct agent *agent)
{
    if (agent->config->retry_path) {
        log_warn("the channel is lost, opening it again every 5 s");
        loop_reopen_later(agent);
        return;
    }
    log_err("the channel is lost");
    fsfreeze_finish(&agent->env);
    agent->exit_status = EXIT_FAILURE;
    agent->stopping = true;
    agent->stop_by_ns = now_ns();
}

/* Lets a new session begin, or the port go, when the last one has let go of it. */
static void port_serve(struct agent *agent)
{
    if (agent->port_client || agent->port_leaving || agent->stopping)
        return;
    if (agent->port_lost) {
        agent->port_lost = false;
        epoll_ctl(agent->epoll_fd, EPOLL_CTL_DEL, channel_port_fd(agent->channel), NULL);
        port_lose(agent);
    } else if (agent->port_readable) {
        agent->port_readable = false;
        agent->port_client =
            client_new(agent, channel_port_fd(agent->channel), /* owns_fd= */ false);
        if (!agent->port_client) {
            log_err("no memory for a session, the host is not heard");
            return;
        }
        agent->port_client->connected = agent->port_connected;
        agent->port_client->readable = true;
        loop_run_client(agent->port_client);
    }
}

static void port_ready(struct agent *agent, struct source *source, uint32_t events)
{
    if (agent->port_client && !(events & EPOLLHUP)) {
        agent->port_client->connected = true;
        agent->port_client->hang_up_at_ns = 0;
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    agent->port_connected = !(events & EPOLLHUP);
    if (agent->port_client) {
        agent->port_client->readable = true;
        agent->port_client->hung_up |= agent->port_client->connected && (events & EPOLLHUP);
        loop_run_client(agent->port_client);
        return;
    }
    agent->port_readable = true;
    port_serve(agent);
}

void port_ended(struct client *client)
{
    struct agent *agent = client->agent;

    agent->port_client = NULL;
    agent->port_lost = client->failed;
    atomic_fetch_add(&client->refs, 1);
    agent->port_leaving = client;
    port_check(agent);
}

void port_check(struct agent *agent)
{
    struct client *leaving = agent->port_leaving;

    if (!leaving || !atomic_load_explicit(&leaving->closed, memory_order_acquire))
        return;
    agent->port_leaving = NULL;
    client_unref(leaving);
    port_serve(agent);
}

void port_watch(struct agent *agent)
{
    int r;

    agent->port_source.ready = port_ready;
    r = loop_add(agent, channel_port_fd(agent->channel), endpoint_events(agent->channel),
                 &agent->port_source);
    if (r < 0) {
        log_err("cannot watch the channel: %s", err_text(r));
        port_lose(agent);
    }
}
