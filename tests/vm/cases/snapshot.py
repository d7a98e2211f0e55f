"""The machine's state saved and loaded under the agent's feet, as a migration does."""

from harness import machine
from harness.case import case, equal
from harness.client import request

BURST = 400
SAVED_AFTER = 20


def _send_burst(client):
    client.send_raw(b"".join(request("guest-sync", {"id": number}) for number in range(BURST)))


def _save_in_a_burst(vm):
    """The client, with the replies behind SAVED_AFTER still to come."""
    client = vm.agent()
    _send_burst(client)
    for number in range(SAVED_AFTER):
        equal("reply before", client.value(), number)
    equal("savevm", vm.qmp.human("savevm mid").strip(), "")
    return client


@case(seconds=400, own=machine.SAVABLE)
def saved_in_the_middle_of_a_burst(vm):
    """The host keeps its connection: nothing is lost, doubled or out of place."""
    client = _save_in_a_burst(vm)
    for number in range(SAVED_AFTER, BURST):
        equal("reply after", client.value(60), number)


@case(seconds=500, own=machine.SAVABLE)
def loaded_in_the_middle_of_a_burst(vm):
    """The guest falls back to where it was; a sync brings both sides together."""
    client = _save_in_a_burst(vm)
    for _ in range(SAVED_AFTER, BURST):
        client.value(60)
    _send_burst(client)
    equal("loadvm", vm.qmp.human("loadvm mid").strip(), "")
    client.sync(60)
    for number in range(5000, 5050):
        equal("reply after", client.call("guest-sync", {"id": number}), number)


@case(seconds=500, own=machine.SAVABLE)
def frozen_across_save_and_load(vm):
    """A snapshot with memory is taken of a frozen guest; after loading it is frozen still, and thaws."""
    client = vm.agent()
    frozen = client.call("guest-fsfreeze-freeze")
    equal("savevm", vm.qmp.human("savevm frozen").strip(), "")
    equal("filesystems thawed", client.call("guest-fsfreeze-thaw"), frozen)
    equal("loadvm", vm.qmp.human("loadvm frozen").strip(), "")
    client.sync(60)
    equal("status after loading", client.call("guest-fsfreeze-status"), "frozen")
    equal("filesystems thawed", client.call("guest-fsfreeze-thaw"), frozen)
