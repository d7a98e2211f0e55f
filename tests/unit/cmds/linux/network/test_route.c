/* guest-network-get-route. The IPv4 table was written by a little-endian machine. */
#include "unit/cmds/linux/reply_check.h"

#include <endian.h>
#include <sys/stat.h>

#define ROUTES(tree) reply_value(cmd_network_get_route, PQGA_TEST_DATA "/" tree, NULL)

static void ipv4_routes_have_their_members(void **state)
{
    struct json_object *value = ROUTES("virtio-blk");
    bool little = __BYTE_ORDER == __LITTLE_ENDIAN;

    check_count(value, "", 7);
    check_str(value, "/1/iface", "eth0");
    check_str(value, "/1/destination", little ? "10.0.2.0" : "0.2.0.10");
    check_str(value, "/1/mask", little ? "255.255.255.0" : "0.255.255.255");
    check_str(value, "/1/gateway", "0.0.0.0");
    check_int(value, "/1/metric", 100);
    check_int(value, "/1/flags", 1);
    check_int(value, "/1/refcnt", 0);
    check_int(value, "/1/use", 7);
    check_int(value, "/1/mtu", 1400);
    check_int(value, "/1/window", 64);
    check_int(value, "/1/irtt", 3);
    check_int(value, "/1/version", 4);
    check_absent(value, "/1/nexthop");
    check_str(value, "/0/gateway", little ? "10.0.2.1" : "1.2.0.10");
    check_int(value, "/2/metric", 4294967295);
    json_object_put(value);
}

static void ipv6_routes_have_their_members(void **state)
{
    struct json_object *value = ROUTES("virtio-blk");

    check_str(value, "/3/iface", "eth0");
    check_str(value, "/3/destination", "fd00::");
    check_str(value, "/3/desprefixlen", "64");
    check_str(value, "/3/source", "::");
    check_str(value, "/3/srcprefixlen", "0");
    check_str(value, "/3/nexthop", "::");
    check_int(value, "/3/metric", 0x100);
    check_int(value, "/3/refcnt", 1);
    check_int(value, "/3/use", 5);
    check_int(value, "/3/flags", 1);
    check_int(value, "/3/version", 6);
    check_absent(value, "/3/gateway");
    check_absent(value, "/3/mask");
    check_str(value, "/4/nexthop", "fe80::1");
    check_str(value, "/5/desprefixlen", "128");
    json_object_put(value);
}

static void ipv6_numbers_with_the_top_bit_are_positive(void **state)
{
    struct json_object *value = ROUTES("virtio-blk");

    check_int(value, "/5/flags", 0x80200001);
    check_int(value, "/6/metric", 4294967295);
    check_int(value, "/6/use", 4294967295);
    check_str(value, "/6/source", "2001:db8::");
    check_str(value, "/6/srcprefixlen", "32");
    json_object_put(value);
}

static void a_machine_without_ipv6_has_its_ipv4_routes(void **state)
{
    struct json_object *value = ROUTES("no-ipv6");

    check_count(value, "", 3);
    json_object_put(value);
}

static void a_machine_with_ipv6_alone_has_those(void **state)
{
    struct json_object *value;

    mkdir(tempdir_path(state, "proc"), 0755);
    mkdir(tempdir_path(state, "proc/net"), 0755);
    tempdir_write(state, "proc/net/ipv6_route",
                  "00000000000000000000000000000001 80 00000000000000000000000000000000 00 "
                  "00000000000000000000000000000000 00000000 00000001 00000000 80200001       lo\n"
                  "0001 80 00 00 00 1 1 1 1 lo\n"
                  "nonsense\n");
    value = reply_value(cmd_network_get_route, *state, NULL);
    check_count(value, "", 1);
    check_str(value, "/0/destination", "::1");
    json_object_put(value);
}

static void without_proc_the_command_fails(void **state)
{
    reply_fails(cmd_network_get_route, *state, NULL,
                "failed to read /proc/net: No such file or directory");
}

/* Each file is more than 16 MiB. */
static void a_router_with_its_hundreds_of_thousands_of_routes_is_answered(void **state)
{
    CLEANUP(buf_done) struct buf text = { 0 }, text6 = { 0 };
    struct json_object *value;

    mkdir(tempdir_path(state, "proc"), 0755);
    mkdir(tempdir_path(state, "proc/net"), 0755);
    for (unsigned i = 0; i < 140000; i++) {
        buf_printf(&text, "%-127s\n",
                   "eth0\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0");
        buf_printf(
            &text6,
            "fd0000000000000000000000%08x 80 00000000000000000000000000000000 00 "
            "00000000000000000000000000000000 00000000 00000001 00000000 80200001     eth0\n",
            i);
    }
    tempdir_write(state, "proc/net/route", buf_terminate(&text));
    tempdir_write(state, "proc/net/ipv6_route", buf_terminate(&text6));
    assert_true(text.len > 16 * MIB && text6.len > 16 * MIB);
    value = reply_value(cmd_network_get_route, *state, NULL);
    check_count(value, "", 280000);
    check_int(value, "/139999/metric", 100);
    check_str(value, "/279999/destination", "fd00::2:22df");
    json_object_put(value);
    /* The next reply is charged by this one's length. */
    assert_true(network_get_route_max(NULL, NULL) > 40 * MIB);
}

static void a_reply_that_nobody_can_read_is_an_error(void **state)
{
    CLEANUP(buf_done) struct buf text = { 0 };

    mkdir(tempdir_path(state, "proc"), 0755);
    mkdir(tempdir_path(state, "proc/net"), 0755);
    for (unsigned i = 0; i < 900000; i++)
        buf_puts(&text, "e 0 0 0 0 0 0 0 0 0 0\n");
    tempdir_write(state, "proc/net/route", buf_terminate(&text));
    reply_fails(cmd_network_get_route, *state, NULL,
                "failed to read /proc/net/route: File too large");
}

static void an_interface_name_of_odd_bytes_is_escaped(void **state)
{
    struct json_object *value;

    mkdir(tempdir_path(state, "proc"), 0755);
    mkdir(tempdir_path(state, "proc/net"), 0755);
    tempdir_write(state, "proc/net/route", "a\"\xff\x01\\ 0 0 0 0 0 0 0 0 0 0\nb 1 1");
    value = reply_value(cmd_network_get_route, *state, NULL);
    check_count(value, "", 1);
    check_str(value, "/0/iface", "a\"\357\277\275\001\\");
    json_object_put(value);
}

static void a_table_that_cannot_be_read_is_an_error(void **state)
{
    mkdir(tempdir_path(state, "proc"), 0755);
    mkdir(tempdir_path(state, "proc/net"), 0755);
    mkdir(tempdir_path(state, "proc/net/route"), 0755);
    reply_fails(cmd_network_get_route, *state, NULL,
                "failed to read /proc/net/route: Is a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_routes_have_their_members),
        cmocka_unit_test(ipv6_routes_have_their_members),
        cmocka_unit_test(ipv6_numbers_with_the_top_bit_are_positive),
        cmocka_unit_test(a_machine_without_ipv6_has_its_ipv4_routes),
        TEST_IN_TEMPDIR(a_machine_with_ipv6_alone_has_those),
        TEST_IN_TEMPDIR(without_proc_the_command_fails),
        TEST_IN_TEMPDIR(a_router_with_its_hundreds_of_thousands_of_routes_is_answered),
        TEST_IN_TEMPDIR(a_reply_that_nobody_can_read_is_an_error),
        TEST_IN_TEMPDIR(an_interface_name_of_odd_bytes_is_escaped),
        TEST_IN_TEMPDIR(a_table_that_cannot_be_read_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
