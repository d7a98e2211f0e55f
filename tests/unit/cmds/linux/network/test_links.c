/* Netlink messages into lists: well-formed ones, and ones cut short or lying about lengths. */
#include "cmds/linux/network/links.h"

#include "unit/tempdir.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

/* Messages are built at the end of this buffer. */
struct messages {
    _Alignas(8) uint8_t bytes[4096];
    size_t len, start;
};

static void put(struct messages *messages, const void *data, size_t len)
{
    memcpy(messages->bytes + messages->len, data, len);
    messages->len += NLMSG_ALIGN(len);
}

static void begin(struct messages *messages, uint16_t type, uint16_t flags, const void *body,
                  size_t len)
{
    struct nlmsghdr header = { .nlmsg_type = type, .nlmsg_flags = flags };

    messages->start = messages->len;
    put(messages, &header, sizeof(header));
    put(messages, body, len);
}

static void attr(struct messages *messages, uint16_t type, const void *data, size_t len)
{
    struct rtattr header = { .rta_len = (uint16_t)(sizeof(header) + len), .rta_type = type };

    put(messages, &header, sizeof(header));
    put(messages, data, len);
}

static void end(struct messages *messages)
{
    uint32_t len = (uint32_t)(messages->len - messages->start);

    memcpy(messages->bytes + messages->start, &len, sizeof(len));
}

static void put_link(struct messages *messages, int ifindex, const char *name)
{
    struct rtnl_link_stats64 stats = {
        .rx_bytes = 10, .rx_dropped = 2, .rx_missed_errors = 3, .tx_packets = 4
    };
    struct ifinfomsg info = { .ifi_index = ifindex };
    uint8_t mac[20] = { 1, 2, 3, 4, 5, 6, 7 };

    begin(messages, RTM_NEWLINK, NLM_F_MULTI, &info, sizeof(info));
    attr(messages, IFLA_IFNAME, name, strlen(name) + 1);
    attr(messages, IFLA_ADDRESS, mac, sizeof(mac));
    attr(messages, IFLA_STATS64, &stats, sizeof(stats));
    end(messages);
}

static void a_link_has_name_hardware_address_and_statistics(void **state)
{
    struct messages messages = { .len = 0 };
    struct links links = { 0 };

    put_link(&messages, 3, "ib0");
    assert_int_equal(links_parse(&links, messages.bytes, messages.len), 0);
    assert_int_equal(links.link_count, 1);
    assert_int_equal(links.links[0].ifindex, 3);
    assert_string_equal(links.links[0].name, "ib0");
    assert_memory_equal(links.links[0].mac, "\1\2\3\4\5\6", 6);
    assert_true(links.links[0].has_stats);
    assert_int_equal(links.links[0].rx_bytes, 10);
    assert_int_equal(links.links[0].rx_dropped, 5);
    assert_int_equal(links.links[0].tx_packets, 4);
    links_done(&links);
}

static void the_own_end_of_a_point_to_point_link_is_the_address(void **state)
{
    struct ifaddrmsg info = { .ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 5 };
    struct messages messages = { .len = 0 };
    struct links links = { 0 };

    begin(&messages, RTM_NEWADDR, 0, &info, sizeof(info));
    attr(&messages, IFA_ADDRESS, "\12\0\0\2", 4);
    attr(&messages, IFA_LOCAL, "\12\0\0\1", 4);
    attr(&messages, IFA_LABEL, "ppp0:x", 7);
    end(&messages);
    begin(&messages, RTM_NEWADDR, 0, &info, sizeof(info));
    attr(&messages, IFA_LOCAL, "\12\0\0\3", 4);
    attr(&messages, IFA_ADDRESS, "\12\0\0\4", 4);
    end(&messages);
    assert_int_equal(links_parse(&links, messages.bytes, messages.len), 0);
    assert_int_equal(links.address_count, 2);
    assert_memory_equal(links.addresses[0].bytes, "\12\0\0\1", 4);
    assert_string_equal(links.addresses[0].label, "ppp0:x");
    assert_int_equal(links.addresses[0].prefix, 32);
    assert_memory_equal(links.addresses[1].bytes, "\12\0\0\3", 4);
    links_done(&links);
}

static void the_end_and_errors_of_a_dump_are_reported(void **state)
{
    struct messages done = { .len = 0 }, failed = { .len = 0 }, changed = { .len = 0 };
    struct links links = { 0 };
    struct ifinfomsg info = { .ifi_index = 1 };
    int zero = 0, error = -EPERM;

    begin(&done, NLMSG_DONE, 0, &zero, sizeof(zero));
    end(&done);
    assert_int_equal(links_parse(&links, done.bytes, done.len), 1);
    begin(&failed, NLMSG_ERROR, 0, &error, sizeof(error));
    end(&failed);
    assert_int_equal(links_parse(&links, failed.bytes, failed.len), -EPERM);
    begin(&changed, RTM_NEWLINK, NLM_F_DUMP_INTR, &info, sizeof(info));
    end(&changed);
    assert_int_equal(links_parse(&links, changed.bytes, changed.len), -EINTR);
    links_done(&links);
}

static void messages_cut_anywhere_do_no_harm(void **state)
{
    struct ifaddrmsg info = { .ifa_family = AF_INET6, .ifa_index = 5 };
    struct messages messages = { .len = 0 };

    put_link(&messages, 3, "eth0");
    begin(&messages, RTM_NEWADDR, 0, &info, sizeof(info));
    attr(&messages, IFA_ADDRESS, "0123456789abcdef", 16);
    end(&messages);
    for (size_t len = 0; len <= messages.len; len++) {
        struct links links = { 0 };
        uint8_t *copy = malloc(len + 1); /* so that a sanitizer sees what is read behind it */

        assert_non_null(copy);
        memcpy(copy, messages.bytes, len);
        assert_true(links_parse(&links, copy, len) <= 0);
        assert_true(links.link_count <= 1);
        links_done(&links);
        free(copy);
    }
}

static void lengths_that_lie_do_no_harm(void **state)
{
    for (size_t at = 0; at < 160; at += 2) {
        for (uint16_t lie = 0; lie < 200; lie = (uint16_t)(lie * 3 + 1)) {
            struct messages messages = { .len = 0 };
            struct links links = { 0 };
            uint8_t *copy;

            put_link(&messages, 3, "eth0");
            memcpy(messages.bytes + at, &lie, sizeof(lie));
            copy = malloc(messages.len);
            assert_non_null(copy);
            memcpy(copy, messages.bytes, messages.len);
            links_parse(&links, copy, messages.len);
            assert_true(links.link_count <= 1);
            links_done(&links);
            free(copy);
        }
    }
}

static void the_kernel_answers_both_dumps(void **state)
{
    struct links links = { 0 };
    bool loopback = false;

    assert_int_equal(links_read(&links), 0);
    for (size_t i = 0; i < links.link_count; i++)
        loopback = loopback || strcmp(links.links[i].name, "lo") == 0;
    assert_true(loopback);
    links_done(&links);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_has_name_hardware_address_and_statistics),
        cmocka_unit_test(the_own_end_of_a_point_to_point_link_is_the_address),
        cmocka_unit_test(the_end_and_errors_of_a_dump_are_reported),
        cmocka_unit_test(messages_cut_anywhere_do_no_harm),
        cmocka_unit_test(lengths_that_lie_do_no_harm),
        cmocka_unit_test(the_kernel_answers_both_dumps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
