#include "agent/serial.h"

#include "base/log.h"
#include "session/reader.h"

#include <sys/epoll.h>

static void client_ended(struct client *client);

static bool has_client(const struct serial *serial)
{
    return serial->client && !atomic_load(&serial->client->gone);
}

static unsigned host_event(const struct serial *serial)
{
    return serial->is_connected ? READER_HOST : 0;
}

/* Lets a new session begin when the last one has let go of the device. */
static void begin_session(struct serial *serial)
{
    if (serial->client || !serial->is_readable || serial->origin->service->stopping)
        return;
    serial->is_readable = false;
    serial->client = reader_new(serial->origin, serial->channel, channel_port_fd(serial->channel),
                                /* owns_fd= */ false, client_ended, serial);
    if (serial->client)
        reader_event(serial->client, READER_INPUT | host_event(serial));
    else
        log_err("no memory for a session, the host is not heard");
}

static void client_ended(struct client *client)
{
    struct serial *serial = client->owner;
    struct loop *loop = serial->origin->service->loop;

    serial->client = NULL;
    if (!client->failed) {
        begin_session(serial);
        return;
    }
    loop_remove(loop, channel_port_fd(serial->channel), &serial->source);
    if (!serial->origin->service->stopping)
        serial->lost(serial);
}

static void serial_ready(struct source *source, uint32_t events)
{
    struct serial *serial = CONTAINER_OF(source, struct serial, source);
    bool is_input = (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
    bool is_host = !(events & EPOLLHUP);

    if (is_input)
        serial->is_connected = is_host;
    if (has_client(serial)) {
        reader_event(serial->client,
                     (is_host ? READER_HOST : READER_HUNG_UP) | (is_input ? READER_INPUT : 0));
        return;
    }
    serial->is_readable |= is_input;
    begin_session(serial);
}

void serial_init(struct serial *serial, struct origin *origin, void (*lost)(struct serial *serial))
{
    *serial = (struct serial){ .origin = origin, .source.ready = serial_ready, .lost = lost };
}

int serial_start(struct serial *serial, struct channel *channel)
{
    serial->channel = channel;
    serial->is_readable = false;
    return loop_add(serial->origin->service->loop, channel_port_fd(channel),
                    endpoint_events(channel), &serial->source);
}
