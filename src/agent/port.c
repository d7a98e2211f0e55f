#include "agent/port.h"

#include "base/error.h"
#include "base/log.h"

#include <errno.h>

#define RETRY_NS (5 * NSEC_PER_SEC) /* as qemu-ga */

static void retry_later(struct port *port)
{
    loop_set_timer_in(port->origin.service->loop, &port->retry, RETRY_NS);
}

static mode_t socket_mode(const struct port_config *config)
{
    return config->socket_mode != 0 ? config->socket_mode : peer_socket_mode(config->peers);
}

static int open_channel(struct port *port)
{
    enum channel_method method;
    const char *path;

    if (channel_method_parse(port->config.method, &method) < 0) {
        log_err("unsupported channel method/type: %s", port->config.method);
        return -EINVAL;
    }
    path = port->config.path ? port->config.path : channel_default_path(method);
    if (!path) {
        log_err("must specify a path for this channel");
        return -EINVAL;
    }
    return channel_open(method, path, socket_mode(&port->config), &port->channel);
}

/* A passed socket is taken at the start only: that changes the environment, which threads read. */
int port_open(struct port *port)
{
    int r = channel_open_passed(&port->channel);

    if (r == 0)
        r = open_channel(port);
    if (r >= 0 || (port->config.retry && r != -EINVAL))
        return 0;
    log_err("failed to create guest agent channel");
    return r;
}

static void lose(struct port *port)
{
    if (port->config.retry) {
        log_warn("port %s: the channel is lost, opening it again every 5 s", port->origin.name);
        retry_later(port);
        return;
    }
    log_err("port %s: the channel is lost", port->origin.name);
    port->lost(port);
}

static void serial_lost(struct serial *serial)
{
    lose(CONTAINER_OF(serial, struct port, serial));
}

static void serve_channel(struct port *port)
{
    int r;

    log_info("port %s: %s is open", port->origin.name,
             channel_method_name(channel_method_of(port->channel)));
    if (channel_is_listener(port->channel)) {
        listener_start(&port->listener, port->channel);
        return;
    }
    r = serial_start(&port->serial, port->channel);
    if (r < 0) {
        log_err("port %s: cannot watch the channel: %s", port->origin.name, err_text(r));
        lose(port);
    }
}

static void retry(struct timer *timer)
{
    struct port *port = CONTAINER_OF(timer, struct port, retry);
    int r = port->channel ? channel_reopen(port->channel) : open_channel(port);

    if (r < 0)
        retry_later(port);
    else
        serve_channel(port);
}

void port_serve(struct port *port)
{
    if (port->channel) {
        serve_channel(port);
        return;
    }
    log_info("port %s: not open yet, tried every 5 s", port->origin.name);
    retry_later(port);
}

struct port *port_new(const struct port_config *config)
{
    struct port *port = calloc(1, sizeof(*port));

    if (!port)
        return NULL;
    port->config = *config;
    port->retry.fire = retry;
    listener_init(&port->listener, &port->origin, config->peers, config->max_clients);
    serial_init(&port->serial, &port->origin, serial_lost);
    return port;
}

struct port *port_free(struct port *port)
{
    if (!port)
        return NULL;
    channel_close(port->channel);
    free(port);
    return NULL;
}
