"""What ends, restarts or suspends the guest: each case boots a guest of its own."""

import time

from harness import machine
from harness.case import case, check, equal

PLAIN = machine.Options()


def _sent(vm, command: str, arguments: dict | None = None):
    client = vm.agent()
    vm.qmp.forget_events()
    client.send(command, arguments)
    return client


@case(own=PLAIN)
def powerdown(vm):
    client = _sent(vm, "guest-shutdown")
    equal("reason", vm.qmp.wait_event("SHUTDOWN", 90)["reason"], "guest-shutdown")
    equal("bytes after the request", client._text, b"")


@case(own=PLAIN)
def reboot(vm):
    _sent(vm, "guest-shutdown", {"mode": "reboot"})
    equal("reason", vm.qmp.wait_event("SHUTDOWN", 90)["reason"], "guest-reset")


@case(own=PLAIN)
def halt(vm):
    """The machine stays on, the kernel says that it stopped."""
    _sent(vm, "guest-shutdown", {"mode": "halt"})
    deadline = time.monotonic() + 90
    while "System halted" not in vm.console() and time.monotonic() < deadline:
        time.sleep(0.5)
    check("the console tells no halt: " + vm.console()[-500:], "System halted" in vm.console())


@case(own=PLAIN)
def wrong_mode_is_refused(vm):
    client = vm.agent()
    equal("text", client.error("guest-shutdown", {"mode": "bogus"}).desc,
          "mode is invalid (valid values are: halt|powerdown|reboot")
    check("the guest went down", vm.sh("echo up") == "up")


@case(own=PLAIN)
def shutdown_is_refused_while_frozen(vm):
    client = vm.agent()
    client.call("guest-fsfreeze-freeze")
    equal("class", client.error("guest-shutdown").error_class, "CommandNotFound")
    client.call("guest-fsfreeze-thaw")
    check("the guest went down", vm.sh("echo up") == "up")


def _suspend_and_wake(vm) -> None:
    client = _sent(vm, "guest-suspend-ram")
    vm.qmp.wait_event("SUSPEND", 90)
    time.sleep(2)
    vm.qmp.command("system_wakeup")
    vm.qmp.wait_event("WAKEUP", 30)
    client.sync(60)
    client.call("guest-ping")
    check("the guest's shell does not answer", vm.sh("echo up") == "up")


@case(own=PLAIN)
def suspend_to_ram_and_wake_up(vm):
    """By /sys/power/state, since this guest has no systemd at work."""
    _suspend_and_wake(vm)


@case(own=machine.SYSTEMD)
def suspend_to_ram_by_systemd(vm):
    _suspend_and_wake(vm)
    check("systemd did not do it", "suspend" in vm.sh("journalctl -b --no-pager -u systemd-suspend.service"))


@case(own=machine.SYSTEMD)
def powerdown_by_systemd(vm):
    _sent(vm, "guest-shutdown")
    equal("reason", vm.qmp.wait_event("SHUTDOWN", 120)["reason"], "guest-shutdown")


@case(own=PLAIN)
def suspend_to_disk_without_swap_is_an_error(vm):
    """No place for the image: a reply says so, and the guest goes on."""
    client = vm.agent()
    client.error("guest-suspend-disk", limit_sec=90)
    client.call("guest-ping")
    client.error("guest-suspend-hybrid", limit_sec=90)
    client.call("guest-ping")


@case(own=machine.SYSTEMD)
def users_come_from_logind(vm):
    """A session that utmp knows nothing of."""
    vm.sh("systemd-run --quiet --uid=tester -p PAMName=login -E XDG_SESSION_CLASS=user sleep 1000")
    vm.wait_sh("loginctl show-session -p Class $(loginctl list-sessions --no-legend | cut -d ' ' -f 1) | grep -q user")
    users = {row["user"]: row["login-time"] for row in vm.agent().call("guest-get-users")}
    check(f"tester is missing: {users}", "tester" in users)
    check("login time", abs(users["tester"] - float(vm.sh("date +%s"))) < 120)
