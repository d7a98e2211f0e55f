"""The core cases over vsock, where this machine has it."""

import socket

from harness import machine
from harness.case import case
from harness.client import Client
from harness.errors import Skip

from . import _core

PORT = 1234


@case()
def core_over_vsock(vm):
    if not machine.vsock_works():
        raise Skip("this machine has no /dev/vhost-vsock")
    vm.start_agent(method="vsock-listen", path=f"4294967295:{PORT}")
    with Client((machine.VSOCK_CID, PORT), socket.AF_VSOCK) as client:
        client.sync()
        _core.answers_in_order(client)
        _core.files_round_trip(client, 1 << 20)
        _core.runs_programs(client)
