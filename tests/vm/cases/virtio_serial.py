"""The usual port, org.qemu.guest_agent.0, and what its host side can do to the agent."""

import time

from harness import machine
from harness.case import case, check, equal
from harness.client import request

from . import _core


@case()
def burst_is_answered_in_order(vm):
    _core.answers_in_order(vm.agent())


@case()
def sentinel_resets_the_parser(vm):
    _core.resets_on_sentinel(vm.agent())


@case()
def files_and_programs_work(vm):
    client = vm.agent()
    _core.files_round_trip(client, 1 << 20)
    _core.runs_programs(client)


@case()
def port_is_found_without_udev_link(vm):
    """-d alone, or no path, means the port by its name; sysfs knows it where udev made no link."""
    vm.sh("mkdir -p /run/pqga/case.links && mv /dev/virtio-ports/org.qemu.guest_agent.0 /run/pqga/case.links/")
    try:
        vm.sh("/run/pqga/guest/agent start")
        vm.connect()
    finally:
        vm.sh("mv /run/pqga/case.links/org.qemu.guest_agent.0 /dev/virtio-ports/")


@case()
def host_closes_in_the_middle_of_a_request(vm):
    """The half is forgotten with the session, so that a plain guest-sync, without 0xFF, is understood at once."""
    client = vm.agent()
    client.send_raw(b'{"execute": "guest-file-open", "arguments": {"pa')
    time.sleep(0.5)
    client.close()
    time.sleep(1)
    client = vm.connect(sync=False)
    client.send("guest-sync", {"id": 4242})
    equal("first reply of the new session", client.reply(), {"return": 4242})


@case()
def first_request_of_every_session_is_answered(vm):
    """
    Bytes of a host that just connected can reach the guest before the word that it connected: the port then still
    counts as hung up, which must not end the session that has only begun.
    """
    vm.start_agent()
    vm.connect().close()
    for number in range(20):
        time.sleep(0.4)
        client = vm.connect(sync=False)
        client.send("guest-sync", {"id": number})
        equal(f"reply of session {number}", client.reply(10), {"return": number})
        client.close()


@case()
def host_closes_in_the_middle_of_a_burst(vm):
    """Replies of the old session do not reach the new one once it has synced."""
    client = vm.agent()
    client.send_raw(b"".join(request("guest-sync", {"id": number}) for number in range(300)))
    for number in range(10):
        equal("reply before the close", client.value(), number)
    client.close()
    time.sleep(1)
    client = vm.connect()
    for number in range(1000, 1050):
        client.send("guest-sync", {"id": number})
    for number in range(1000, 1050):
        equal("reply in the new session", client.value(), number)
    check("a late reply of the old session", client.silent(1))


@case()
def replies_left_unread_do_not_reach_the_next_session(vm):
    """The host asks for 16 MiB, does not read it, closes, and comes back."""
    client = vm.agent()
    vm.sh("head -c 16777216 /dev/zero >/tmp/case-zero")
    handle = client.call("guest-file-open", {"path": "/tmp/case-zero"})
    client.send("guest-file-read", {"handle": handle, "count": 16777216})
    time.sleep(2)
    client.close()
    time.sleep(1)
    client = vm.connect(sync=False)
    client.sync(60)
    for number in range(20):
        equal("reply in the new session", client.call("guest-sync", {"id": number}), number)
    vm.sh("rm /tmp/case-zero")


@case()
def handles_survive_a_reconnect(vm):
    client = vm.agent()
    client.write_file("/tmp/case-handle", b"0123456789")
    handle = client.call("guest-file-open", {"path": "/tmp/case-handle"})
    client.call("guest-file-read", {"handle": handle, "count": 4})
    client.close()
    time.sleep(0.5)
    client = vm.connect()
    part = client.call("guest-file-read", {"handle": handle, "count": 2})
    equal("bytes after the reconnect", part["buf-b64"], "NDU=")


@case()
def host_that_does_not_read_costs_no_processor(vm):
    """Back-pressure is a wait in the kernel, not a loop."""
    client = vm.agent()
    vm.sh("head -c 33554432 /dev/zero >/tmp/case-zero")
    handle = client.call("guest-file-open", {"path": "/tmp/case-zero"})
    client.send("guest-file-read", {"handle": handle, "count": 33554432})
    time.sleep(5)
    ticks = "awk '{ print $14 + $15 }' /proc/$(cat /run/pqga/agent.pid)/stat"
    before = int(vm.sh(ticks))
    time.sleep(4)
    used = int(vm.sh(ticks)) - before
    vm.sh("rm /tmp/case-zero")
    check(f"the agent used {used} ticks of 1/100 s in 4 s of waiting", used <= 20)


@case()
def agent_sleeps_while_the_host_is_away(vm):
    """A closed port is an event to wait for: no wake-up, in any thread, while nobody is there."""
    client = vm.agent()
    client.call("guest-ping")
    client.close()
    time.sleep(2)
    switches = "cat /proc/$(cat /run/pqga/agent.pid)/task/*/status | awk '/ctxt_switches/ { n += $2 } END { print n }'"
    before = int(vm.sh(switches))
    time.sleep(5)
    woken = int(vm.sh(switches)) - before
    check(f"the agent was switched to {woken} times in 5 s", woken <= 4)


@case(seconds=180)
def port_unplugged_and_plugged_again(vm):
    """With --retry-path the agent goes on when the port comes back."""
    client = vm.agent("-r")
    client.call("guest-ping")
    client.close()
    vm.qmp.forget_events()
    try:
        vm.qmp.command("device_del", id="agentport")
        vm.qmp.wait_event("DEVICE_DELETED", 30)
        time.sleep(2)
        check("the agent ended when its port went away", vm.agent_running())
    finally:
        vm.qmp.human(f"device_add {machine.agent_port()}")
    vm.wait_sh("test -e /dev/virtio-ports/org.qemu.guest_agent.0")
    client = vm.connect(sync=False)
    client.sync(60)
    client.call("guest-ping")


@case(seconds=180)
def agent_replaced_and_restarted_under_load(vm):
    """A host that keeps asking sees a gap, syncs, and goes on with the new program."""
    client = vm.agent()
    for generation in range(3):
        client.send_raw(b"".join(request("guest-sync", {"id": number}) for number in range(200)))
        vm.sh("cp /run/pqga/agent/qemu-ga /run/pqga/agent/new && mv /run/pqga/agent/new /run/pqga/agent/qemu-ga")
        vm.start_agent()
        client.sync(60)
        for number in range(20):
            equal(f"after restart {generation}", client.call("guest-sync", {"id": number}), number)


@case(seconds=180)
def twenty_rounds_of_stop_and_start(vm):
    for _ in range(20):
        vm.start_agent()
    client = vm.connect()
    client.call("guest-ping")
    equal("query-chardev sees the agent", _frontend_open(vm), True)
    vm.stop_agent()
    equal("query-chardev sees no agent", _frontend_open(vm), False)


def _frontend_open(vm) -> bool:
    return next(dev["frontend-open"] for dev in vm.qmp.command("query-chardev") if dev["label"] == "agent")
