#!/usr/bin/env python3
"""Writes the machine trees that README.md lists as made: run it here, in tests/data.

The layout follows the kernel's documentation (Documentation/ABI for sysfs, proc(5) for
mountinfo and the rest). Only what the agent reads is there, and what lies in its way.
"""
import os
import shutil

HERE = os.path.dirname(os.path.abspath(__file__))


class Tree:
    def __init__(self, name):
        self.root = os.path.join(HERE, name)
        shutil.rmtree(self.root, ignore_errors=True)

    def write(self, path, content):
        full = self.root + path
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def link(self, path, target):
        """A link at `path` to the absolute `target`, stored relative as sysfs does."""
        full = self.root + path
        os.makedirs(os.path.dirname(full), exist_ok=True)
        os.makedirs(self.root + target, exist_ok=True)
        os.symlink(os.path.relpath(target, os.path.dirname(path)), full)

    def driver(self, device, name):
        self.link(device + "/driver", "/sys/bus/pci/drivers/" + name)
        # Git keeps no empty directories, so that a driver has a file as on a real machine.
        self.write("/sys/bus/pci/drivers/" + name + "/uevent", "")

    def disk(self, parent, name, number, sectors=41943040, partitions=(), serial=None,
             slaves=(), dm_name=None, uevent=True, extra=()):
        """A block device below /sys/devices + parent; its path."""
        path = "/sys/devices" + parent + "/" + name
        major, minor = number
        self.device(path, name, major, minor, sectors, uevent, "disk")
        self.link("/sys/block/" + name, path)
        for index, size in partitions:
            sep = "p" if name[-1].isdigit() else ""
            part = name + sep + str(index)
            self.device(path + "/" + part, part, major, minor + index, size, uevent, "partition")
            self.write(path + "/" + part + "/partition", "%d\n" % index)
        if serial is not None:
            self.write(path + "/serial", serial)
        for slave in slaves:
            self.link(path + "/slaves/" + os.path.basename(slave), slave)
        if dm_name:
            self.write(path + "/dm/name", dm_name + "\n")
        for file, content in extra:
            self.write(path + "/" + file, content)
        return path

    def device(self, path, name, major, minor, sectors, uevent, kind):
        self.write(path + "/size", "%d\n" % sectors)
        self.write(path + "/dev", "%d:%d\n" % (major, minor))
        if uevent:
            self.write(path + "/uevent", "MAJOR=%d\nMINOR=%d\nDEVNAME=%s\nDEVTYPE=%s\n"
                       % (major, minor, name, kind))
        self.link("/sys/dev/block/%d:%d" % (major, minor), path)

    def mounts(self, lines):
        """(device number, root, mountpoint, type, source); raw as mountinfo escapes them."""
        text = b""
        top = next(i for i, line in enumerate(lines) if line[2] == b"/")
        for i, (number, root, point, fstype, source) in enumerate(lines):
            text += b"%d %d %s %s %s rw,relatime shared:%d - %s %s rw\n" % (
                i + 20, 1 if i == top else top + 20, number.encode(), root.encode(), point, i + 1, fstype.encode(),
                source.encode())
        self.write("/proc/self/mountinfo", text)


def vpd80(serial):
    return bytes([0, 0x80, 0, len(serial)]) + serial.encode()


ROUTE = ("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
         "                                                       \n"
         "eth0\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
         "eth0\t0002000A\t00000000\t0001\t0\t7\t100\t00FFFFFF\t1400\t64\t3\n"
         "eth0\tFEA9FEA9\t0102000A\t0007\t0\t0\t-1\tFFFFFFFF\t0\t0\t0\n")
ZERO6 = "0" * 32
ROUTE6 = (
    "fd000000000000000000000000000000 40 %s 00 %s 00000100 00000001 00000005 00000001     eth0\n"
    "%s 00 %s 00 fe800000000000000000000000000001 00000400 00000002 00000000 00450003     eth0\n"
    "00000000000000000000000000000001 80 %s 00 %s 00000000 00000006 00000000 80200001       lo\n"
    "ff000000000000000000000000000000 08 20010db8000000000000000000000000 20 %s ffffffff "
    "ffffffff ffffffff ffffffff     eth0\n" % (ZERO6, ZERO6, ZERO6, ZERO6, ZERO6, ZERO6, ZERO6))


def virtio_blk():
    tree = Tree("virtio-blk")
    pci = "/pci0000:00/0000:00:05.0"
    tree.driver("/sys/devices" + pci, "virtio-pci")
    tree.disk(pci + "/virtio2/block", "vda", (254, 0), serial="root-disk-01", partitions=[
        (1, 39843840), (2, 1048576)])
    bridge = "/pci0000:00/0000:00:1c.0/0000:02:00.0"
    tree.driver("/sys/devices/pci0000:00/0000:00:1c.0", "pcieport")
    tree.driver("/sys/devices" + bridge, "virtio-pci")
    tree.disk(bridge + "/virtio5/block", "vdb", (254, 16), serial="")
    cd = "/pci0000:00/0000:00:1f.2"
    tree.driver("/sys/devices" + cd, "ahci")
    tree.disk(cd + "/ata1/host0/target0:0:0/0:0:0:0/block", "sr0", (11, 0), sectors=0)
    tree.disk("/virtual/block", "loop0", (7, 0), sectors=8192,
              extra=[("loop/backing_file", "/var/lib/snap.img\n")])
    tree.disk("/virtual/block", "loop1", (7, 1), sectors=0)
    tree.mounts([
        ("0:20", "/", b"/proc", "proc", "proc"),
        ("254:1", "/", b"/", "ext4", "/dev/vda1"),
        ("0:24", "/", b"/run", "tmpfs", "tmpfs"),
        ("254:2", "/", b"/boot", "vfat", "/dev/vda2"),
        ("254:1", "/srv", b"/mnt/bind", "ext4", "/dev/vda1"),
        ("254:16", "/", b"/mnt/with\\040space\\011tab\\134and\xff", "xfs", "/dev/vdb"),
        ("7:0", "/", b"/snap/core", "squashfs", "/dev/loop0"),
        ("0:40", "/", b"/mnt/nfs", "nfs4", "server:/export"),
        ("0:41", "/", b"/var/lib/docker/overlay2/x/merged", "overlay", "overlay"),
    ])
    tree.write("/proc/diskstats",
               " 254       0 vda 54288 11790 3375658 15927 15192 6744 657224 3403 0 10232 20203 "
               "6969 24 231864 682 2475 190\n"
               " 254       1 vda1 7 1 9 2 3 4 5 6 0 8 10 11 12 13 14\n"
               " 254       2 vda2 1 2 3 4 5 6 7 8 9 10 11\n"
               "   3       1 hda1 35486 38030 38030 38030\n"
               "garbage\n"
               " 254      16 vdb 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 99 98\n")
    tree.write("/proc/net/route", ROUTE)
    tree.write("/proc/net/ipv6_route", ROUTE6)


def virtio_scsi_lvm():
    tree = Tree("virtio-scsi-lvm")
    pci = "/pci0000:00/0000:00:06.0"
    tree.driver("/sys/devices" + pci, "virtio-pci")
    host = pci + "/virtio3/host2/target2:0:"
    sda = tree.disk(host + "3/2:0:3:7/block", "sda", (8, 0), partitions=[(1, 2048), (2, 83884032)],
                    extra=[("device/vpd_pg80", vpd80("  lvm-one  "))])
    sdb = tree.disk(host + "4/2:0:4:0/block", "sdb", (8, 16),
                    extra=[("device/vpd_pg80", vpd80("lvm-two"))])
    luks = tree.disk("/virtual/block", "dm-0", (253, 0), slaves=[sda + "/sda2"],
                     dm_name="luks-4f1c")
    tree.disk("/virtual/block", "dm-1", (253, 1), slaves=[luks, sdb], dm_name="vg0-root")
    tree.disk("/virtual/block", "dm-2", (253, 2), slaves=[luks], dm_name="vg0-my--data")
    tree.mounts([
        ("253:1", "/", b"/", "ext4", "/dev/mapper/vg0-root"),
        ("253:2", "/", b"/data", "xfs", "/dev/mapper/vg0-my--data"),
        ("8:1", "/", b"/boot", "ext2", "/dev/sda1"),
    ])


def sata_md_usb():
    tree = Tree("sata-md-usb")
    ahci = "/pci0000:00/0000:00:1f.2"
    tree.driver("/sys/devices" + ahci, "ahci")
    disks = []
    for port in (3, 4, 12):  # ports are counted through the machine; 3 is this controller's first
        host = ahci + "/ata%d/host%d/target%d:0:0/%d:0:0:0/block" % (
            port, port - 1, port - 1, port - 1)
        name = "sd" + "abc"[len(disks)]
        disks.append(tree.disk(host, name, (8, 16 * len(disks)), partitions=[(1, 4096)],
                               extra=[("device/vpd_pg80", vpd80("sata-port-%d" % port))]))
    ide = "/pci0000:00/0000:00:01.1"
    tree.driver("/sys/devices" + ide, "ata_piix")
    tree.write("/sys/devices" + ide + "/ata1/uevent", "")
    tree.disk(ide + "/ata2/host1/target1:0:1/1:0:1:0/block", "sdd", (8, 48))
    usb = "/pci0000:00/0000:00:1d.7"
    tree.driver("/sys/devices" + usb, "ehci-pci")
    tree.write("/sys/devices" + usb + "/usb1/serial", "0000:00:1d.7\n")
    tree.write("/sys/devices" + usb + "/usb1/1-1/serial", "usb-stick-9\n")
    tree.disk(usb + "/usb1/1-1/1-1:1.0/host6/target6:0:0/6:0:0:0/block", "sde", (8, 64))
    tree.disk(usb + "/usb1/1-2/1-2:1.0/host7/target7:0:0/7:0:0:0/block", "sdf", (8, 80))
    scsi = "/pci0000:00/0000:00:07.0"
    tree.driver("/sys/devices" + scsi, "sym53c8xx")
    tree.disk(scsi + "/host8/target8:0:5/8:0:5:0/block", "sdg", (8, 96))
    tree.disk("/virtual/block", "md0", (9, 0), partitions=[(1, 4000)],
              slaves=[disks[0] + "/sda1", disks[1] + "/sdb1"])
    tree.mounts([("9:1", "/", b"/", "ext4", "/dev/md0p1")])


def nvme():
    tree = Tree("nvme")
    pci = "/pci0000:00/0000:00:04.0"
    tree.driver("/sys/devices" + pci, "nvme")
    tree.write("/sys/devices" + pci + "/nvme/nvme0/serial", "nvme-plain          \n")
    tree.disk(pci + "/nvme/nvme0", "nvme0n1", (259, 0), partitions=[(1, 4096), (10, 4096)])
    multi = "/pci0000:00/0000:00:08.0"
    tree.driver("/sys/devices" + multi, "nvme")
    tree.disk(multi + "/nvme/nvme1", "nvme1c1n1", (259, 20), extra=[("hidden", "1\n")])
    subsystem = "/virtual/nvme-subsystem/nvme-subsys1"
    tree.write("/sys/devices" + subsystem + "/serial", "nvme-multi\n")
    tree.disk(subsystem, "nvme1n1", (259, 30), extra=[("hidden", "0\n")])
    tree.link("/sys/devices" + subsystem + "/nvme1", "/sys/devices" + multi + "/nvme/nvme1")
    tree.mounts([
        ("259:1", "/", b"/", "ext4", "/dev/nvme0n1p1"),
        ("259:30", "/", b"/data", "xfs", "/dev/nvme1n1"),
    ])


def s390x_ccw():
    tree = Tree("s390x-ccw")
    tree.disk("/css0/0.0.0003/0.0.1000/virtio1/block", "vda", (254, 0), serial="ccw-disk",
              partitions=[(1, 4096)])
    tree.disk("/css0/0.1.000a/fe.1.00c0/virtio4/host0/target0:0:2/0:0:2:5/block", "sda", (8, 0))
    tree.mounts([
        ("254:1", "/", b"/", "ext4", "/dev/vda1"),
        ("8:0", "/", b"/data", "xfs", "/dev/sda"),
    ])


def bare():
    """No udev, no uevent files, no drivers, and devices that nothing is known about."""
    tree = Tree("no-udev")
    tree.disk("/platform/a003e00.virtio_mmio/virtio0/block", "vda", (254, 0), uevent=False)
    tree.disk("/platform/odd/block", "cciss!c0d0", (104, 0), uevent=False)
    tree.disk("/pci0000:00/0000:00:09.0/virtio7/block", "vdb", (254, 16), uevent=False)
    tree.disk("/vbd-51712/block", "xvda", (202, 0), uevent=False)
    tree.mounts([
        ("254:0", "/", b"/", "ext4", "/dev/vda"),
        ("104:0", "/", b"/data", "ext4", "/dev/cciss/c0d0"),
        ("8:99", "/", b"/gone", "ext4", "/dev/sdz9"),
    ])
    tree.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")


def no_ipv6():
    tree = Tree("no-ipv6")
    tree.write("/proc/net/route", ROUTE)


if __name__ == "__main__":
    virtio_blk()
    virtio_scsi_lvm()
    sata_md_usb()
    nvme()
    s390x_ccw()
    bare()
    no_ipv6()
