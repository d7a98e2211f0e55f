/*
 * cmds/linux/network/links.c - rtnetlink dumps into two arrays.
 */
#include "cmds/linux/network/links.h"

#include "base/fdio.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#define DUMP_BYTES    (64 * KIB) /* the kernel fills at most 32 KiB at a time */
#define DUMP_ATTEMPTS 4
#define TIMEOUT_SEC   30

void links_done(struct links *links)
{
    free(links->links);
    free(links->addresses);
    *links = (struct links){ 0 };
}

/* Room for one more item of `size` bytes; doubling keeps it linear. */
static void *grow_array(void *items, size_t count, size_t *capacity, size_t size)
{
    size_t bigger = *capacity ? *capacity * 2 : 64;

    if (count < *capacity)
        return items;
    items = reallocarray(items, bigger, size);
    if (items)
        *capacity = bigger;
    return items;
}

/* A netlink message, or an attribute of one: both are a header with a length, and a body. */
struct piece {
    uint16_t type, flags;
    const uint8_t *body;
    size_t len;
};

/* Takes the first `size` bytes and their padding off `bytes`. */
static void skip(const uint8_t **bytes, size_t *left, size_t size)
{
    size_t padded = MIN_OF(NLMSG_ALIGN(size), *left);

    *bytes += padded;
    *left -= padded;
}

static bool next_message(const uint8_t **bytes, size_t *left, struct piece *ret_message)
{
    struct nlmsghdr header;

    if (*left < sizeof(header))
        return false;
    memcpy(&header, *bytes, sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > *left)
        return false;
    *ret_message = (struct piece){ .type = header.nlmsg_type,
                                   .flags = header.nlmsg_flags,
                                   .body = *bytes + sizeof(header),
                                   .len = header.nlmsg_len - sizeof(header) };
    skip(bytes, left, header.nlmsg_len);
    return true;
}

static bool next_attr(const uint8_t **bytes, size_t *left, struct piece *ret_attr)
{
    struct rtattr header;

    if (*left < sizeof(header))
        return false;
    memcpy(&header, *bytes, sizeof(header));
    if (header.rta_len < sizeof(header) || header.rta_len > *left)
        return false;
    *ret_attr = (struct piece){ .type = header.rta_type,
                                .body = *bytes + sizeof(header),
                                .len = header.rta_len - sizeof(header) };
    skip(bytes, left, header.rta_len);
    return true;
}

/* Numbers as /proc/net/dev shows them: what the device missed counts as dropped. */
static void parse_stats(struct link *link, const struct piece *attr)
{
    struct rtnl_link_stats64 stats = { 0 };

    memcpy(&stats, attr->body, MIN_OF(sizeof(stats), attr->len));
    link->has_stats = true;
    link->rx_bytes = stats.rx_bytes;
    link->rx_packets = stats.rx_packets;
    link->rx_errors = stats.rx_errors;
    link->rx_dropped = stats.rx_dropped + stats.rx_missed_errors;
    link->tx_bytes = stats.tx_bytes;
    link->tx_packets = stats.tx_packets;
    link->tx_errors = stats.tx_errors;
    link->tx_dropped = stats.tx_dropped;
}

static void copy_name(char name[IFNAMSIZ], const struct piece *attr)
{
    size_t len = strnlen((const char *)attr->body, MIN_OF(attr->len, (size_t)IFNAMSIZ - 1));

    memcpy(name, attr->body, len);
    name[len] = '\0';
}

static int parse_link(struct links *links, struct piece message)
{
    struct link link = { 0 };
    struct ifinfomsg info;
    struct piece attr;
    void *items;

    if (message.len < sizeof(info))
        return 0;
    memcpy(&info, message.body, sizeof(info));
    link.ifindex = (uint32_t)info.ifi_index;
    skip(&message.body, &message.len, sizeof(info));
    while (next_attr(&message.body, &message.len, &attr)) {
        if (attr.type == IFLA_IFNAME)
            copy_name(link.name, &attr);
        else if (attr.type == IFLA_ADDRESS)
            memcpy(link.mac, attr.body, MIN_OF(sizeof(link.mac), attr.len));
        else if (attr.type == IFLA_STATS64)
            parse_stats(&link, &attr);
    }
    if (!link.name[0])
        return 0;
    items = grow_array(links->links, links->link_count, &links->link_capacity, sizeof(link));
    if (!items)
        return -ENOMEM;
    links->links = items;
    links->links[links->link_count++] = link;
    return 0;
}

/* True if the message has an address. On a point-to-point link IFA_ADDRESS is the other end's. */
static bool parse_address_attrs(struct piece message, size_t size, struct link_address *address)
{
    bool has_local = false, has_address = false;
    struct piece attr;

    while (next_attr(&message.body, &message.len, &attr)) {
        if (attr.type == IFA_LABEL)
            copy_name(address->label, &attr);
        if (attr.len < size || (attr.type != IFA_LOCAL && attr.type != IFA_ADDRESS))
            continue;
        if (attr.type == IFA_LOCAL || !has_local)
            memcpy(address->bytes, attr.body, size);
        has_local = has_local || attr.type == IFA_LOCAL;
        has_address = true;
    }
    return has_address;
}

static int parse_address(struct links *links, struct piece message)
{
    struct link_address address = { 0 };
    struct ifaddrmsg info;
    void *items;

    if (message.len < sizeof(info))
        return 0;
    memcpy(&info, message.body, sizeof(info));
    if (info.ifa_family != AF_INET && info.ifa_family != AF_INET6)
        return 0;
    address.ifindex = info.ifa_index;
    address.family = info.ifa_family;
    address.prefix = info.ifa_prefixlen;
    skip(&message.body, &message.len, sizeof(info));
    if (!parse_address_attrs(message, info.ifa_family == AF_INET ? 4 : 16, &address))
        return 0;
    items = grow_array(links->addresses, links->address_count, &links->address_capacity,
                       sizeof(address));
    if (!items)
        return -ENOMEM;
    links->addresses = items;
    links->addresses[links->address_count++] = address;
    return 0;
}

/* 1 at the end of the dump, 0, or -errno. */
static int parse_message(struct links *links, const struct piece *message)
{
    int error = 0; /* both ends of a dump begin with one */

    if (message->flags & NLM_F_DUMP_INTR)
        return -EINTR;
    switch (message->type) {
    case NLMSG_DONE:
    case NLMSG_ERROR:
        memcpy(&error, message->body, MIN_OF(sizeof(error), message->len));
        return error < 0 ? error : message->type == NLMSG_DONE;
    case RTM_NEWLINK:
        return parse_link(links, *message);
    case RTM_NEWADDR:
        return parse_address(links, *message);
    default:
        return 0;
    }
}

int links_parse(struct links *links, const void *bytes, size_t len)
{
    const uint8_t *pos = bytes;
    struct piece message;
    int r = 0;

    while (r == 0 && next_message(&pos, &len, &message))
        r = parse_message(links, &message);
    return r;
}

static int send_request(int fd, uint16_t type)
{
    struct {
        struct nlmsghdr header;
        struct rtgenmsg message;
    } request = { .header = { .nlmsg_len = sizeof(request),
                              .nlmsg_type = type,
                              .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                              .nlmsg_seq = 1 },
                  .message = { .rtgen_family = AF_UNSPEC } };
    const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

    return sendto(fd, &request, sizeof(request), 0, (const void *)&kernel, sizeof(kernel)) < 0
               ? -errno
               : 0;
}

static int dump(int fd, uint16_t type, void *buffer, struct links *links)
{
    int r = send_request(fd, type);

    while (r == 0) {
        ssize_t n = recv(fd, buffer, DUMP_BYTES, MSG_TRUNC);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        r = (size_t)n > DUMP_BYTES ? -EMSGSIZE : links_parse(links, buffer, (size_t)n);
    }
    return r < 0 ? r : 0;
}

static int try_read(void *buffer, struct links *links)
{
    CLEANUP(fd_closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    const struct timeval timeout = { .tv_sec = TIMEOUT_SEC };
    int r;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    r = dump(fd, RTM_GETLINK, buffer, links);
    return r < 0 ? r : dump(fd, RTM_GETADDR, buffer, links);
}

int links_read(struct links *ret_links)
{
    CLEANUP(free_ptr) void *buffer = malloc(DUMP_BYTES);
    int r = buffer ? -EINTR : -ENOMEM;

    for (int i = 0; i < DUMP_ATTEMPTS && r == -EINTR; i++) {
        struct links links = { 0 };

        r = try_read(buffer, &links);
        if (r == 0)
            *ret_links = links;
        else
            links_done(&links);
    }
    return r;
}
