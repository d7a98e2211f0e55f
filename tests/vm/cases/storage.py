"""guest-get-fsinfo, -disks, -diskstats against df, lsblk and sysfs."""

import json

from harness.case import case, check, equal, near

# mount point: bus, serial contained in the reported one, device, and the address where it is ours to choose
EXPECTED = {
    "/": ("virtio", None, "/dev/vda", {}),
    "/data/ext4": ("virtio", "EXT4DATA", "/dev/vdc", {}),
    "/data/xfs": ("virtio", "XFSDATA", "/dev/vdd", {}),
    "/data/lvm": ("scsi", "SCSILVM", "/dev/sda", {"bus": 0, "target": 3, "unit": 2}),
    "/data/stuck": ("scsi", "SCSILVM", "/dev/sda", {"bus": 0, "target": 3, "unit": 2}),
    "/data/nvme": ("nvme", "NVME0001", "/dev/nvme0n1p1", {}),
}
SMART_KEYS = {
    "type", "critical-warning", "temperature", "available-spare", "available-spare-threshold", "percentage-used",
    "data-units-read-lo", "data-units-read-hi", "data-units-written-lo", "data-units-written-hi",
    "host-read-commands-lo", "host-read-commands-hi", "host-write-commands-lo", "host-write-commands-hi",
    "controller-busy-time-lo", "controller-busy-time-hi", "power-cycles-lo", "power-cycles-hi", "power-on-hours-lo",
    "power-on-hours-hi", "unsafe-shutdowns-lo", "unsafe-shutdowns-hi", "media-errors-lo", "media-errors-hi",
    "number-of-error-log-entries-lo", "number-of-error-log-entries-hi",
}


def _pci_of(vm, disk: str) -> dict:
    """PCI address of the controller, from the disk's place in sysfs."""
    path = vm.sh(f"readlink -f /sys/class/block/{disk}")
    domain, bus, rest = [part for part in path.split("/") if part.count(":") == 2 and "." in part][-1].split(":")
    slot, function = rest.split(".")
    return {key: int(value, 16) for key, value in
            (("domain", domain), ("bus", bus), ("slot", slot), ("function", function))}


@case()
def fsinfo_equals_df(vm):
    client = vm.agent()
    rows = {row["mountpoint"]: row for row in client.call("guest-get-fsinfo")}
    lines = vm.sh("df -B1 --output=target,fstype,size,used,avail | awk '$1 == \"/\" || $1 ~ \"^/data\"'").splitlines()
    equal("mount points", sorted(rows), sorted(line.split()[0] for line in lines))
    for line in lines:
        target, kind, _, used, available = line.split()
        row = rows[target]
        equal(f"type of {target}", row["type"], kind)
        near(f"used-bytes of {target}", row["used-bytes"], int(used), 4 << 20)
        near(f"total-bytes of {target}", row["total-bytes"], int(used) + int(available), 4 << 20)
        source = vm.sh(f"readlink -f $(findmnt -n -o SOURCE {target})")
        equal(f"name of {target}", row["name"], source.removeprefix("/dev/"))


@case()
def fsinfo_knows_the_whole_size(vm):
    client = vm.agent()
    for row in client.call("guest-get-fsinfo"):
        size = int(vm.sh(f"stat -f -c %b {row['mountpoint']}")) * int(vm.sh(f"stat -f -c %S {row['mountpoint']}"))
        equal(f"total-bytes-privileged of {row['mountpoint']}", row["total-bytes-privileged"], size)


@case()
def fsinfo_is_in_reverse_mount_order(vm):
    client = vm.agent()
    order = vm.sh("awk '$1 ~ \"^/dev/\" { print $2 }' /proc/self/mounts").split()
    equal("mount points", [row["mountpoint"] for row in client.call("guest-get-fsinfo")], order[::-1])


@case()
def fsinfo_finds_the_disks(vm):
    """Bus, serial, device and address, through partitions and the device mapper."""
    client = vm.agent()
    rows = {row["mountpoint"]: row["disk"] for row in client.call("guest-get-fsinfo")}
    for mount, (bus, serial, device, address) in EXPECTED.items():
        equal(f"number of disks of {mount}", len(rows[mount]), 1)
        disk = rows[mount][0]
        equal(f"bus-type of {mount}", disk["bus-type"], bus)
        equal(f"dev of {mount}", disk["dev"], device)
        if serial:
            check(f"serial of {mount}: {disk.get('serial')}", serial in disk["serial"])
        for key, value in address.items():
            equal(f"{key} of {mount}", disk[key], value)
        equal(f"PCI address of {mount}", disk["pci-controller"], _pci_of(vm, device.removeprefix("/dev/")))


@case()
def fsinfo_shows_odd_mount_points(vm):
    """Spaces and backslashes, which mountinfo writes in octal."""
    client = vm.agent()
    vm.sh("mkdir -p '/case/a b\\c' && truncate -s 16M /tmp/case.img && mke2fs -q -F /tmp/case.img"
          " && mount -o loop /tmp/case.img '/case/a b\\c'")
    try:
        check("the mount point is missing",
              "/case/a b\\c" in [row["mountpoint"] for row in client.call("guest-get-fsinfo")])
    finally:
        vm.sh("umount '/case/a b\\c'")


@case()
def disks_equal_lsblk(vm):
    client = vm.agent()
    rows = {row["name"]: row for row in client.call("guest-get-disks")}
    devices = json.loads(vm.sh("lsblk -J -b -l -o PATH,KNAME,TYPE,SIZE,PKNAME,SERIAL"))["blockdevices"]
    devices = {f"/dev/{dev['kname']}": dev for dev in devices if dev["size"] > 0}
    equal("names", sorted(rows), sorted(devices))
    for name, dev in devices.items():
        equal(f"partition of {name}", rows[name]["partition"], dev["type"] == "part")
        parents = [f"/dev/{dev['pkname']}"] if dev["pkname"] else []
        if dev["type"] == "disk":
            parents = []
        equal(f"dependencies of {name}", rows[name].get("dependencies", []), parents)


@case()
def disks_name_the_volumes(vm):
    client = vm.agent()
    aliases = {row["alias"] for row in client.call("guest-get-disks") if "alias" in row}
    equal("aliases", aliases, set(vm.sh("cat /sys/block/dm-*/dm/name").split()))


@case()
def disks_carry_addresses(vm):
    client = vm.agent()
    rows = {row["name"]: row for row in client.call("guest-get-disks")}
    for name, bus in (("/dev/vda", "virtio"), ("/dev/sda", "scsi"), ("/dev/nvme0n1", "nvme")):
        address = rows[name]["address"]
        equal(f"bus-type of {name}", address["bus-type"], bus)
        equal(f"PCI address of {name}", address["pci-controller"], _pci_of(vm, name.removeprefix("/dev/")))


@case()
def nvme_disk_tells_its_health(vm):
    client = vm.agent()
    row = next(row for row in client.call("guest-get-disks") if row["name"] == "/dev/nvme0n1")
    equal("keys of smart", set(row["smart"]), SMART_KEYS)
    equal("type", row["smart"]["type"], "nvme")
    near("temperature in kelvin", row["smart"]["temperature"], 323, 30)
    equal("critical-warning", row["smart"]["critical-warning"], 0)


@case()
def diskstats_equal_proc_diskstats(vm):
    client = vm.agent()
    vm.sh("cat /data/nvme/* >/dev/null 2>&1; sync")
    rows = {row["name"]: row for row in client.call("guest-get-diskstats")}
    lines = [line.split() for line in vm.sh("cat /proc/diskstats").splitlines()]
    equal("names", set(rows) - {line[2] for line in lines}, set())
    for line in lines:
        major, minor, name, *counts = line
        if name not in rows:
            equal(f"I/O of {name}, which is left out", int(counts[0]) + int(counts[4]), 0)
            continue
        row = rows[name]
        equal(f"number of {name}", (row["major"], row["minor"]), (int(major), int(minor)))
        near(f"read-ios of {name}", row["stats"]["read-ios"], int(counts[0]), 50)
        near(f"read-sectors of {name}", row["stats"]["read-sectors"], int(counts[2]), 4096)
        check(f"keys of {name}", {"write-ios", "discard-ios", "flush-ios", "weight-ticks"} <= set(row["stats"]))
