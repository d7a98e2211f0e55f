"""The guest as libvirt sees it: the VM tests' image and disks in a domain of type qemu (or kvm)."""

import pathlib
import time
from xml.etree import ElementTree

from harness import accel, disks, payload
from harness.control import Control
from harness.errors import Failed, TimedOut
from harness.image import Image
from harness.machine import AGENT_PORT

from . import daemon

NAME = "pqga"
NIC_ADDRESS = "52:54:00:65:43:21"
BOOT_LIMIT_SEC = 240

XML = """
<domain type='{kind}'>
  <name>{name}</name>
  <memory unit='MiB'>768</memory>
  <vcpu current='2'>2</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{image.kernel}</kernel>
    <initrd>{image.initrd}</initrd>
    <cmdline>console=ttyS0 quiet panic=-1 mitigations=off nokaslr net.ifnames=0 pqga.init=/sbin/pqga-init</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='{cpu}'/>
  <pm><suspend-to-mem enabled='yes'/></pm>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='scsi' model='virtio-scsi'/>
    {disks}
    <interface type='user'><mac address='{mac}'/><model type='virtio'/></interface>
    <serial type='file'><source path='{run_dir}/console.log'/><target type='isa-serial'/></serial>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <channel type='pipe'><source path='{run_dir}/control'/><target type='virtio' name='org.pqga.control'/></channel>
    <memballoon model='none'/>
  </devices>
</domain>
"""
DISK = """
    <disk type='file' device='disk'>
      <driver name='qemu' type='{format}' discard='unmap' cache='unsafe'/>
      <source file='{run_dir}/{file}'/><target dev='{target}' bus='{bus}'/>{more}
    </disk>"""
DISKS = (  # file, format, target, bus, more
    ("root.img", "qcow2", "vda", "virtio", ""),
    ("payload.tar", "raw", "vdb", "virtio", "<readonly/>"),
    ("ext4.img", "raw", "vdc", "virtio", "<serial>EXT4DATA</serial>"),
    ("xfs.img", "raw", "vdd", "virtio", "<serial>XFSDATA</serial>"),
    ("lvm.img", "raw", "sda", "scsi", "<serial>SCSILVM</serial>"),
)


def prepare(run_dir: pathlib.Path, image: Image, agent: pathlib.Path) -> None:
    """The disks and the domain's description."""
    disks.root_overlay(run_dir / "root.img", image.root)
    disks.ext4(run_dir / "ext4.img", 128)
    disks.xfs(run_dir / "xfs.img", 320)
    disks.blank(run_dir / "lvm.img", 256)
    payload.write(run_dir / "payload.tar", {"qemu-ga": agent}, image)
    kvm = daemon.may_use_kvm() and accel.choose(image) == "kvm"
    described = "".join(DISK.format(run_dir=run_dir, file=file, format=kind, target=target, bus=bus, more=more)
                        for file, kind, target, bus, more in DISKS)
    (run_dir / "domain.xml").write_text(XML.format(
        kind="kvm" if kvm else "qemu", cpu="host-passthrough" if kvm else "maximum", name=NAME, image=image,
        mac=NIC_ADDRESS, run_dir=run_dir, disks=described))


class Domain:
    """A running domain: virsh for the host's side, a root shell for the guest's own word."""

    def __init__(self, run_dir: pathlib.Path):
        self.run_dir = run_dir
        self.control = Control(run_dir)

    def close(self) -> None:
        self.control.close()

    def virsh(self, command: str, *words: str, limit_sec: float = 60) -> str:
        """The output of a virsh command on this domain; a failure of it fails the case."""
        result = daemon.virsh(self.run_dir, command, NAME, *words, limit_sec=limit_sec)
        if result.returncode != 0:
            raise Failed(f"virsh {command} {' '.join(words)}: {result.stderr.strip()}")
        return result.stdout.strip()

    def refused(self, command: str, *words: str) -> str:
        """The error text of a virsh command that must fail."""
        result = daemon.virsh(self.run_dir, command, NAME, *words)
        if result.returncode == 0:
            raise Failed(f"virsh {command} {' '.join(words)} succeeded: {result.stdout.strip()}")
        return result.stderr.strip()

    def sh(self, script: str, limit_sec: float = 60, check: bool = True) -> str:
        return self.control.run(script, limit_sec, check)

    def wait_booted(self, limit_sec: float = BOOT_LIMIT_SEC) -> None:
        self.control.wait_ready(limit_sec, self.run_dir / "console.log")

    def start_agent(self, *arguments: str) -> None:
        """A fresh agent, and libvirt knowing that the old one went and the new one came."""
        self.sh("/run/pqga/guest/agent stop")
        self.wait(lambda: not self.sees_agent(), "libvirt still sees an agent")
        port = "-m virtio-serial -p /dev/virtio-ports/org.qemu.guest_agent.0"
        self.sh(f"/run/pqga/guest/agent start {port} {' '.join(arguments)}")
        self.wait(self.sees_agent, "libvirt sees no agent")

    def sees_agent(self) -> bool:
        """What libvirt knows from QEMU: whether the guest has the agent's port open."""
        channels = ElementTree.fromstring(self.virsh("dumpxml")).findall("devices/channel/target")
        return any(target.get("name") == AGENT_PORT and target.get("state") == "connected" for target in channels)

    def wait(self, condition, complaint: str, limit_sec: float = 60) -> None:
        deadline = time.monotonic() + limit_sec
        while not condition():
            if time.monotonic() > deadline:
                raise TimedOut(complaint)
            time.sleep(0.5)

    def recover(self) -> None:
        self.sh("/run/pqga/guest/recover", check=False)


def qemu_pid(run_dir: pathlib.Path) -> int | None:
    """The domain's process, which outlives libvirtd."""
    for file in run_dir.glob(f"rt/libvirt/qemu/run/{NAME}.pid"):
        return int(file.read_text())
    return None
