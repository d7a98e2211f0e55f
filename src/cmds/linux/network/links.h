/*
 * Network interfaces and their addresses, as the kernel dumps them over rtnetlink: two dumps,
 * however many there are.
 *
 * Threads    any; the lists have one owner.
 * Ownership  links_done() frees; a zeroed struct is empty.
 * Errors     -errno. -EINTR from links_read(): the lists kept changing while they were dumped.
 * Source     rtnetlink(7), linux/if_link.h, linux/if_addr.h.
 */
#pragma once

#include "base/defs.h"

#include <net/if.h>

struct link {
    uint32_t ifindex;
    char name[IFNAMSIZ];
    uint8_t mac[6]; /* zeros if the device has no hardware address */
    bool has_stats;
    uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
    uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

struct link_address {
    uint32_t ifindex;
    char label[IFNAMSIZ]; /* IPv4 only: the interface's name, or name:suffix; "": none */
    uint8_t family;       /* AF_INET or AF_INET6 */
    uint8_t prefix;
    uint8_t bytes[16];
};

struct links {
    struct link *links;
    size_t link_count, link_capacity;
    struct link_address *addresses;
    size_t address_count, address_capacity;
};

int links_read(struct links *ret_links);
void links_done(struct links *links);

/* Adds what a buffer of netlink messages holds; messages cut short are ignored. 1: the dump's end
 * was among them; 0: there is more; or -errno (one that the kernel sent, or -ENOMEM). */
int links_parse(struct links *links, const void *bytes, size_t len);
