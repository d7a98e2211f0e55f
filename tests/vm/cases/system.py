"""Processors, memory, time, names: each command against what the guest says of itself."""

import time

from harness.case import case, check, equal, near

SEC = 1_000_000_000
WEEK = 7 * 24 * 3600


@case()
def info_names_every_command(vm):
    """All commands of the schema on Linux, each enabled, with success-response as it is."""
    client = vm.agent()
    rows = {row["name"]: row for row in client.call("guest-info")["supported_commands"]}
    silent = {"guest-shutdown", "guest-suspend-disk", "guest-suspend-ram", "guest-suspend-hybrid"}
    equal("commands without reply", {name for name, row in rows.items() if not row["success-response"]}, silent)
    check("a command is disabled", all(row["enabled"] for row in rows.values()))
    check(f"only {len(rows)} commands", len(rows) >= 43)


@case()
def vcpus_equal_sysfs_and_nproc(vm):
    client = vm.agent()
    rows = {row["logical-id"]: row for row in client.call("guest-get-vcpus")}
    equal("processors", len(rows), int(vm.sh("getconf _NPROCESSORS_CONF")))
    equal("online", sum(row["online"] for row in rows.values()), int(vm.sh("nproc")))
    for number, row in rows.items():
        can = vm.sh(f"test -e /sys/devices/system/cpu/cpu{number}/online && echo yes", check=False) == "yes"
        equal(f"can-offline of {number}", row["can-offline"], can)


@case()
def vcpu_goes_offline_and_back(vm):
    client = vm.agent()
    equal("processed", client.call("guest-set-vcpus", {"vcpus": [{"logical-id": 1, "online": False}]}), 1)
    equal("nproc", vm.sh("nproc"), "1")
    equal("online", {row["logical-id"]: row["online"] for row in client.call("guest-get-vcpus")}, {0: True, 1: False})
    equal("processed", client.call("guest-set-vcpus", {"vcpus": [{"logical-id": 1, "online": True}]}), 1)
    equal("nproc", vm.sh("nproc"), "2")


@case()
def vcpu_that_does_not_exist_is_an_error(vm):
    client = vm.agent()
    client.error("guest-set-vcpus", {"vcpus": [{"logical-id": 99, "online": False}]})
    rows = [{"logical-id": 0, "online": True}, {"logical-id": 99, "online": True}]
    equal("initial sublist", client.call("guest-set-vcpus", {"vcpus": rows}), 1)


@case()
def memory_blocks_equal_sysfs(vm):
    client = vm.agent()
    size = int(vm.sh("cat /sys/devices/system/memory/block_size_bytes"), 16)
    equal("block size", client.call("guest-get-memory-block-info")["size"], size)
    states = dict(line.split() for line in vm.sh(
        "cd /sys/devices/system/memory; for b in memory[0-9]*; do echo ${b#memory} $(cat $b/state); done").splitlines())
    rows = {str(row["phys-index"]): row["online"] for row in client.call("guest-get-memory-blocks")}
    equal("blocks", rows, {number: state == "online" for number, state in states.items()})


@case()
def memory_block_goes_offline_and_back(vm):
    """A block of the plugged DIMM, whose memory is movable."""
    client = vm.agent()
    block = max(row["phys-index"] for row in client.call("guest-get-memory-blocks"))
    before = int(vm.sh("awk '/MemTotal/ { print $2 }' /proc/meminfo"))
    reply = client.call("guest-set-memory-blocks", {"mem-blks": [{"phys-index": block, "online": False}]})
    equal("response", reply, [{"phys-index": block, "response": "success"}])
    equal("state", vm.sh(f"cat /sys/devices/system/memory/memory{block}/state"), "offline")
    check("MemTotal did not shrink", int(vm.sh("awk '/MemTotal/ { print $2 }' /proc/meminfo")) < before)
    client.call("guest-set-memory-blocks", {"mem-blks": [{"phys-index": block, "online": True}]})
    equal("state", vm.sh(f"cat /sys/devices/system/memory/memory{block}/state"), "online")


@case()
def memory_blocks_that_cannot(vm):
    """One that is not there, and one full of the kernel's own memory."""
    client = vm.agent()
    reply = client.call("guest-set-memory-blocks", {"mem-blks": [{"phys-index": 9999, "online": False}]})
    equal("response", reply[0]["response"], "not-found")
    reply = client.call("guest-set-memory-blocks", {"mem-blks": [{"phys-index": 0, "online": False}]}, limit_sec=60)
    refusals = ("operation-failed", "operation-not-supported")
    check(f"response for a fixed block: {reply}", reply[0]["response"] in refusals)


@case()
def cpustats_equal_proc_stat(vm):
    client = vm.agent()
    rows = {row["cpu"]: row for row in client.call("guest-get-cpustats")}
    lines = [line.split() for line in vm.sh("grep '^cpu[0-9]' /proc/stat").splitlines()]
    equal("processors", sorted(rows), sorted(int(line[0][3:]) for line in lines))
    for line in lines:
        row = rows[int(line[0][3:])]
        equal("type", row["type"], "linux")
        near("idle", row["idle"], int(line[4]) * 10, 5000)
        near("user", row["user"], int(line[1]) * 10, 2000)


@case()
def load_equals_proc_loadavg(vm):
    client = vm.agent()
    load = client.call("guest-get-load")
    words = vm.sh("cat /proc/loadavg").split()
    for key, word in zip(("load1m", "load5m", "load15m"), words):
        near(key, load[key], float(word), 0.3)


@case()
def names_equal_uname_and_os_release(vm):
    client = vm.agent()
    equal("host name", client.call("guest-get-host-name"), {"host-name": vm.sh("uname -n")})
    info = client.call("guest-get-osinfo")
    equal("kernel release", info["kernel-release"], vm.sh("uname -r"))
    equal("kernel version", info["kernel-version"], vm.sh("uname -v"))
    equal("machine", info["machine"], vm.sh("uname -m"))
    for key, name in (("id", "ID"), ("name", "NAME"), ("pretty-name", "PRETTY_NAME"), ("version-id", "VERSION_ID"),
                      ("version", "VERSION")):
        equal(key, info[key], vm.sh(f". /etc/os-release; echo $%s" % name))
    vm.sh("hostname other-name")
    equal("new host name", client.call("guest-get-host-name"), {"host-name": "other-name"})
    vm.sh("hostname -F /etc/hostname")


@case()
def timezone_equals_date(vm):
    vm.sh("cp /etc/localtime /run/pqga/case.localtime; ln -sf /usr/share/zoneinfo/Asia/Kolkata /etc/localtime")
    try:
        zone = vm.agent().call("guest-get-timezone")
        equal("zone", zone, {"zone": "IST", "offset": 19800})
        equal("guest's word", vm.sh("date +%Z%z"), "IST+0530")
    finally:
        vm.sh("cp -f --remove-destination /run/pqga/case.localtime /etc/localtime")


@case()
def time_equals_date(vm):
    client = vm.agent()
    near("time", client.call("guest-get-time") / SEC, float(vm.sh("date +%s.%N")), 5)


@case()
def time_is_set_and_the_clock_chip_too(vm):
    """A week back."""
    client = vm.agent()
    now = float(vm.sh("date +%s.%N"))
    try:
        client.call("guest-set-time", {"time": int((now - WEEK) * SEC)})
        near("date", float(vm.sh("date +%s.%N")), now - WEEK, 10)
        chip = int(vm.sh("cat /sys/class/rtc/rtc0/since_epoch"))
        near("clock chip", chip, now - WEEK, 15)
    finally:
        vm.sh(f"date -s @{now}; hwclock -w -u")


@case()
def time_is_taken_from_the_clock_chip(vm):
    client = vm.agent()
    now = float(vm.sh("date +%s.%N"))
    try:
        vm.sh(f"date -s @{now - WEEK}")
        client.call("guest-set-time")
        near("date", float(vm.sh("date +%s.%N")), now, 15)
    finally:
        vm.sh(f"date -s @{now}; hwclock -w -u")


@case()
def time_needs_no_hwclock_program(vm):
    client = vm.agent()
    vm.sh("mv /sbin/hwclock /sbin/hwclock.away")
    now = time.time()
    try:
        client.call("guest-set-time", {"time": int(now * SEC)})
        near("date", float(vm.sh("date +%s.%N")), now, 10)
        near("clock chip", int(vm.sh("cat /sys/class/rtc/rtc0/since_epoch")), now, 15)
    finally:
        vm.sh("mv /sbin/hwclock.away /sbin/hwclock")


@case()
def wrong_times_are_refused(vm):
    client = vm.agent()
    before = client.call("guest-get-time")
    client.error("guest-set-time", {"time": -1})
    client.error("guest-set-time", {"time": "now"})
    client.error("guest-set-time", {"time": 1 << 62})
    near("time", client.call("guest-get-time") / SEC, before / SEC, 20)
