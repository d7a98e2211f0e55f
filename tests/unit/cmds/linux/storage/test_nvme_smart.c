/* The SMART log page: decoding made-up bytes, and devices that are none. */
#include "cmds/linux/storage/nvme_smart.h"

#include "unit/cmds/linux/reply_check.h"

static struct json_object *smart_value(const uint8_t page[NVME_SMART_PAGE_BYTES])
{
    CLEANUP(buf_done) struct buf text = { 0 };
    struct json_object *value;

    nvme_smart_text(&text, page);
    value = json_tokener_parse(buf_terminate(&text));
    assert_non_null(value);
    return value;
}

static void every_field_is_read_from_its_offset(void **state)
{
    uint8_t page[NVME_SMART_PAGE_BYTES];
    struct json_object *value;

    for (size_t i = 0; i < sizeof(page); i++)
        page[i] = (uint8_t)(i & 0x7f);
    value = smart_value(page);
    assert_non_null(value);
    check_str(value, "/type", "nvme");
    check_int(value, "/critical-warning", 0);
    check_int(value, "/temperature", 0x0201);
    check_int(value, "/available-spare", 3);
    check_int(value, "/available-spare-threshold", 4);
    check_int(value, "/percentage-used", 5);
    check_int(value, "/data-units-read-lo", 0x2726252423222120);
    check_int(value, "/data-units-read-hi", 0x2f2e2d2c2b2a2928);
    check_int(value, "/data-units-written-lo", 0x3736353433323130);
    check_int(value, "/host-read-commands-lo", 0x4746454443424140);
    check_int(value, "/host-write-commands-hi", 0x5f5e5d5c5b5a5958);
    check_int(value, "/controller-busy-time-lo", 0x6766656463626160);
    check_int(value, "/power-cycles-lo", 0x7776757473727170);
    check_int(value, "/power-on-hours-lo", 0x0706050403020100);
    check_int(value, "/unsafe-shutdowns-hi", 0x1f1e1d1c1b1a1918);
    check_int(value, "/media-errors-lo", 0x2726252423222120);
    check_int(value, "/number-of-error-log-entries-hi", 0x3f3e3d3c3b3a3938);
    assert_int_equal(json_object_object_length(value), 26);
    json_object_put(value);
}

static void counters_keep_all_64_bits(void **state)
{
    uint8_t page[NVME_SMART_PAGE_BYTES];
    struct json_object *value;

    memset(page, 0xff, sizeof(page));
    value = smart_value(page);
    assert_true(json_object_get_uint64(value_at(value, "/media-errors-hi")) == UINT64_MAX);
    check_int(value, "/temperature", 65535);
    json_object_put(value);
}

static void a_node_that_is_no_nvme_device_gives_no_page(void **state)
{
    uint8_t page[NVME_SMART_PAGE_BYTES];
    struct sysroot root;

    assert_int_equal(sysroot_init(&root, *state), 0);
    tempdir_write(state, "nvme0n1", "");
    assert_int_equal(nvme_smart_read(&root, "/nvme0n1", page), -ENOTTY);
    assert_int_equal(nvme_smart_read(&root, "/nvme1n1", page), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_read_from_its_offset),
        cmocka_unit_test(counters_keep_all_64_bits),
        TEST_IN_TEMPDIR(a_node_that_is_no_nvme_device_gives_no_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
