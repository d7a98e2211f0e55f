"""What virsh does with an agent. Each function here is a ctest entry libvirt.<function>."""

import json
import re
import time

from harness import disks
from harness.case import check, equal, near

from . import daemon
from .domain import NIC_ADDRESS, Domain

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHv0nHzxV0bTZ8cYwZkJQ5p0mQ9Y3x3W5m8G3m8x9p1k virsh"
MOUNTS = ["/", "/data/ext4", "/data/xfs", "/data/lvm", "/data/stuck"]


def _agent(dom: Domain, command: str, **arguments):
    """The `return` of an agent's command, passed through by libvirt."""
    request = json.dumps({"execute": command, "arguments": arguments})
    return json.loads(dom.virsh("qemu-agent-command", request))["return"]


def agent_command_passes_through(dom: Domain) -> None:
    dom.start_agent()
    reply = json.loads(dom.virsh("qemu-agent-command", '{"execute":"guest-sync","arguments":{"id":4711}}'))
    equal("reply", reply, {"return": 4711})
    error = dom.refused("qemu-agent-command", '{"execute":"guest-nonsense"}')
    check(f"error {error!r}", "The command guest-nonsense has not been found" in error)


def domfsinfo_lists_the_filesystems(dom: Domain) -> None:
    dom.start_agent()
    lines = [line.split() for line in dom.virsh("domfsinfo").splitlines()[2:]]
    rows = {line[0]: line[1:] for line in lines}
    equal("mount points", sorted(rows), sorted(MOUNTS))
    for mount, target in (("/", "vda"), ("/data/ext4", "vdc"), ("/data/xfs", "vdd"), ("/data/lvm", "sda")):
        equal(f"libvirt's name for the disk of {mount}", rows[mount][-1], target)
        equal(f"type of {mount}", rows[mount][1], dom.sh(f"findmnt -n -o FSTYPE {mount}"))


def domifaddr_tells_the_addresses(dom: Domain) -> None:
    dom.start_agent()
    text = dom.virsh("domifaddr", "--source", "agent", "--full")
    for words in ((" eth0 ", NIC_ADDRESS, "203.0.113.5/24"), (" dummy0 ", "192.0.2.1/24"), ("2001:db8::1/64",)):
        check(f"{words} in {text}", all(word in text for word in words))


def domtime_reads_and_sets(dom: Domain) -> None:
    dom.start_agent()
    near("time", int(dom.virsh("domtime").split()[-1]), float(dom.sh("date +%s")), 10)
    dom.virsh("domtime", "--time", "1700000000")
    near("date", float(dom.sh("date +%s")), 1700000000, 15)
    dom.virsh("domtime", "--now")
    near("date", float(dom.sh("date +%s")), time.time(), 15)
    dom.sh("date -s @1700000000")
    dom.virsh("domtime", "--sync")
    near("date", float(dom.sh("date +%s")), time.time(), 60)


def guestvcpus_go_offline_and_back(dom: Domain) -> None:
    dom.start_agent()
    check("two online", re.search(r"online\s*:\s*0-1", dom.virsh("guestvcpus")))
    dom.virsh("guestvcpus", "--disable", "1")
    equal("nproc", dom.sh("nproc"), "1")
    dom.virsh("guestvcpus", "--enable", "1")
    equal("nproc", dom.sh("nproc"), "2")
    dom.virsh("setvcpus", "1", "--guest")
    equal("nproc", dom.sh("nproc"), "1")
    dom.virsh("setvcpus", "2", "--guest")
    equal("nproc", dom.sh("nproc"), "2")


def guestinfo_gathers_everything(dom: Domain) -> None:
    dom.start_agent()
    rows = dict(re.findall(r"^(\S+)\s*: (.*)$", dom.virsh("guestinfo"), re.M))
    equal("os.id", rows["os.id"], "debian")
    equal("os.kernel-release", rows["os.kernel-release"], dom.sh("uname -r"))
    equal("timezone", (rows["timezone.name"], rows["timezone.offset"]), ("UTC", "0"))
    equal("hostname", rows["hostname"], dom.sh("uname -n"))
    equal("filesystems", rows["fs.count"], str(len(MOUNTS)))
    check("no disk", int(rows["disk.count"]) >= 5)
    check("the user count is missing", "user.count" in rows)
    check("no interface", int(rows["if.count"]) >= 3)


def password_is_set(dom: Domain) -> None:
    dom.start_agent()
    dom.virsh("set-user-password", "tester", "from-virsh")
    accepted = dom.sh("perl -e '$h = (getpwnam(\"tester\"))[1]; print crypt(\"from-virsh\", $h) eq $h ? 1 : 0'")
    equal("crypt(3) accepts it", accepted, "1")


def sshkeys_are_set_and_listed(dom: Domain) -> None:
    """virsh splits the file at newlines and sends what is behind the last one, an empty key, too."""
    dom.start_agent()
    dom.sh("rm -rf /home/tester/.ssh")
    file = dom.run_dir / "keys"
    file.write_text(KEY + "\n")
    file.chmod(0o644)
    dom.virsh("set-user-sshkeys", "tester", "--file", str(file))
    equal("listed", dom.virsh("get-user-sshkeys", "tester"), KEY)
    equal("file", dom.sh("cat /home/tester/.ssh/authorized_keys"), KEY)
    dom.virsh("set-user-sshkeys", "tester", "--remove", "--file", str(file))
    equal("listed after the removal", dom.virsh("get-user-sshkeys", "tester"), "")


def domfsfreeze_stops_writers_until_domfsthaw(dom: Domain) -> None:
    dom.start_agent()
    text = dom.virsh("domfsfreeze")
    equal("frozen", text, f"Froze {len(MOUNTS)} filesystem(s)")
    writer = dom.control.start("echo written >/data/ext4/case-frozen", 60)
    time.sleep(2)
    check("a write to a frozen filesystem came back", not dom.control.finished(writer))
    equal("thawed", dom.virsh("domfsthaw"), f"Thawed {len(MOUNTS)} filesystem(s)")
    equal("the writer's status", dom.control.finish(writer)[0], 0)
    equal("frozen", dom.virsh("domfsfreeze", "--mountpoint", "/data/xfs"), "Froze 1 filesystem(s)")
    equal("thawed", dom.virsh("domfsthaw"), "Thawed 1 filesystem(s)")
    dom.sh("rm /data/ext4/case-frozen")


def frozen_guest_refuses_the_rest(dom: Domain) -> None:
    dom.start_agent()
    dom.virsh("domfsfreeze")
    try:
        error = dom.refused("qemu-agent-command", '{"execute":"guest-get-host-name"}')
        check(f"error {error!r}", "has been disabled" in error)
        dom.refused("domhostname", "--source", "agent")
    finally:
        dom.virsh("domfsthaw")


def quiesced_snapshot_needs_no_journal(dom: Domain) -> None:
    """What a backup copies: freeze, new overlay, thaw by libvirt, under a writer."""
    dom.start_agent()
    writer = dom.control.start("for i in $(seq 300); do echo $i >/data/ext4/case-$i; sync; done", 120)
    others = [word for target in ("vda", "vdb", "vdd", "sda") for word in ("--diskspec", f"{target},snapshot=no")]
    dom.virsh("snapshot-create-as", "--disk-only", "--quiesce", "--atomic", "--no-metadata",
              "--diskspec", f"vdc,file={dom.run_dir}/ext4.overlay", *others)
    disks.check_clean_ext4(dom.run_dir / "ext4.img")
    equal("the writer's status", dom.control.finish(writer)[0], 0)
    equal("status", _agent(dom, "guest-fsfreeze-status"), "thawed")
    dom.virsh("blockcommit", "vdc", "--active", "--pivot", "--wait")
    dom.sh("rm /data/ext4/case-*")


def domfstrim_gives_blocks_back(dom: Domain) -> None:
    dom.start_agent()
    dom.virsh("domfstrim")
    dom.sh("dd if=/dev/urandom of=/data/ext4/case-big bs=1M count=48 conv=fsync 2>&1; rm /data/ext4/case-big; sync")
    before = disks.allocated_bytes(dom.run_dir / "ext4.img")
    dom.virsh("domfstrim")
    given_back = (before - disks.allocated_bytes(dom.run_dir / "ext4.img")) >> 20
    check(f"only {given_back} MiB came back", given_back >= 40)


def domhostname_asks_the_guest(dom: Domain) -> None:
    dom.start_agent()
    equal("host name", dom.virsh("domhostname", "--source", "agent"), dom.sh("uname -n"))


def agent_that_stops_is_noticed(dom: Domain) -> None:
    """libvirt follows the port: no agent is told at once, a new one is used at once."""
    dom.start_agent()
    dom.sh("/run/pqga/guest/agent stop")
    dom.wait(lambda: not dom.sees_agent(), "libvirt still sees an agent")
    check("the error", "agent is not" in dom.refused("domhostname", "--source", "agent"))
    dom.start_agent()
    dom.virsh("domhostname", "--source", "agent")


def timed_out_command_does_not_spoil_the_next(dom: Domain) -> None:
    """libvirt gives up on a command, and its next one begins with a sync."""
    dom.start_agent()
    dom.sh("head -c 4194304 /dev/urandom >/data/stuck/case-hang; sync; echo 3 >/proc/sys/vm/drop_caches;"
           "head -c 1 /data/stuck/case-hang >/dev/null; dmsetup suspend --noflush --nolockfs vg0-stuck")
    try:
        handle = _agent(dom, "guest-file-open", path="/data/stuck/case-hang")
        _agent(dom, "guest-file-seek", handle=handle, offset=3 << 20, whence="set")
        request = {"execute": "guest-file-read", "arguments": {"handle": handle, "count": 65536}}
        dom.refused("qemu-agent-command", "--timeout", "3", json.dumps(request))
        equal("host name", dom.virsh("domhostname", "--source", "agent", limit_sec=30), dom.sh("uname -n"))
    finally:
        dom.sh("dmsetup resume vg0-stuck")
    time.sleep(2)
    for _ in range(3):
        equal("host name", dom.virsh("domhostname", "--source", "agent"), dom.sh("uname -n"))


def reboot_mode_agent(dom: Domain) -> None:
    dom.start_agent()
    dom.sh("touch /run/pqga/before-the-reboot")
    dom.virsh("reboot", "--mode", "agent")
    time.sleep(5)
    dom.wait_booted()
    equal("marker in the guest's RAM", dom.sh("ls /run/pqga/before-the-reboot", check=False).count("No such file"), 1)
    dom.start_agent()
    dom.virsh("domhostname", "--source", "agent")


def dompmsuspend_and_dompmwakeup(dom: Domain) -> None:
    dom.start_agent()
    dom.virsh("dompmsuspend", "mem")
    dom.wait(lambda: dom.virsh("domstate") == "pmsuspended", "the domain is not suspended")
    dom.virsh("dompmwakeup")
    dom.wait(lambda: dom.virsh("domstate") == "running", "the domain does not run")
    time.sleep(2)  # the guest's driver closed the port meanwhile, and QEMU tells of ports once a second
    dom.wait(dom.sees_agent, "libvirt does not see the agent again")
    equal("host name", dom.virsh("domhostname", "--source", "agent"), dom.sh("uname -n"))


def shutdown_mode_agent(dom: Domain) -> None:
    """The last: the domain is gone after it."""
    dom.start_agent()
    dom.virsh("shutdown", "--mode", "agent")
    dom.wait(lambda: not _runs(dom), "the domain still runs", 90)


def _runs(dom: Domain) -> bool:
    return daemon.virsh(dom.run_dir, "domstate", "pqga").stdout.strip() == "running"
