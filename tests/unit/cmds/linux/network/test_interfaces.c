/* guest-network-get-interfaces from lists made up here; its cost is counted, not timed. */
#include "cmds/linux/network/interfaces.h"

#include "unit/cmds/linux/reply_check.h"

#include <arpa/inet.h>

/* Arrays big enough for the lists of these tests, on the heap. */
static struct links lists(size_t links, size_t addresses)
{
    struct links lists = { .links = calloc(links, sizeof(struct link)),
                           .addresses = calloc(addresses + 1, sizeof(struct link_address)) };

    assert_non_null(lists.links);
    assert_non_null(lists.addresses);
    return lists;
}

static void add_link(struct links *lists, uint32_t ifindex, const char *name, uint8_t mac)
{
    struct link *link = &lists->links[lists->link_count++];

    *link = (struct link){ .ifindex = ifindex,
                           .has_stats = true,
                           .rx_bytes = ifindex * UINT64_C(100),
                           .rx_packets = 2,
                           .rx_errors = 3,
                           .rx_dropped = 4,
                           .tx_bytes = 5,
                           .tx_packets = 6,
                           .tx_errors = 7,
                           .tx_dropped = 8 };
    snprintf(link->name, sizeof(link->name), "%s", name);
    memset(link->mac, mac, sizeof(link->mac));
}

static void add_address(struct links *lists, uint32_t ifindex, const char *label, const char *text,
                        uint8_t prefix)
{
    struct link_address *address = &lists->addresses[lists->address_count++];

    *address = (struct link_address){ .ifindex = ifindex, .prefix = prefix };
    address->family = (uint8_t)(strchr(text, ':') ? AF_INET6 : AF_INET);
    assert_int_equal(inet_pton(address->family, text, address->bytes), 1);
    snprintf(address->label, sizeof(address->label), "%s", label);
}

static struct json_object *document_of(const struct links *links, uint64_t *ret_probes)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    struct json_object *value;

    assert_int_equal(interfaces_text(links, &text, ret_probes), 0);
    value = json_tokener_parse(buf_terminate(&text));
    assert_non_null(value);
    return value;
}

static void an_interface_has_its_addresses_and_statistics(void **state)
{
    struct links links = lists(2, 3);
    struct json_object *value;

    add_link(&links, 1, "lo", 0);
    add_link(&links, 2, "eth0", 0xab);
    add_address(&links, 2, "eth0", "192.0.2.2", 24);
    add_address(&links, 2, "", "fd00::2", 64);
    value = document_of(&links, NULL);
    check_count(value, "", 2);
    check_str(value, "/0/name", "lo");
    check_str(value, "/0/hardware-address", "00:00:00:00:00:00");
    check_str(value, "/1/name", "eth0");
    check_str(value, "/1/hardware-address", "ab:ab:ab:ab:ab:ab");
    check_count(value, "/1/ip-addresses", 2);
    check_str(value, "/1/ip-addresses/0/ip-address", "192.0.2.2");
    check_str(value, "/1/ip-addresses/0/ip-address-type", "ipv4");
    check_int(value, "/1/ip-addresses/0/prefix", 24);
    check_str(value, "/1/ip-addresses/1/ip-address", "fd00::2");
    check_str(value, "/1/ip-addresses/1/ip-address-type", "ipv6");
    check_int(value, "/1/ip-addresses/1/prefix", 64);
    check_int(value, "/1/statistics/rx-bytes", 200);
    check_int(value, "/1/statistics/rx-packets", 2);
    check_int(value, "/1/statistics/rx-errs", 3);
    check_int(value, "/1/statistics/rx-dropped", 4);
    check_int(value, "/1/statistics/tx-bytes", 5);
    check_int(value, "/1/statistics/tx-packets", 6);
    check_int(value, "/1/statistics/tx-errs", 7);
    check_int(value, "/1/statistics/tx-dropped", 8);
    json_object_put(value);
    links_done(&links);
}

static void an_interface_without_address_has_neither_addresses_nor_statistics(void **state)
{
    struct links links = lists(1, 0);
    struct json_object *value;

    add_link(&links, 7, "ifb0", 1);
    value = document_of(&links, NULL);
    check_str(value, "/0/name", "ifb0");
    check_absent(value, "/0/ip-addresses");
    check_absent(value, "/0/statistics");
    json_object_put(value);
    links_done(&links);
}

static void a_label_is_an_entry_of_its_own_without_statistics(void **state)
{
    struct links links = lists(2, 3);
    struct json_object *value;

    add_link(&links, 1, "lo", 0);
    add_link(&links, 2, "eth0", 0x12);
    add_address(&links, 1, "lo", "127.0.0.1", 8);
    add_address(&links, 2, "eth0:one", "192.0.2.9", 32);
    add_address(&links, 2, "eth0:one", "192.0.2.10", 32);
    value = document_of(&links, NULL);
    check_count(value, "", 3);
    check_str(value, "/1/name", "eth0");
    check_absent(value, "/1/ip-addresses");
    check_str(value, "/2/name", "eth0:one");
    check_str(value, "/2/hardware-address", "12:12:12:12:12:12");
    check_count(value, "/2/ip-addresses", 2);
    check_absent(value, "/2/statistics");
    json_object_put(value);
    links_done(&links);
}

static void an_address_of_an_unknown_interface_is_left_out(void **state)
{
    struct links links = lists(1, 1);
    struct json_object *value;

    add_link(&links, 1, "lo", 0);
    add_address(&links, 9, "", "fd00::9", 64);
    value = document_of(&links, NULL);
    check_count(value, "", 1);
    check_absent(value, "/0/ip-addresses");
    json_object_put(value);
    links_done(&links);
}

static void an_interface_listed_twice_is_one_entry(void **state)
{
    struct links links = lists(3, 0);
    struct json_object *value;

    add_link(&links, 1, "eth0", 0);
    add_link(&links, 1, "eth0", 0);
    add_link(&links, 2, "eth0", 0);
    value = document_of(&links, NULL);
    check_count(value, "", 1);
    json_object_put(value);
    links_done(&links);
}

/* How many table slots are looked at for `count` addresses on `interfaces` interfaces. */
static uint64_t cost_of(uint32_t interfaces, uint32_t count, size_t expected_entries)
{
    struct links links = lists(interfaces, count);
    struct json_object *value;
    uint64_t probes;

    for (uint32_t i = 0; i < interfaces; i++) {
        char name[IFNAMSIZ];

        snprintf(name, sizeof(name), "veth%08x", i * 2654435761U);
        add_link(&links, i + 1, name, 2);
    }
    for (uint32_t i = 0; i < count; i++) {
        char text[64];

        snprintf(text, sizeof(text), "fd00::%x:%x", i >> 16, i & 0xffff);
        add_address(&links, i % interfaces + 1, "", text, 64);
    }
    value = document_of(&links, &probes);
    check_count(value, "", expected_entries);
    json_object_put(value);
    links_done(&links);
    return probes;
}

static void the_cost_grows_with_the_number_of_addresses_and_no_faster(void **state)
{
    uint64_t small = cost_of(1, 1000, 1), big = cost_of(1, 16000, 1);

    assert_true(big <= small * 20);
    small = cost_of(1000, 1000, 1000);
    big = cost_of(16000, 16000, 16000);
    assert_true(big <= small * 20);
    assert_true(big <= 320000); /* 20 for each */
}

static void the_command_shows_the_loopback_interface_of_this_machine(void **state)
{
    struct json_object *value = reply_value(cmd_network_get_interfaces, "", NULL);
    bool found = false;

    for (size_t i = 0; i < json_object_array_length(value); i++) {
        struct json_object *entry = json_object_array_get_idx(value, i);

        if (strcmp(json_object_get_string(value_at(entry, "/name")), "lo") == 0) {
            check_str(entry, "/hardware-address", "00:00:00:00:00:00");
            found = true;
        }
    }
    assert_true(found);
    json_object_put(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interface_has_its_addresses_and_statistics),
        cmocka_unit_test(an_interface_without_address_has_neither_addresses_nor_statistics),
        cmocka_unit_test(a_label_is_an_entry_of_its_own_without_statistics),
        cmocka_unit_test(an_address_of_an_unknown_interface_is_left_out),
        cmocka_unit_test(an_interface_listed_twice_is_one_entry),
        cmocka_unit_test(the_cost_grows_with_the_number_of_addresses_and_no_faster),
        cmocka_unit_test(the_command_shows_the_loopback_interface_of_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
