/*
 * cmds/linux/network/interfaces.c - one pass over the links, one over the addresses, one over the entries
 * to write them. Entries are found by name and devices by index in hash tables; an entry's
 * addresses are a chain of indices.
 */
#include "cmds/linux/network/interfaces.h"

#include "cmds/linux/keymap.h"
#include "cmds/linux/linux.h"
#include "cmds/linux/reply_guess.h"
#include "proto/reply.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>

#define NO_ADDRESS UINT32_MAX

/* Room taken at once for the text: what entries and addresses come to as a rule. */
#define ENTRY_BYTES   320
#define ADDRESS_BYTES 80

struct entry {
    const char *name;
    const struct link *device;
    bool is_label;        /* not the device's own name */
    uint32_t first, last; /* of its addresses; NO_ADDRESS: none */
};

struct builder {
    const struct links *links;
    struct entry *entries; /* room for every link and every address */
    size_t count;
    uint32_t *next;         /* address -> the entry's next one */
    struct keymap by_index; /* interface index -> links->links[] */
    struct keymap by_name;  /* entry's name -> entries[] */
};

static int add_entry(struct builder *builder, const char *name, const struct link *device,
                     bool is_label)
{
    int r = keymap_add(&builder->by_name, name, strlen(name), (uint32_t)builder->count);

    if (r == 0)
        builder->entries[builder->count++] = (struct entry){
            .name = name, .device = device, .is_label = is_label, .first = NO_ADDRESS
        };
    return r;
}

static int add_links(struct builder *builder)
{
    const struct links *links = builder->links;
    int r = 0;

    for (size_t i = 0; r == 0 && i < links->link_count; i++) {
        const struct link *link = &links->links[i];

        /* Twice in a dump: the list changed under it. */
        if (keymap_get(&builder->by_index, &link->ifindex, sizeof(link->ifindex)) != KEYMAP_NONE ||
            keymap_get(&builder->by_name, link->name, strlen(link->name)) != KEYMAP_NONE)
            continue;
        r = keymap_add(&builder->by_index, &link->ifindex, sizeof(link->ifindex), (uint32_t)i);
        if (r == 0)
            r = add_entry(builder, link->name, link, false);
    }
    return r;
}

static int add_address(struct builder *builder, uint32_t index)
{
    const struct link_address *address = &builder->links->addresses[index];
    uint32_t device = keymap_get(&builder->by_index, &address->ifindex, sizeof(address->ifindex));
    uint32_t found;
    const struct link *link;
    const char *name;
    struct entry *entry;

    if (device == KEYMAP_NONE) /* came between the two dumps */
        return 0;
    link = &builder->links->links[device];
    name = address->label[0] ? address->label : link->name;
    found = keymap_get(&builder->by_name, name, strlen(name));
    if (found == KEYMAP_NONE) {
        found = (uint32_t)builder->count;
        if (add_entry(builder, name, link, true) < 0)
            return -ENOMEM;
    }
    entry = &builder->entries[found];
    builder->next[index] = NO_ADDRESS;
    if (entry->first == NO_ADDRESS)
        entry->first = index;
    else
        builder->next[entry->last] = index;
    entry->last = index;
    return 0;
}

static void write_address(struct buf *text, const struct link_address *address)
{
    char ip[INET6_ADDRSTRLEN], prefix[16];

    inet_ntop(address->family, address->bytes, ip, sizeof(ip));
    snprintf(prefix, sizeof(prefix), "%u", address->prefix);
    buf_puts(text, "{\"ip-address\": \"");
    buf_puts(text, ip);
    buf_puts(text, address->family == AF_INET ? "\", \"ip-address-type\": \"ipv4\", \"prefix\": "
                                              : "\", \"ip-address-type\": \"ipv6\", \"prefix\": ");
    buf_puts(text, prefix);
    buf_putc(text, '}');
}

static void write_statistics(struct buf *text, const struct link *link)
{
    buf_printf(text,
               ", \"statistics\": {\"rx-bytes\": %" PRIu64 ", \"rx-packets\": %" PRIu64
               ", \"rx-errs\": %" PRIu64 ", \"rx-dropped\": %" PRIu64 ", \"tx-bytes\": %" PRIu64
               ", \"tx-packets\": %" PRIu64 ", \"tx-errs\": %" PRIu64 ", \"tx-dropped\": %" PRIu64
               "}",
               link->rx_bytes, link->rx_packets, link->rx_errors, link->rx_dropped, link->tx_bytes,
               link->tx_packets, link->tx_errors, link->tx_dropped);
}

static void write_entry(const struct builder *builder, const struct entry *entry, struct buf *text)
{
    const uint8_t *mac = entry->device->mac;

    buf_puts(text, "{\"name\": ");
    text_string(text, entry->name, strlen(entry->name));
    buf_printf(text, ", \"hardware-address\": \"%02x:%02x:%02x:%02x:%02x:%02x\"", mac[0], mac[1],
               mac[2], mac[3], mac[4], mac[5]);
    if (entry->first != NO_ADDRESS) {
        buf_puts(text, ", \"ip-addresses\": [");
        for (uint32_t i = entry->first; i != NO_ADDRESS; i = builder->next[i]) {
            if (i != entry->first)
                buf_puts(text, ", ");
            write_address(text, &builder->links->addresses[i]);
        }
        buf_putc(text, ']');
        if (!entry->is_label && entry->device->has_stats)
            write_statistics(text, entry->device);
    }
    buf_putc(text, '}');
}

static int build(struct builder *builder, struct buf *text)
{
    int r = add_links(builder);

    for (size_t i = 0; r == 0 && i < builder->links->address_count; i++)
        r = add_address(builder, (uint32_t)i);
    if (r < 0)
        return r;
    buf_reserve(text, builder->count * ENTRY_BYTES + builder->links->address_count * ADDRESS_BYTES);
    buf_putc(text, '[');
    for (size_t i = 0; i < builder->count; i++) {
        if (i > 0)
            buf_puts(text, ", ");
        write_entry(builder, &builder->entries[i], text);
    }
    buf_putc(text, ']');
    return buf_ok(text) ? 0 : -ENOMEM;
}

int interfaces_text(const struct links *links, struct buf *text, uint64_t *ret_probes)
{
    struct builder builder = { .links = links };
    int r;

    builder.entries = calloc(links->link_count + links->address_count + 1, sizeof(struct entry));
    builder.next = calloc(links->address_count + 1, sizeof(*builder.next));
    r = builder.entries && builder.next ? build(&builder, text) : -ENOMEM;
    if (ret_probes)
        *ret_probes = builder.by_index.probes + builder.by_name.probes;
    keymap_done(&builder.by_index);
    keymap_done(&builder.by_name);
    free(builder.entries);
    free(builder.next);
    return r;
}

/* Written by whichever worker made the last reply, read by the I/O thread: relaxed, a guess only. */
static struct reply_guess reply_size;

size_t network_get_interfaces_max(const struct cmd_env *env, const void *args)
{
    return reply_guess_get(&reply_size);
}

int cmd_network_get_interfaces(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(links_done) struct links links = { 0 };
    int r = links_read(&links);

    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to list the network interfaces");
    r = interfaces_text(&links, &reply->text, NULL);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to build the reply");
    reply_guess_note(&reply_size, reply->text.len);
    reply->is_text = true;
    return 0;
}
