/* Disk addresses, serials and stacks of devices on the made trees. */
#include "cmds/linux/storage/blockdev.h"
#include "cmds/linux/storage/blockdev_props.h"
#include "cmds/linux/storage/disk_address.h"

#include "unit/cmds/linux/tree_make.h"

static struct sysroot root_of(const char *tree)
{
    struct sysroot root;
    char prefix[256];

    snprintf(prefix, sizeof(prefix), "%s/%s", PQGA_TEST_DATA, tree);
    assert_int_equal(sysroot_init(&root, prefix), 0);
    return root;
}

static struct disk_address address_of(const char *tree, unsigned major, unsigned minor)
{
    struct sysroot root = root_of(tree);
    struct disk_address address;
    char path[SYSROOT_PATH_MAX];

    assert_int_equal(blockdev_find(&root, major, minor, path), 0);
    disk_address_read(&root, path, &address);
    return address;
}

static void check_pci(const struct disk_address *address, int64_t domain, int64_t bus, int64_t slot,
                      int64_t function)
{
    assert_int_equal(address->pci_domain, domain);
    assert_int_equal(address->pci_bus, bus);
    assert_int_equal(address->pci_slot, slot);
    assert_int_equal(address->pci_function, function);
}

static void check_numbers(const struct disk_address *address, int64_t bus, int64_t target,
                          int64_t unit)
{
    assert_int_equal(address->bus, bus);
    assert_int_equal(address->target, target);
    assert_int_equal(address->unit, unit);
}

static void a_virtio_disk_has_its_pci_function_serial_and_node(void **state)
{
    struct disk_address address = address_of("virtio-blk", 254, 0);

    assert_string_equal(address.bus_type, "virtio");
    check_pci(&address, 0, 0, 5, 0);
    check_numbers(&address, 0, 0, 0);
    assert_string_equal(address.serial, "root-disk-01");
    assert_string_equal(address.dev, "/dev/vda");
    assert_false(address.has_ccw);
}

static void a_partition_has_its_disks_hardware_and_its_own_node(void **state)
{
    struct disk_address address = address_of("virtio-blk", 254, 1);

    assert_string_equal(address.bus_type, "virtio");
    check_pci(&address, 0, 0, 5, 0);
    assert_string_equal(address.serial, "root-disk-01");
    assert_string_equal(address.dev, "/dev/vda1");
}

static void behind_a_bridge_the_last_function_counts(void **state)
{
    struct disk_address address = address_of("virtio-blk", 254, 16);

    check_pci(&address, 0, 2, 0, 0);
    assert_string_equal(address.serial, "");
}

static void virtio_scsi_gives_target_and_unit(void **state)
{
    struct disk_address address = address_of("virtio-scsi-lvm", 8, 0);

    assert_string_equal(address.bus_type, "scsi");
    check_pci(&address, 0, 0, 6, 0);
    check_numbers(&address, 0, 3, 7);
    assert_string_equal(address.serial, "lvm-one");
}

static void ahci_counts_ports_of_its_controller(void **state)
{
    struct disk_address first = address_of("sata-md-usb", 8, 0);
    struct disk_address third = address_of("sata-md-usb", 8, 32);

    assert_string_equal(first.bus_type, "sata");
    check_numbers(&first, 0, 0, 0);
    check_numbers(&third, 0, 0, 2);
    check_pci(&third, 0, 0, 0x1f, 2);
    assert_string_equal(third.serial, "sata-port-12");
}

static void ide_counts_ports_as_buses(void **state)
{
    struct disk_address address = address_of("sata-md-usb", 8, 48);

    assert_string_equal(address.bus_type, "ide");
    check_numbers(&address, 1, 0, 1);
    check_pci(&address, 0, 0, 1, 1);
}

static void a_usb_disk_has_the_devices_serial_but_never_the_root_hubs(void **state)
{
    struct disk_address stick = address_of("sata-md-usb", 8, 64);
    struct disk_address nameless = address_of("sata-md-usb", 8, 80);

    assert_string_equal(stick.bus_type, "usb");
    assert_string_equal(stick.serial, "usb-stick-9");
    check_numbers(&stick, 0, 0, 0);
    assert_string_equal(nameless.serial, "");
}

static void lsi_scsi_numbers_units_by_id(void **state)
{
    struct disk_address address = address_of("sata-md-usb", 8, 96);

    assert_string_equal(address.bus_type, "scsi");
    check_numbers(&address, 0, 0, 5);
}

static void nvme_is_found_directly_and_through_its_subsystem(void **state)
{
    struct disk_address plain = address_of("nvme", 259, 0);
    struct disk_address multipath = address_of("nvme", 259, 30);

    assert_string_equal(plain.bus_type, "nvme");
    check_pci(&plain, 0, 0, 4, 0);
    assert_string_equal(plain.serial, "nvme-plain");
    assert_string_equal(multipath.bus_type, "nvme");
    check_pci(&multipath, 0, 0, 8, 0);
    assert_string_equal(multipath.serial, "nvme-multi");
    assert_string_equal(multipath.dev, "/dev/nvme1n1");
}

static void channel_io_gives_subchannel_and_device_number(void **state)
{
    struct disk_address blk = address_of("s390x-ccw", 254, 1);
    struct disk_address scsi = address_of("s390x-ccw", 8, 0);

    assert_string_equal(blk.bus_type, "virtio");
    check_pci(&blk, -1, -1, -1, -1);
    assert_true(blk.has_ccw);
    assert_int_equal(blk.cssid, 0);
    assert_int_equal(blk.ssid, 0);
    assert_int_equal(blk.subchno, 3);
    assert_int_equal(blk.devno, 0x1000);
    assert_string_equal(scsi.bus_type, "scsi");
    check_numbers(&scsi, 0, 2, 5);
    assert_int_equal(scsi.ssid, 1);
    assert_int_equal(scsi.subchno, 10);
    assert_int_equal(scsi.devno, 0xc0);
}

static void without_udev_uevent_and_driver_the_path_has_to_do(void **state)
{
    struct disk_address mmio = address_of("no-udev", 254, 0);
    struct disk_address pci = address_of("no-udev", 254, 16);
    struct disk_address xen = address_of("no-udev", 202, 0);
    struct disk_address odd = address_of("no-udev", 104, 0);

    assert_string_equal(mmio.bus_type, "virtio");
    check_pci(&mmio, -1, -1, -1, -1);
    assert_string_equal(mmio.dev, "/dev/vda");
    assert_string_equal(pci.bus_type, "virtio");
    check_pci(&pci, 0, 0, 9, 0);
    assert_string_equal(xen.bus_type, "xen");
    assert_string_equal(odd.bus_type, "unknown");
    assert_string_equal(odd.dev, "/dev/cciss/c0d0");
    assert_string_equal(odd.serial, "");
}

static void check_hardware(const char *tree, unsigned major, unsigned minor,
                           const char *const *names)
{
    struct sysroot root = root_of(tree);
    struct blockdev_paths paths = { 0 };
    char path[SYSROOT_PATH_MAX];
    size_t count = 0;

    assert_int_equal(blockdev_find(&root, major, minor, path), 0);
    assert_int_equal(blockdev_hardware(&root, path, &paths), 0);
    for (; names[count]; count++) {
        assert_true(count < paths.count);
        assert_string_equal(blockdev_name(paths.items[count]), names[count]);
    }
    assert_int_equal(paths.count, count);
    blockdev_paths_done(&paths);
}

static void lvm_on_luks_and_a_disk_ends_at_both_disks(void **state)
{
    check_hardware("virtio-scsi-lvm", 253, 1, (const char *const[]){ "sda2", "sdb", NULL });
    check_hardware("virtio-scsi-lvm", 253, 2, (const char *const[]){ "sda2", NULL });
}

static void a_partition_of_md_ends_at_the_members(void **state)
{
    check_hardware("sata-md-usb", 9, 1, (const char *const[]){ "sda1", "sdb1", NULL });
}

static void a_loop_device_has_no_hardware(void **state)
{
    check_hardware("virtio-blk", 7, 0, (const char *const[]){ NULL });
}

static void r0001_slaves_that_go_in_circles_or_nowhere_end(void **state)
{
    struct blockdev_paths paths = { 0 };
    struct sysroot root;

    assert_int_equal(sysroot_init(&root, *state), 0);
    make_dirs(state, "sys/devices/virtual/block/dm-0/slaves");
    make_link(state, "../../dm-0", "sys/devices/virtual/block/dm-0/slaves/dm-0");
    make_link(state, "../../nothing", "sys/devices/virtual/block/dm-0/slaves/sdx");
    assert_int_equal(blockdev_hardware(&root, "/sys/devices/virtual/block/dm-0", &paths), 0);
    assert_int_equal(paths.count, 0);
}

static void udevs_serial_goes_before_the_devices(void **state)
{
    struct disk_address address;
    struct sysroot root;

    assert_int_equal(sysroot_init(&root, *state), 0);
    make_dirs(state, "sys/devices/virtio1/block/vda/vda1");
    make_dirs(state, "run/udev/data");
    tempdir_write(state, "sys/devices/virtio1/block/vda/serial", "of the device");
    tempdir_write(state, "sys/devices/virtio1/block/vda/vda1/uevent",
                  "MAJOR=254\nMINOR=1\nDEVNAME=vda1\nDEVTYPE=partition\n");
    disk_address_read(&root, "/sys/devices/virtio1/block/vda/vda1", &address);
    assert_string_equal(address.serial, "of the device");
    tempdir_write(state, "run/udev/data/b254:1",
                  "S:disk/by-id/x\nI:123\nE:ID_SERIAL_SHORT=no\nE:ID_SERIAL=of udev\nE:ID_BUS=x\n");
    disk_address_read(&root, "/sys/devices/virtio1/block/vda/vda1", &address);
    assert_string_equal(address.serial, "of udev");
    assert_string_equal(address.dev, "/dev/vda1");
}

static void a_number_without_sysfs_is_not_found(void **state)
{
    struct sysroot root = root_of("no-ipv6");
    char path[SYSROOT_PATH_MAX];

    assert_int_equal(blockdev_find(&root, 8, 0, path), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_virtio_disk_has_its_pci_function_serial_and_node),
        cmocka_unit_test(a_partition_has_its_disks_hardware_and_its_own_node),
        cmocka_unit_test(behind_a_bridge_the_last_function_counts),
        cmocka_unit_test(virtio_scsi_gives_target_and_unit),
        cmocka_unit_test(ahci_counts_ports_of_its_controller),
        cmocka_unit_test(ide_counts_ports_as_buses),
        cmocka_unit_test(a_usb_disk_has_the_devices_serial_but_never_the_root_hubs),
        cmocka_unit_test(lsi_scsi_numbers_units_by_id),
        cmocka_unit_test(nvme_is_found_directly_and_through_its_subsystem),
        cmocka_unit_test(channel_io_gives_subchannel_and_device_number),
        cmocka_unit_test(without_udev_uevent_and_driver_the_path_has_to_do),
        cmocka_unit_test(lvm_on_luks_and_a_disk_ends_at_both_disks),
        cmocka_unit_test(a_partition_of_md_ends_at_the_members),
        cmocka_unit_test(a_loop_device_has_no_hardware),
        TEST_IN_TEMPDIR(r0001_slaves_that_go_in_circles_or_nowhere_end),
        TEST_IN_TEMPDIR(udevs_serial_goes_before_the_devices),
        cmocka_unit_test(a_number_without_sysfs_is_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
