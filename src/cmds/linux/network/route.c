/*
 * cmds/linux/network/route.c - guest-network-get-route: /proc/net/route and /proc/net/ipv6_route.
 *
 * A kernel without one of the protocols has no table for it: that is no error. Addresses of the
 * IPv4 table are printed as the machine keeps them (network byte order in memory), so their hex
 * text depends on its byte order; those of the IPv6 table are plain bytes. Numbers are unsigned.
 *
 * A router may have hundreds of thousands of routes: the tables are read line by line, and each
 * route goes into the reply at once.
 */
#include "base/fdio.h"
#include "cmds/linux/linux.h"
#include "cmds/linux/reply_guess.h"
#include "proto/reply.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>

#define READ_BYTES (64 * KIB)

/* reply.bytes: written by whichever worker made the last reply, read by the I/O thread; relaxed, for
 * it is only a guess. */
static struct reply_guess reply_size;

size_t network_get_route_max(const struct cmd_env *env, const void *args)
{
    return reply_guess_get(&reply_size);
}

static void add_ipv4(struct buf *text, const char *lead, uint32_t address)
{
    struct in_addr in = { .s_addr = address };
    char shown[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &in, shown, sizeof(shown));
    text_str_member(text, lead, shown);
}

static void begin_route(struct buf *text, const char *iface)
{
    text_str_member(text,
                    text->data[text->len - 1] == '[' ? "{\"iface\": " : ", {\"iface\": ", iface);
}

static void add_ipv4_line(const char *line, struct buf *text)
{
    uint32_t destination, gateway, mask;
    unsigned flags, refcnt, use, metric, mtu, window, irtt;
    char iface[64];

    if (sscanf(line, "%63s %x %x %x %u %u %u %x %u %u %u", iface, &destination, &gateway, &flags,
               &refcnt, &use, &metric, &mask, &mtu, &window, &irtt) != 11)
        return; /* the heading */
    begin_route(text, iface);
    add_ipv4(text, ", \"destination\": ", destination);
    add_ipv4(text, ", \"gateway\": ", gateway);
    add_ipv4(text, ", \"mask\": ", mask);
    text_int_member(text, ", \"metric\": ", metric);
    text_int_member(text, ", \"flags\": ", flags);
    text_int_member(text, ", \"refcnt\": ", refcnt);
    text_int_member(text, ", \"use\": ", use);
    text_int_member(text, ", \"window\": ", window);
    text_int_member(text, ", \"mtu\": ", mtu);
    text_int_member(text, ", \"irtt\": ", irtt);
    buf_puts(text, ", \"version\": 4}");
}

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* 32 hex digits. */
static void add_ipv6(struct buf *text, const char *lead, const char *hex)
{
    char shown[INET6_ADDRSTRLEN];
    struct in6_addr in6;

    for (size_t i = 0; i < sizeof(in6.s6_addr); i++)
        in6.s6_addr[i] = (uint8_t)(hex_digit(hex[i * 2]) << 4 | hex_digit(hex[i * 2 + 1]));
    inet_ntop(AF_INET6, &in6, shown, sizeof(shown));
    text_str_member(text, lead, shown);
}

/* Prefix lengths are strings in the schema. */
static void add_length(struct buf *text, const char *lead, unsigned length)
{
    text_int_member(text, lead, length);
    buf_putc(text, '"');
}

static void add_ipv6_line(const char *line, struct buf *text)
{
    char destination[33], source[33], nexthop[33], iface[64];
    unsigned dest_len, source_len, metric, refcnt, use, flags;

    if (sscanf(line, "%32[0-9a-fA-F] %x %32[0-9a-fA-F] %x %32[0-9a-fA-F] %x %x %x %x %63s",
               destination, &dest_len, source, &source_len, nexthop, &metric, &refcnt, &use, &flags,
               iface) != 10)
        return;
    if (strlen(destination) != 32 || strlen(source) != 32 || strlen(nexthop) != 32)
        return;
    begin_route(text, iface);
    add_ipv6(text, ", \"destination\": ", destination);
    add_ipv6(text, ", \"source\": ", source);
    add_ipv6(text, ", \"nexthop\": ", nexthop);
    add_length(text, ", \"desprefixlen\": \"", dest_len);
    add_length(text, ", \"srcprefixlen\": \"", source_len);
    text_int_member(text, ", \"metric\": ", metric);
    text_int_member(text, ", \"flags\": ", flags);
    text_int_member(text, ", \"refcnt\": ", refcnt);
    text_int_member(text, ", \"use\": ", use);
    buf_puts(text, ", \"version\": 6}");
}

typedef void add_line_fn(const char *line, struct buf *text);

/* 0 or -errno; -EFBIG: the reply would be too large. */
static int add_lines(FILE *file, add_line_fn *add_line, struct buf *text)
{
    char *line = NULL;
    size_t size = 0;
    int r = 0;

    errno = 0;
    while (r == 0 && getline(&line, &size, file) >= 0) {
        add_line(line, text);
        if (!buf_ok(text))
            r = -ENOMEM;
        else if (text->len > REPLY_TABLE_MAX)
            r = -EFBIG;
    }
    if (r == 0 && !feof(file))
        r = errno ? -errno : -EIO;
    free(line);
    return r;
}

static int add_table(const struct sysroot *root, const char *path, add_line_fn *add_line,
                     struct buf *text, struct cmd_error *reterr)
{
    CLEANUP(free_ptr) char *room = malloc(READ_BYTES);
    int fd = room ? sysroot_open(root, path, O_RDONLY) : -ENOMEM, r;
    FILE *file;

    if (fd == -ENOENT)
        return 0;
    file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!file) {
        r = fd < 0 ? fd : -errno;
        fd_close(fd);
        return cmd_fail_errno(reterr, r, "failed to read %s", path);
    }
    setvbuf(file, room, _IOFBF, READ_BYTES);
    r = add_lines(file, add_line, text);
    fclose(file);
    return r < 0 ? cmd_fail_errno(reterr, r, "failed to read %s", path) : 0;
}

int cmd_network_get_route(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    struct buf *text = &reply->text;

    if (!sysroot_exists(&env->root, "/proc/net"))
        return cmd_fail_errno(&reply->error, ENOENT, "failed to read /proc/net");
    buf_putc(text, '[');
    if (!buf_ok(text))
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to build the reply");
    if (add_table(&env->root, "/proc/net/route", add_ipv4_line, text, &reply->error) < 0 ||
        add_table(&env->root, "/proc/net/ipv6_route", add_ipv6_line, text, &reply->error) < 0)
        return -1;
    buf_putc(text, ']');
    if (!buf_ok(text))
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to build the reply");
    reply_guess_note(&reply_size, text->len);
    reply->is_text = true;
    return 0;
}
