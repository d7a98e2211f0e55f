"""The virtual machine: its disks, its ports, its qemu process."""

import dataclasses
import os
import pathlib
import shutil
import subprocess
import time

from . import accel, disks, payload
from .errors import NoGuest
from .image import Image

AGENT_PORT = "org.qemu.guest_agent.0"
BOOT_LIMIT_SEC = 240
NIC_ADDRESS = "52:54:00:12:34:56"
VSOCK_CID = 4711


@dataclasses.dataclass(frozen=True)
class Options:
    """What differs between guests. `savable`: state can be saved, so no NVMe disk, and disks as qcow2."""

    init: str = "/sbin/pqga-init"
    savable: bool = False

    @property
    def disk_format(self) -> str:
        return "qcow2" if self.savable else "raw"


SYSTEMD = Options(init="/lib/systemd/systemd")
SAVABLE = Options(savable=True)


def vsock_works() -> bool:
    """vsock needs the host's vhost driver; opening the node loads it where it exists."""
    try:
        os.close(os.open("/dev/vhost-vsock", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def prepare(run_dir: pathlib.Path, image: Image, agent: pathlib.Path, options: Options) -> None:
    """Makes the run directory anew, with all disks and FIFOs."""
    shutil.rmtree(run_dir, ignore_errors=True)
    run_dir.mkdir(parents=True, mode=0o700)
    disks.root_overlay(run_dir / "root.img", image.root)
    disks.ext4(run_dir / "ext4.img", 128)
    disks.xfs(run_dir / "xfs.img", 320)
    disks.blank(run_dir / "lvm.img", 256)
    disks.partitioned_ext4(run_dir / "nvme.img", 64)
    if options.savable:
        for name in ("ext4", "xfs", "lvm"):
            disks.to_qcow2(run_dir / f"{name}.img")
    payload.write(run_dir / "payload.tar", {"qemu-ga": agent}, image)
    for name in ("control.in", "control.out"):
        os.mkfifo(run_dir / name)


def start(run_dir: pathlib.Path, image: Image, options: Options) -> subprocess.Popen:
    """Starts qemu as a child that dies with us."""
    log = open(run_dir / "qemu.log", "wb")
    command = ["setpriv", "--pdeathsig", "KILL", *command_line(run_dir, image, options)]
    process = subprocess.Popen(command, cwd=run_dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    deadline = time.monotonic() + 20
    while not (run_dir / "qmp.sock").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise NoGuest("qemu did not start: " + (run_dir / "qemu.log").read_text())
        time.sleep(0.05)
    return process


def command_line(run_dir: pathlib.Path, image: Image, options: Options) -> list[str]:
    how = accel.choose(image)
    append = (f"console=ttyS0 quiet panic=-1 mitigations=off nokaslr net.ifnames=0 memhp_default_state=online_movable "
              f"pqga.init={options.init} systemd.show_status=0")
    command = [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-machine", f"pc,accel={how}", "-cpu", "host" if how == "kvm" else "max", "-smp", "2", "-rtc", "base=utc",
        "-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", append,
        "-qmp", "unix:qmp.sock,server=on,wait=off",
    ]
    return command + _memory() + _ports() + _disks(options) + _network()


def _memory() -> list[str]:
    """Boot memory, and a DIMM whose blocks the guest can take offline."""
    return ["-m", "640M,slots=2,maxmem=2G", "-object", "memory-backend-ram,id=dimm0,size=256M",
            "-device", "pc-dimm,memdev=dimm0"]


def _ports() -> list[str]:
    return [
        "-chardev", "file,id=console,path=console.log", "-device", "isa-serial,chardev=console,index=0",
        "-chardev", "socket,id=isa,path=isa.sock,server=on,wait=off", "-device", "isa-serial,chardev=isa,index=1",
        "-device", "virtio-serial-pci,id=serial0,max_ports=8",
        "-chardev", "socket,id=agent,path=agent.sock,server=on,wait=off", "-device", agent_port(),
        # On FIFOs, whose host side is never closed: the guest's shell needs no reopening.
        "-chardev", "pipe,id=control,path=control",
        "-device", "virtserialport,bus=serial0.0,nr=2,chardev=control,name=org.pqga.control",
    ]


def agent_port() -> str:
    return f"virtserialport,bus=serial0.0,nr=1,chardev=agent,name={AGENT_PORT},id=agentport"


def _disks(options: Options) -> list[str]:
    kind = f"format={options.disk_format},if=none,discard=unmap,cache=unsafe"
    command = [
        "-drive", "file=root.img,format=qcow2,if=none,id=root,cache=unsafe", "-device", "virtio-blk-pci,drive=root",
        "-drive", "file=payload.tar,format=raw,if=none,id=payload,readonly=on",
        "-device", "virtio-blk-pci,drive=payload",
        "-drive", f"file=ext4.img,id=ext4,{kind}", "-device", "virtio-blk-pci,drive=ext4,serial=EXT4DATA",
        "-drive", f"file=xfs.img,id=xfs,{kind}", "-device", "virtio-blk-pci,drive=xfs,serial=XFSDATA",
        "-device", "virtio-scsi-pci,id=scsi0",
        "-drive", f"file=lvm.img,id=lvm,{kind}",
        "-device", "scsi-hd,drive=lvm,bus=scsi0.0,channel=0,scsi-id=3,lun=2,serial=SCSILVM",
    ]
    if not options.savable:
        command += ["-drive", f"file=nvme.img,id=nvme,{kind}", "-device", "nvme,drive=nvme,serial=NVME0001"]
    return command


def _network() -> list[str]:
    command = ["-netdev", "user,id=net0,restrict=on,ipv6=off",
               "-device", f"virtio-net-pci,netdev=net0,mac={NIC_ADDRESS}"]
    if vsock_works():
        command += ["-device", f"vhost-vsock-pci,guest-cid={VSOCK_CID}"]
    return command


def stop(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
