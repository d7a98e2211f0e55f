"""The guest's disks: sparse files whose allocated size shows what the guest discarded."""

import pathlib
import struct
import subprocess

from .errors import Failed

MIB = 1 << 20
PARTITION_START = 1 * MIB
MAKE_LIMIT_SEC = 60


def root_overlay(path: pathlib.Path, base: pathlib.Path) -> None:
    _run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", path)


def blank(path: pathlib.Path, size_mib: int) -> None:
    with open(path, "wb") as file:
        file.truncate(size_mib * MIB)


def ext4(path: pathlib.Path, size_mib: int) -> None:
    blank(path, size_mib)
    _run("mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", path)


def xfs(path: pathlib.Path, size_mib: int) -> None:
    blank(path, size_mib)
    _run("mkfs.xfs", "-q", "-f", path)


def partitioned_ext4(path: pathlib.Path, size_mib: int) -> None:
    """One MBR partition from 1 MiB to the end, with ext4 in it."""
    blank(path, size_mib)
    length = (size_mib - 1) * MIB
    _run("mke2fs", "-q", "-t", "ext4", "-E", f"offset={PARTITION_START},lazy_itable_init=0", path, f"{length // 1024}k")
    entry = struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", PARTITION_START // 512, length // 512)
    with open(path, "r+b") as file:
        file.seek(446)
        file.write(entry + bytes(48) + b"\x55\xaa")


def to_qcow2(path: pathlib.Path) -> None:
    """In place, for guests whose state is saved with their disks."""
    plain = path.with_suffix(".plain")
    path.rename(plain)
    _run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", plain, path)
    plain.unlink()


def allocated_bytes(path: pathlib.Path) -> int:
    return path.stat().st_blocks * 512


def check_clean_ext4(path: pathlib.Path) -> None:
    """Fails if a filesystem that is not in use needs its journal replayed, or a repair."""
    header = subprocess.run(["dumpe2fs", "-h", path], capture_output=True, text=True, check=True,
                            timeout=MAKE_LIMIT_SEC)
    if "needs_recovery" in header.stdout:
        raise Failed(f"{path.name}: the journal must be replayed")
    _run("e2fsck", "-fn", path)


def _run(*command) -> None:
    subprocess.run(command, check=True, timeout=MAKE_LIMIT_SEC, stdout=subprocess.DEVNULL)
