"""guest-fstrim, seen from the host: its files get smaller."""

from harness import disks
from harness.case import case, check, equal

FILE_MIB = 48
GIVEN_BACK_MIB = 40


def _fill_and_remove(vm, mount: str, image: str) -> int:
    """Makes the host allocate, then frees it in the guest alone; the allocated bytes."""
    vm.sh(f"dd if=/dev/urandom of={mount}/case-big bs=1M count={FILE_MIB} conv=fsync 2>&1"
          f" && rm {mount}/case-big && sync")
    return disks.allocated_bytes(vm.run_dir / image)


@case()
def freed_blocks_return_to_the_host(vm):
    client = vm.agent()
    client.call("guest-fstrim", limit_sec=60)
    before = {image: _fill_and_remove(vm, mount, image)
              for mount, image in (("/data/ext4", "ext4.img"), ("/data/xfs", "xfs.img"), ("/data/lvm", "lvm.img"))}
    reply = client.call("guest-fstrim", limit_sec=60)
    for image, size in before.items():
        given_back = (size - disks.allocated_bytes(vm.run_dir / image)) >> 20
        check(f"{image}: only {given_back} MiB came back", given_back >= GIVEN_BACK_MIB)
    trimmed = {row["path"]: row.get("trimmed", 0) for row in reply["paths"]}
    for mount in ("/data/ext4", "/data/xfs", "/data/lvm"):
        check(f"{mount}: said to have trimmed {trimmed.get(mount)}", trimmed.get(mount, 0) >= GIVEN_BACK_MIB << 20)


@case()
def each_filesystem_is_listed(vm):
    client = vm.agent()
    rows = {row["path"]: row for row in client.call("guest-fstrim", {"minimum": 4096}, limit_sec=60)["paths"]}
    mounts = vm.sh("awk '$1 ~ \"^/dev/\" { print $2 }' /proc/self/mounts").split()
    equal("paths", sorted(rows), sorted(mounts))
    for path, row in rows.items():
        check(f"{path}: neither result nor error: {row}", "error" in row or {"trimmed", "minimum"} <= set(row))


@case()
def huge_minimum_trims_nothing(vm):
    client = vm.agent()
    before = _fill_and_remove(vm, "/data/ext4", "ext4.img")
    client.call("guest-fstrim", {"minimum": 1 << 40}, limit_sec=60)
    after = disks.allocated_bytes(vm.run_dir / "ext4.img")
    check(f"{(before - after) >> 20} MiB came back", before - after < (GIVEN_BACK_MIB << 20))


@case()
def trim_twice_reports_twice(vm):
    """Nothing left to trim is a result too."""
    client = vm.agent()
    for _ in range(2):
        check("no path trimmed", any("trimmed" in row for row in client.call("guest-fstrim", limit_sec=60)["paths"]))


def _loop_filesystem(vm, fstype: str) -> str:
    """Mounts a filesystem of 3 GiB, so that it is trimmed in more than one part, from a file; the file.
    f2fs discards what is freed by itself unless told not to."""
    image, mount = f"/data/ext4/{fstype}.img", f"/mnt/{fstype}"
    vm.sh(f"truncate -s 3G {image} && mkfs.{fstype} {image} >&2 && mkdir -p {mount}"
          f" && modprobe {fstype} && mount -o loop{',nodiscard' if fstype == 'f2fs' else ''} {image} {mount}")
    return image


def _allocated_bytes(vm, image: str) -> int:
    return int(vm.sh(f"sync; stat -c %b {image}")) * 512


@case(seconds=180)
def other_filesystems_are_trimmed_in_parts(vm):
    client = vm.agent()
    for fstype in ("btrfs", "vfat", "exfat", "f2fs"):
        image = _loop_filesystem(vm, fstype)
        try:
            vm.sh(f"cd /mnt/{fstype} && dd if=/dev/urandom of=a bs=1M count=24 conv=fsync 2>&1 && sync && rm a && sync")
            before = _allocated_bytes(vm, image)
            rows = {row["path"]: row for row in client.call("guest-fstrim", limit_sec=60)["paths"]}
            row, given_back = rows[f"/mnt/{fstype}"], (before - _allocated_bytes(vm, image)) >> 20
            check(f"{fstype}: {row}", row.get("trimmed", 0) >= 24 << 20)
            check(f"{fstype}: only {given_back} MiB came back", given_back >= 20)
        finally:
            vm.sh(f"umount /mnt/{fstype}; rm -f {image}")
