/*
 * cmds/linux/network/route.c - guest-network-get-route: /proc/net/route and /proc/net/ipv6_route.
 *
 * A kernel without one of the protocols has no table for it: that is no error. Addresses of the
 * IPv4 table are printed as the machine keeps them (network byte order in memory), so their hex
 * text depends on its byte order; those of the IPv6 table are plain bytes. Numbers are unsigned.
 */
#include "cmds/linux/linux.h"
#include "proto/reply.h"

#include <arpa/inet.h>
#include <errno.h>

static int add_ipv4(struct json_object *object, const char *key, uint32_t address)
{
    struct in_addr in = { .s_addr = address };
    char text[INET_ADDRSTRLEN];

    return json_add_str(object, key, inet_ntop(AF_INET, &in, text, sizeof(text)));
}

static int add_ipv4_line(const char *line, struct json_object *array)
{
    uint32_t destination, gateway, mask;
    unsigned flags, refcnt, use, metric, mtu, window, irtt;
    struct json_object *object;
    char iface[64];
    int r;

    if (sscanf(line, "%63s %x %x %x %u %u %u %x %u %u %u", iface, &destination, &gateway, &flags,
               &refcnt, &use, &metric, &mask, &mtu, &window, &irtt) != 11)
        return 0; /* the heading */
    object = json_object_new_object();
    r = json_append(array, object);
    if (r == 0)
        r = json_add_str(object, "iface", iface);
    if (r == 0)
        r = add_ipv4(object, "destination", destination);
    if (r == 0)
        r = add_ipv4(object, "gateway", gateway);
    if (r == 0)
        r = add_ipv4(object, "mask", mask);

    const struct {
        const char *key;
        unsigned value;
    } numbers[] = {
        { "metric", metric }, { "flags", flags }, { "refcnt", refcnt }, { "use", use },
        { "window", window }, { "mtu", mtu },     { "irtt", irtt },     { "version", 4 }
    };
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(numbers); i++)
        r = json_add_int(object, numbers[i].key, numbers[i].value);
    return r;
}

/* 32 hex digits; text that is none is an error. */
static int add_ipv6(struct json_object *object, const char *key, const char *hex)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr in6;

    for (size_t i = 0; i < sizeof(in6.s6_addr); i++) {
        unsigned byte;

        if (sscanf(hex + i * 2, "%2x", &byte) != 1)
            return -EINVAL;
        in6.s6_addr[i] = (uint8_t)byte;
    }
    return json_add_str(object, key, inet_ntop(AF_INET6, &in6, text, sizeof(text)));
}

/* Prefix lengths are strings in the schema. */
static int add_length(struct json_object *object, const char *key, unsigned length)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", length);
    return json_add_str(object, key, text);
}

static int add_ipv6_line(const char *line, struct json_object *array)
{
    char destination[33], source[33], nexthop[33], iface[64];
    unsigned dest_len, source_len, metric, refcnt, use, flags;
    struct json_object *object;
    int r;

    if (sscanf(line, "%32[0-9a-fA-F] %x %32[0-9a-fA-F] %x %32[0-9a-fA-F] %x %x %x %x %63s",
               destination, &dest_len, source, &source_len, nexthop, &metric, &refcnt, &use, &flags,
               iface) != 10)
        return 0;
    if (strlen(destination) != 32 || strlen(source) != 32 || strlen(nexthop) != 32)
        return 0;
    object = json_object_new_object();
    r = json_append(array, object);
    if (r == 0)
        r = json_add_str(object, "iface", iface);
    if (r == 0)
        r = add_ipv6(object, "destination", destination);
    if (r == 0)
        r = add_ipv6(object, "source", source);
    if (r == 0)
        r = add_ipv6(object, "nexthop", nexthop);
    if (r == 0)
        r = add_length(object, "desprefixlen", dest_len);
    if (r == 0)
        r = add_length(object, "srcprefixlen", source_len);

    const struct {
        const char *key;
        unsigned value;
    } numbers[] = { { "metric", metric },
                    { "flags", flags },
                    { "refcnt", refcnt },
                    { "use", use },
                    { "version", 6 } };
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(numbers); i++)
        r = json_add_int(object, numbers[i].key, numbers[i].value);
    return r;
}

typedef int add_line_fn(const char *line, struct json_object *array);

static int add_table(const struct sysroot *root, const char *path, add_line_fn *add_line,
                     struct json_object *array, struct cmd_error *reterr)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    char *rest = NULL;
    int r = sysroot_read(root, path, &text);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to read %s", path);
    for (char *line = strtok_r(text.data, "\n", &rest); line && r == 0;
         line = strtok_r(NULL, "\n", &rest))
        r = add_line(line, array);
    return r < 0 ? cmd_fail_errno(reterr, r, "failed to build the reply") : 0;
}

int cmd_network_get_route(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *array = json_object_new_array();

    if (!array)
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to build the reply");
    if (!sysroot_exists(&env->root, "/proc/net"))
        return cmd_fail_errno(&reply->error, ENOENT, "failed to read /proc/net");
    if (add_table(&env->root, "/proc/net/route", add_ipv4_line, array, &reply->error) < 0 ||
        add_table(&env->root, "/proc/net/ipv6_route", add_ipv6_line, array, &reply->error) < 0)
        return -1;
    reply->value = TAKE_PTR(array);
    return 0;
}
