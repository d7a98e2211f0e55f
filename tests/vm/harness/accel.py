"""KVM or emulation: a device node that opens says little, so a guest is tried."""

import os
import pathlib
import subprocess
import tempfile

from .image import Image

PROBE_LIMIT_SEC = 15


def choose(image: Image) -> str:
    """"kvm" if a guest comes alive under it, else "tcg". The answer is kept until this machine reboots."""
    boot_id = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    kept = pathlib.Path(tempfile.gettempdir()) / f"pqga-vm-accel-{os.getuid()}-{boot_id}"
    if kept.exists():
        return kept.read_text()
    answer = "kvm" if os.access("/dev/kvm", os.R_OK | os.W_OK) and _guest_lives(image) else "tcg"
    kept.write_text(answer)
    return answer


def _guest_lives(image: Image) -> bool:
    """Boots the RAM disk alone; its first program writes a word and powers off."""
    command = [
        "qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "pc,accel=kvm",
        "-cpu", "host", "-m", "256", "-kernel", image.kernel, "-initrd", image.initrd,
        "-append", "console=ttyS0 quiet panic=-1 pqga.probe",
        "-no-reboot", "-serial", "stdio",
    ]
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                timeout=PROBE_LIMIT_SEC)
    except subprocess.TimeoutExpired:
        return False
    return b"pqga-probe-alive" in result.stdout
