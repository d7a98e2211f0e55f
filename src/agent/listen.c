#include "agent/listen.h"

#include "agent/client.h"
#include "agent/loop.h"
#include "base/fdio.h"
#include "base/log.h"

#include <errno.h>
#include <sys/epoll.h>

#define ACCEPT_PAUSE_NS NSEC_PER_SEC

void listen_again(struct agent *agent)
{
    agent->accept_at_ns = 0;
    if (agent->channel && channel_is_listener(agent->channel) && !agent->accepting &&
        agent->client_count < agent->config->max_clients)
        agent->accepting =
            loop_add(agent, channel_listen_fd(agent->channel), EPOLLIN, &agent->listen_source) == 0;
}

static void pause_accepting(struct agent *agent)
{
    if (agent->accepting)
        epoll_ctl(agent->epoll_fd, EPOLL_CTL_DEL, channel_listen_fd(agent->channel), NULL);
    agent->accepting = false;
}

static void add_client(struct agent *agent, int fd)
{
    struct client *client = client_new(agent, fd, /* owns_fd= */ true);

    if (!client) {
        log_err("no memory for another client, its connection is closed");
        fd_close(fd);
        return;
    }
    if (loop_add(agent, fd, endpoint_events(agent->channel) | EPOLLET, &client->source) < 0) {
        log_err("cannot watch another client, its connection is closed");
        client_end(client);
        return;
    }
    client->readable = true;
    loop_run_client(client);
}

/* Takes who waits; at the limit the others wait in the backlog until a client leaves. */
static void listen_ready(struct agent *agent, struct source *source, uint32_t events)
{
    while (agent->client_count < agent->config->max_clients) {
        int fd = channel_accept(agent->channel);

        if (fd == -EAGAIN)
            return;
        if (fd < 0) {
            log_warn("cannot accept a client: %s, trying again in a second", err_text(fd));
            agent->accept_at_ns = now_ns() + ACCEPT_PAUSE_NS;
            break;
        }
        add_client(agent, fd);
    }
    pause_accepting(agent);
}

void listen_init(struct agent *agent)
{
    agent->listen_source.ready = listen_ready;
}
