"""guest-file-* and guest-exec where the guest's own tools can be asked, and where disks misbehave."""

import base64
import hashlib
import time

from harness.case import case, check, equal
from harness.client import AgentError

STUCK_FILE = "/data/stuck/case-hang"


@case()
def written_file_has_the_guests_checksum(vm):
    client = vm.agent()
    data = hashlib.sha256(b"seed").digest() * 32768
    client.write_file("/data/ext4/case-sum", data)
    equal("sha256sum", vm.sh("sha256sum </data/ext4/case-sum").split()[0], hashlib.sha256(data).hexdigest())


@case()
def file_of_the_guest_reads_the_same(vm):
    client = vm.agent()
    vm.sh("head -c 5000000 /dev/urandom >/data/xfs/case-sum")
    data = client.read_file("/data/xfs/case-sum", 1 << 20)
    equal("sha256sum", vm.sh("sha256sum </data/xfs/case-sum").split()[0], hashlib.sha256(data).hexdigest())


@case()
def appended_log_line_is_seen(vm):
    client = vm.agent()
    vm.sh("echo first >/data/ext4/case-log")
    client.write_file("/data/ext4/case-log", b"second\n", "a")
    equal("file", vm.sh("cat /data/ext4/case-log"), "first\nsecond")


@case()
def kernel_files_are_read(vm):
    """Files without a size: /proc and /sys."""
    client = vm.agent()
    release = client.read_file("/proc/sys/kernel/osrelease").decode().strip()
    equal("/proc/sys/kernel/osrelease", release, vm.sh("uname -r"))


@case(seconds=180)
def full_disk_is_an_error_and_no_more(vm):
    """Writing, flushing or closing says so; the agent and other files are unharmed."""
    client = vm.agent()
    vm.sh("cat /dev/zero >/data/lvm/case-fill 2>/dev/null; sync; true")
    handle = client.call("guest-file-open", {"path": "/data/lvm/case-more", "mode": "w"})
    block = base64.b64encode(bytes(1 << 20)).decode()
    errors = []
    for command, arguments in (("guest-file-write", {"handle": handle, "buf-b64": block}),
                               ("guest-file-flush", {"handle": handle}), ("guest-file-close", {"handle": handle})):
        try:
            client.call(command, arguments)
        except AgentError as error:
            errors.append(error.desc)
    check(f"no error tells that the disk is full: {errors}", any("No space left on device" in text for text in errors))
    client.write_file("/data/ext4/case-fine", b"fine")
    equal("other file", vm.sh("cat /data/ext4/case-fine"), "fine")


@case(seconds=180)
def full_state_directory_leaves_the_agent_serving(vm):
    """The handle counter cannot be stored: that may fail an open, never the agent."""
    client = vm.agent()
    vm.sh("fallocate -l $(df --output=avail -B1 / | tail -n 1) /var/case-fill;"
          "cat /dev/zero >>/var/case-fill 2>/dev/null; sync; true", limit_sec=120)
    try:
        client.send("guest-file-open", {"path": "/etc/hostname"})
        client.reply()
        client.call("guest-ping")
        client.call("guest-info")
    finally:
        vm.sh("rm -f /var/case-fill")
    handle = client.call("guest-file-open", {"path": "/etc/hostname"})
    client.call("guest-file-close", {"handle": handle})


@case(seconds=180)
def hanging_filesystem_does_not_take_the_agent(vm):
    """A read that never comes back: a sync gives the host its agent back, and the late reply never appears."""
    client = vm.agent()
    vm.sh(f"head -c 4194304 /dev/urandom >{STUCK_FILE}; sync; echo 3 >/proc/sys/vm/drop_caches;"
          f"head -c 1 {STUCK_FILE} >/dev/null; dmsetup suspend --noflush --nolockfs vg0-stuck")
    handle = client.call("guest-file-open", {"path": STUCK_FILE})
    client.call("guest-file-seek", {"handle": handle, "offset": 3 << 20, "whence": "set"})
    client.send("guest-file-read", {"handle": handle, "count": 65536})
    try:
        time.sleep(1)
        client.sync(10)
        client.call("guest-ping", limit_sec=5)
        equal("another file", client.read_file("/etc/hostname"), b"vm-guest\n")
        equal("a program", client.execute("echo alive")["out-data"], b"alive\n")
    finally:
        vm.sh("dmsetup resume vg0-stuck")
    time.sleep(2)
    check("the late reply appeared", client.silent(1))
    client.call("guest-file-close", {"handle": handle})


@case()
def exec_sees_the_guest(vm):
    client = vm.agent()
    equal("uid", client.execute("id -u")["out-data"], vm.sh("id -u").encode() + b"\n")
    equal("mounts", client.execute("cut -d' ' -f2 /proc/mounts | sort")["out-data"].decode().strip(),
          vm.sh("cut -d' ' -f2 /proc/mounts | sort"))


@case()
def exec_takes_input_and_environment(vm):
    client = vm.agent()
    arguments = {"path": "/bin/sh", "arg": ["-c", "cat; env"], "env": ["A=1", "B=two words"], "capture-output": True,
                 "input-data": base64.b64encode(b"input\n").decode()}
    pid = client.call("guest-exec", arguments)["pid"]
    status = {"exited": False}
    deadline = time.monotonic() + 20
    while not status["exited"] and time.monotonic() < deadline:
        time.sleep(0.1)
        status = client.call("guest-exec-status", {"pid": pid})
    lines = base64.b64decode(status["out-data"]).decode().splitlines()
    check(f"output {lines}", lines[0] == "input" and "A=1" in lines and "B=two words" in lines)


@case(seconds=180)
def single_stream_capture_works_again_and_again(vm):
    """Each of the modes, ten times in a row."""
    client = vm.agent()
    for attempt in range(10):
        for mode, key, text in (("stdout", "out-data", b"out\n"), ("stderr", "err-data", b"err\n")):
            arguments = {"path": "/bin/sh", "arg": ["-c", "echo out; echo err >&2"], "capture-output": mode}
            pid = client.call("guest-exec", arguments)["pid"]
            status = _ended(client, pid)
            equal(f"{mode}, attempt {attempt}", base64.b64decode(status.get(key, "")), text)


def _ended(client, pid: int) -> dict:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        status = client.call("guest-exec-status", {"pid": pid})
        if status["exited"]:
            return status
        time.sleep(0.05)
    raise AssertionError(f"process {pid} never ends")
