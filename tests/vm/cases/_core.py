"""What must hold on every kind of port; the modules of the ports call these with a client of theirs."""

import base64

from harness.case import check, equal
from harness.client import Client


def answers_in_order(client: Client) -> None:
    """A burst of requests of several kinds, written at once; each reply in its place."""
    count = 60
    for number in range(count):
        if number % 3 == 0:
            client.send("guest-sync", {"id": number})
        elif number % 3 == 1:
            client.send("guest-ping", None, id={"n": number})
        else:
            client.send("guest-no-such-command", None, id=number)
    for number in range(count):
        reply = client.reply()
        if number % 3 == 0:
            equal("sync in the burst", reply, {"return": number})
        elif number % 3 == 1:
            equal("ping in the burst", reply, {"return": {}, "id": {"n": number}})
        else:
            equal("class of the error in the burst", reply["error"]["class"], "CommandNotFound")
            equal("id of the error in the burst", reply["id"], number)
    check("a reply nobody asked for", client.silent(0.5))


def resets_on_sentinel(client: Client) -> None:
    """Half a request, 0xFF, and the next request is served; the sync's reply has its 0xFF in front."""
    client.send_raw(b'{"execute": "guest-pi\xff')
    client.send("guest-sync-delimited", {"id": 7})
    line = client.line()
    while b"error" in line:
        line = client.line()
    equal("reply to guest-sync-delimited", line, b'\xff{"return": 7}')


def files_round_trip(client: Client, size: int) -> None:
    """Bytes of every value go in and come back, through handles that are used in turn."""
    data = bytes(range(256)) * (size // 256)
    client.write_file("/tmp/case-file", data)
    equal("size of the file read back", len(client.read_file("/tmp/case-file")), len(data))
    handle = client.call("guest-file-open", {"path": "/tmp/case-file", "mode": "r+"})
    client.call("guest-file-seek", {"handle": handle, "offset": 250, "whence": "set"})
    part = client.call("guest-file-read", {"handle": handle, "count": 12})
    equal("bytes across the wrap", base64.b64decode(part["buf-b64"]), data[250:262])
    client.call("guest-file-close", {"handle": handle})


def runs_programs(client: Client) -> None:
    status = client.execute("echo out; echo err >&2; exit 3")
    equal("exit code", status["exitcode"], 3)
    equal("standard output", status["out-data"], b"out\n")
    equal("standard error", status["err-data"], b"err\n")
