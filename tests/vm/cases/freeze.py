"""guest-fsfreeze-*: what freezes, what stays served, and that everything thaws again."""

import time

from harness.case import case, check, equal
from harness.client import AgentError, request

MOUNTS = ["/", "/data/ext4", "/data/xfs", "/data/nvme", "/data/lvm", "/data/stuck"]
WHITELIST = ["guest-ping", "guest-info", "guest-fsfreeze-status"]
COUNTER = "/run/pqga/case.writes"
HOOK_LOG = "/run/pqga/case.hook"


def start_writer(vm, target: str, counter: str = COUNTER) -> None:
    """A process that appends to a file and counts, in RAM, how often that came back."""
    vm.background(f"n=0; while :; do echo x >>{target}/case-w; n=$((n + 1)); echo $n >{counter}; sleep 0.02; done")
    vm.wait_sh(f"test -s {counter}")


def written(vm, counter: str = COUNTER) -> int:
    return int(vm.sh(f"cat {counter}"))


def blocked(vm, counter: str = COUNTER) -> bool:
    """True if the writer stands still."""
    time.sleep(0.5)
    before = written(vm, counter)
    time.sleep(1)
    return written(vm, counter) == before


def hook(vm, body: str = "") -> str:
    """Installs a hook that notes its arguments in RAM; returns the option that names it."""
    vm.sh("printf '#!/bin/sh\\necho $1 >>%s\\n%s\\n' " + f"{HOOK_LOG} '{body}' >/run/pqga/case.hook.sh; "
          "chmod +x /run/pqga/case.hook.sh")
    return "-F/run/pqga/case.hook.sh"


def hook_calls(vm) -> list[str]:
    return vm.sh(f"cat {HOOK_LOG} 2>/dev/null", check=False).split()


def stick(vm) -> None:
    """The device below /data/stuck swallows writes: a freeze of the filesystem has to wait for it."""
    vm.sh("head -c 1048576 /dev/zero >/data/stuck/case-dirty; dmsetup suspend --noflush --nolockfs vg0-stuck")


def unstick(vm) -> None:
    vm.sh("dmsetup resume vg0-stuck")


@case()
def status_is_thawed(vm):
    client = vm.agent()
    equal("status", client.call("guest-fsfreeze-status"), "thawed")


@case()
def thaw_when_thawed_is_zero(vm):
    client = vm.agent()
    equal("filesystems thawed", client.call("guest-fsfreeze-thaw"), 0)


@case()
def writers_block_and_resume(vm):
    client = vm.agent()
    start_writer(vm, "/data/ext4")
    equal("filesystems frozen", client.call("guest-fsfreeze-freeze"), len(MOUNTS))
    equal("status", client.call("guest-fsfreeze-status"), "frozen")
    check("the writer went on while frozen", blocked(vm))
    equal("filesystems thawed", client.call("guest-fsfreeze-thaw"), len(MOUNTS))
    equal("status", client.call("guest-fsfreeze-status"), "thawed")
    check("the writer did not resume", not blocked(vm))


@case()
def every_filesystem_is_frozen(vm):
    """A freeze by another of the same filesystem is refused as busy, which shows that it is frozen."""
    client = vm.agent()
    client.call("guest-fsfreeze-freeze")
    states = vm.sh("".join(f"timeout 5 fsfreeze -f {mount} 2>&1; echo {mount} $?;" for mount in MOUNTS))
    client.call("guest-fsfreeze-thaw")
    for mount in MOUNTS:
        check(f"{mount} was not frozen: {states}", f"{mount} 1" in states.splitlines())


@case()
def only_the_whitelist_is_served(vm):
    client = vm.agent()
    client.call("guest-fsfreeze-freeze")
    for command in WHITELIST:
        client.call(command)
    for command in ("guest-file-open", "guest-exec", "guest-shutdown", "guest-get-fsinfo", "guest-fsfreeze-freeze"):
        error = client.error(command, {"path": "/etc/hostname"} if command == "guest-file-open" else None)
        equal(f"class of {command}", error.error_class, "CommandNotFound")
        equal(f"text of {command}", error.desc,
              f"Command {command} has been disabled: the command is not allowed")
    enabled = [row["name"] for row in client.call("guest-info")["supported_commands"] if row["enabled"]]
    equal("commands enabled while frozen", sorted(enabled),
          ["guest-fsfreeze-status", "guest-fsfreeze-thaw", "guest-info", "guest-ping", "guest-sync",
           "guest-sync-delimited"])
    client.call("guest-fsfreeze-thaw")


@case()
def list_freezes_what_it_names(vm):
    """One, two, none, unknown: unknown names are ignored."""
    client = vm.agent()
    for names, count in ((["/data/ext4"], 1), (["/data/ext4", "/data/xfs"], 2), (["/data/xfs", "/nowhere"], 1),
                         (["/nowhere"], 0), ([], 0)):
        equal(f"frozen of {names}", client.call("guest-fsfreeze-freeze-list", {"mountpoints": names}), count)
        equal(f"status after {names}", client.call("guest-fsfreeze-status"), "frozen" if count else "thawed")
        equal(f"thawed of {names}", client.call("guest-fsfreeze-thaw"), count)


@case()
def list_leaves_the_others_alone(vm):
    client = vm.agent()
    start_writer(vm, "/data/xfs", "/run/pqga/case.writes-xfs")
    start_writer(vm, "/data/ext4")
    client.call("guest-fsfreeze-freeze-list", {"mountpoints": ["/data/ext4"]})
    check("the writer on the frozen filesystem went on", blocked(vm))
    check("the writer on the other one stopped", not blocked(vm, "/run/pqga/case.writes-xfs"))
    client.call("guest-fsfreeze-thaw")


@case()
def list_freezes_a_bind_mount(vm):
    """A later mount of the same device names the same filesystem."""
    client = vm.agent()
    vm.sh("mkdir -p /data/ext4/case-sub /case/bind && mount --bind /data/ext4/case-sub /case/bind")
    start_writer(vm, "/data/ext4")
    equal("filesystems frozen", client.call("guest-fsfreeze-freeze-list", {"mountpoints": ["/case/bind"]}), 1)
    check("the writer went on while frozen", blocked(vm))
    equal("filesystems thawed", client.call("guest-fsfreeze-thaw"), 1)


def _loop_on_ext4(vm, then: str) -> None:
    """A loop device with its file on /data/ext4, which is mounted once more after it."""
    vm.sh("mkdir -p /case/loop /case/late && truncate -s 16M /data/ext4/case-loop && mke2fs -q -F /data/ext4/case-loop"
          " && mount -o loop /data/ext4/case-loop /case/loop && mount /dev/disk/by-id/virtio-EXT4DATA /case/late"
          f" && echo dirty >/case/loop/file {then}")


@case()
def loop_device_freezes_before_its_backing_file(vm):
    """Also where the backing filesystem was mounted again later than the loop device."""
    client = vm.agent()
    _loop_on_ext4(vm, "")
    equal("filesystems frozen", client.call("guest-fsfreeze-freeze", limit_sec=20), len(MOUNTS) + 1)
    equal("filesystems thawed", client.call("guest-fsfreeze-thaw", limit_sec=20), len(MOUNTS) + 1)


@case()
def loop_device_of_a_detached_mount_freezes_first_too(vm):
    """The mount through which the file was opened is gone, so its path says nothing; the later mount is left."""
    client = vm.agent()
    _loop_on_ext4(vm, "&& umount -l /data/ext4")
    try:
        equal("filesystems frozen", client.call("guest-fsfreeze-freeze", limit_sec=20), len(MOUNTS) + 1)
        equal("filesystems thawed", client.call("guest-fsfreeze-thaw", limit_sec=20), len(MOUNTS) + 1)
    finally:
        vm.sh("fsfreeze -u /case/late; mount /dev/disk/by-id/virtio-EXT4DATA /data/ext4", check=False)


@case()
def unmount_while_frozen_is_fine(vm):
    client = vm.agent()
    vm.sh("mkdir -p /case && mount -t tmpfs case /case && mkdir /case/extra && truncate -s 16M /case/img"
          " && mke2fs -q -F /case/img && mount -o loop /case/img /case/extra")
    client.call("guest-fsfreeze-freeze")
    vm.sh("umount /case/extra")
    client.call("guest-fsfreeze-thaw")
    equal("status", client.call("guest-fsfreeze-status"), "thawed")
    vm.sh("echo works >/data/ext4/case-after", limit_sec=10)


@case()
def disk_plugged_while_frozen(vm):
    """A filesystem that comes after the freeze does not disturb the thaw."""
    client = vm.agent()
    client.call("guest-fsfreeze-freeze-list", {"mountpoints": ["/data/ext4"]})
    vm.sh("mkdir -p /run/pqga/case.new && mount -t tmpfs x /run/pqga/case.new && truncate -s 16M /run/pqga/case.new/i"
          " && mke2fs -q -F /run/pqga/case.new/i && losetup -f --show /run/pqga/case.new/i >/run/pqga/case.loop"
          " && mkdir -p /case/new && mount $(cat /run/pqga/case.loop) /case/new")
    equal("filesystems thawed", client.call("guest-fsfreeze-thaw"), 1)
    vm.sh("umount /case/new /run/pqga/case.new; losetup -D; umount /run/pqga/case.new", check=False)


@case()
def status_waits_for_the_freeze_before_it(vm):
    """Both sent at once, the freeze slow: the status tells of its outcome, and comes second."""
    client = vm.agent(hook(vm, "sleep 3"))
    client.send_raw(request("guest-fsfreeze-freeze") + request("guest-fsfreeze-status"))
    equal("first reply: filesystems frozen", client.value(), len(MOUNTS))
    equal("second reply: status", client.value(), "frozen")
    client.call("guest-fsfreeze-thaw")


@case()
def status_poll_of_a_new_connection_waits_too(vm):
    """The host gives up waiting for a slow freeze, connects anew, syncs and asks the status."""
    client = vm.agent(hook(vm, "[ $1 = freeze ] && sleep 6; true"))
    client.send("guest-fsfreeze-freeze")
    time.sleep(1)
    client.close()
    time.sleep(1)
    client = vm.connect(sync=False)
    client.send_raw(request("guest-sync-delimited", {"id": 77}) + request("guest-fsfreeze-status"))
    reply = client.reply()
    while reply.get("return") != 77:
        reply = client.reply()
    equal("status", client.value(), "frozen")
    client.call("guest-fsfreeze-thaw")


@case()
def killed_while_frozen_thaws_after_restart(vm):
    """The frozen state outlives the process, whose own state directory is frozen too."""
    client = vm.agent()
    start_writer(vm, "/data/xfs")
    client.call("guest-fsfreeze-freeze")
    vm.keep_state()
    vm.stop_agent("KILL")
    client.close()
    client = vm.agent()
    equal("status after the restart", client.call("guest-fsfreeze-status"), "frozen")
    equal("class of a refused command", client.error("guest-get-host-name").error_class, "CommandNotFound")
    check("the writer went on", blocked(vm))
    equal("filesystems thawed", client.call("guest-fsfreeze-thaw"), len(MOUNTS))
    check("the writer did not resume", not blocked(vm))
    client.call("guest-get-host-name")


@case()
def terminated_while_frozen_goes_on(vm):
    """SIGTERM must not leave a guest frozen with nobody to thaw it; it is carried out after the thaw."""
    client = vm.agent()
    client.call("guest-fsfreeze-freeze")
    vm.sh("kill -TERM $(cat /run/pqga/agent.pid)")
    time.sleep(1)
    running = vm.agent_running()
    if running:
        equal("filesystems thawed", client.call("guest-fsfreeze-thaw"), len(MOUNTS))
    check("the agent ended while frozen", running)
    vm.wait_sh("! /run/pqga/guest/agent running", 20)


@case()
def terminated_around_a_freeze_leaves_nothing_frozen(vm):
    """SIGTERM some milliseconds behind the request: the agent ends, and no filesystem is frozen."""
    for delay in range(8):
        client = vm.agent(hook(vm))
        client.send("guest-fsfreeze-freeze")
        time.sleep(delay * 0.004)
        vm.sh("kill -TERM $(cat /run/pqga/agent.pid)")
        time.sleep(0.5)
        if vm.agent_running():
            client.send("guest-fsfreeze-thaw")
        vm.wait_sh("! /run/pqga/guest/agent running", 30)
        client.close()
        vm.sh("".join(f"echo works >{mount}/case-after;" for mount in MOUNTS), limit_sec=10)
        check("a marker is left", vm.sh("ls /var/lib/qga/*isfrozen 2>/dev/null; true") == "")


@case()
def terminated_during_the_freeze_hook_runs_the_thaw_hook(vm):
    client = vm.agent(hook(vm, "[ $1 = thaw ] || sleep 3"))
    client.send("guest-fsfreeze-freeze")
    vm.wait_sh(f"test -s {HOOK_LOG}")
    vm.sh("kill -TERM $(cat /run/pqga/agent.pid)")
    vm.wait_sh("! /run/pqga/guest/agent running", 30)
    equal("hook calls", hook_calls(vm), ["freeze", "thaw"])
    vm.sh("".join(f"echo works >{mount}/case-after;" for mount in MOUNTS), limit_sec=10)


@case()
def log_waits_for_the_thaw(vm):
    """The log lies on a frozen filesystem: nothing of it may block, and what was to be said comes after the thaw."""
    client = vm.agent()
    client.call("guest-fsfreeze-freeze")
    for _ in range(50):
        client.call("guest-ping")
    client.call("guest-fsfreeze-thaw")
    pings = vm.sh("grep -c 'read data.*guest-ping' /var/log/qga.log; true")
    equal("pings that the log tells of", pings, "50")


@case()
def host_that_never_returns_is_thawed_from(vm):
    """freeze-timeout; the host's own thaw, too late, tells by 0 that the snapshot is no good."""
    vm.configure(freeze_timeout=4)
    client = vm.agent()
    start_writer(vm, "/data/ext4")
    client.call("guest-fsfreeze-freeze")
    equal("status at once", client.call("guest-fsfreeze-status"), "frozen")
    time.sleep(8)
    equal("status after the timeout", client.call("guest-fsfreeze-status"), "thawed")
    check("the writer did not resume", not blocked(vm))
    equal("filesystems thawed by the late host", client.call("guest-fsfreeze-thaw"), 0)


@case()
def freeze_timeout_goes_on_after_a_restart(vm):
    vm.configure(freeze_timeout=10)
    client = vm.agent()
    start_writer(vm, "/data/ext4")
    client.call("guest-fsfreeze-freeze")
    vm.keep_state()
    vm.stop_agent("KILL")
    client.close()
    client = vm.agent()
    time.sleep(13)
    equal("status after the timeout", client.call("guest-fsfreeze-status"), "thawed")
    check("the writer did not resume", not blocked(vm))


@case()
def hook_runs_before_and_after(vm):
    client = vm.agent(hook(vm))
    client.call("guest-fsfreeze-freeze")
    equal("hook calls after the freeze", hook_calls(vm), ["freeze"])
    client.call("guest-fsfreeze-thaw")
    equal("hook calls after the thaw", hook_calls(vm), ["freeze", "thaw"])


@case()
def hook_thaws_what_it_froze_if_nothing_was_frozen(vm):
    """No filesystem of that name: the application that the hook stopped must run again all the same."""
    client = vm.agent(hook(vm))
    equal("frozen", client.call("guest-fsfreeze-freeze-list", {"mountpoints": ["/nowhere"]}), 0)
    equal("hook calls", hook_calls(vm), ["freeze", "thaw"])


@case()
def hook_that_fails_prevents_the_freeze(vm):
    """And is told to thaw, since it may have done half of its work."""
    client = vm.agent(hook(vm, "[ $1 = thaw ] || exit 3"))
    client.error("guest-fsfreeze-freeze")
    equal("status", client.call("guest-fsfreeze-status"), "thawed")
    equal("hook calls", hook_calls(vm), ["freeze", "thaw"])
    vm.sh("echo works >/data/ext4/case-after", limit_sec=10)


@case()
def hook_that_hangs_is_ended(vm):
    """fsfreeze-hook-timeout ends it, the freeze fails, and the agent answered all the while."""
    vm.configure(fsfreeze_hook_timeout=6)
    client = vm.agent(hook(vm, "[ $1 = thaw ] || sleep 1000"))
    client.send("guest-fsfreeze-freeze")
    client.sync(5)
    client.call("guest-ping", limit_sec=5)
    time.sleep(8)
    equal("status", client.call("guest-fsfreeze-status", limit_sec=10), "thawed")
    equal("hook calls", hook_calls(vm), ["freeze", "thaw"])
    equal("sleepers left", vm.sh("pgrep -xc sleep; true"), "0")


@case(seconds=180)
def freeze_of_a_stuck_device_leaves_ping_and_thaw(vm):
    """FIFREEZE hangs on one filesystem; a sync frees the session, and thaw frees the others."""
    client = vm.agent()
    start_writer(vm, "/data/xfs")
    stick(vm)
    client.send("guest-fsfreeze-freeze")
    try:
        time.sleep(2)
        client.sync(10)
        client.call("guest-ping", limit_sec=5)
        client.call("guest-info", limit_sec=5)
        client.call("guest-fsfreeze-thaw", limit_sec=30)
        check("the writer elsewhere did not resume", not blocked(vm))
    finally:
        unstick(vm)
    vm.wait_sh("echo works >/data/stuck/case-after", 30)
    equal("status in the end", client.call("guest-fsfreeze-status"), "thawed")
    check("a reply of the abandoned freeze", client.silent(1))


@case(seconds=180)
def stuck_freeze_is_thawed_by_timeout(vm):
    vm.configure(freeze_timeout=5)
    client = vm.agent()
    start_writer(vm, "/data/xfs")
    stick(vm)
    client.send("guest-fsfreeze-freeze")
    try:
        time.sleep(20)
        check("the writer elsewhere did not resume", not blocked(vm))
    finally:
        unstick(vm)
    vm.wait_sh("echo works >/data/stuck/case-after", 30)


@case()
def freeze_again_after_thaw(vm):
    client = vm.agent()
    for _ in range(5):
        equal("filesystems frozen", client.call("guest-fsfreeze-freeze"), len(MOUNTS))
        equal("filesystems thawed", client.call("guest-fsfreeze-thaw"), len(MOUNTS))


@case()
def failed_freeze_thaws_everything(vm):
    """A filesystem that cannot be frozen: the error names it, and no other stays frozen."""
    client = vm.agent()
    vm.sh("mkdir -p /case && mount -t tmpfs case /case && mkdir /case/mnt && truncate -s 16M /case/img"
          " && mke2fs -q -F -t ext4 /case/img && dev=$(losetup -f --show /case/img)"
          " && echo \"0 32768 linear $dev 0\" | dmsetup create case-bad && mount /dev/mapper/case-bad /case/mnt"
          " && echo \"0 32768 error\" | dmsetup load case-bad && echo dirty >/case/mnt/file"
          " && dmsetup suspend --nolockfs --noflush case-bad && dmsetup resume case-bad")
    try:
        error = client.error("guest-fsfreeze-freeze")
        check(f"the error names the mount: {error.desc}", "/case/mnt" in error.desc)
        equal("status", client.call("guest-fsfreeze-status"), "thawed")
        vm.sh("".join(f"echo works >{mount}/case-after;" for mount in MOUNTS), limit_sec=10)
    except AgentError as failed:
        raise AssertionError(str(failed)) from failed
    finally:
        vm.sh("fsfreeze -u /case/mnt; umount -l /case/mnt; dmsetup remove --force case-bad; losetup -D;"
              " umount -l /case; rm -f /case-after", check=False)
