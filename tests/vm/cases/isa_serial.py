"""The core cases on an ISA serial port, which knows no hang-up and mangles bytes unless told not to."""

import re

from harness.case import case, check

from . import _core

PORT = "/dev/ttyS1"


def _connect(vm):
    vm.start_agent(method="isa-serial", path=PORT)
    return vm.connect("isa.sock")


@case()
def burst_is_answered_in_order(vm):
    _core.answers_in_order(_connect(vm))


@case()
def sentinel_resets_the_parser(vm):
    _core.resets_on_sentinel(_connect(vm))


@case()
def files_and_programs_work(vm):
    client = _connect(vm)
    _core.files_round_trip(client, 16384)
    _core.runs_programs(client)


@case()
def verbose_log_tells_what_was_read(vm):
    """Tests elsewhere match "read data" and the command's name in the log. qemu-ga may read a line in pieces."""
    client = _connect(vm)
    client.call("guest-ping")
    read = "".join(re.findall(r"read data, count: \d+, data: (.*)", vm.sh("cat /var/log/qga.log")))
    check(f"what was read names the command: {read[-100:]}", "guest-ping" in read)
