"""QMP: what the host does to the machine, and the events it sees."""

import json
import pathlib
import socket
import time

from .errors import Failed, NoGuest, TimedOut


class Qmp:
    """One connection. Every wait has a limit; events that nobody asked for yet are kept."""

    def __init__(self, path: pathlib.Path, limit_sec: float = 20):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(limit_sec)
        self._socket.connect(str(path))
        self._text = b""
        self.events: list[dict] = []
        self._line(time.monotonic() + limit_sec)
        self.command("qmp_capabilities")

    def close(self) -> None:
        self._socket.close()

    def command(self, name: str, limit_sec: float = 30, **arguments):
        """The `return` of a command; an error fails the case."""
        request = {"execute": name, "arguments": {key.replace("_", "-"): value for key, value in arguments.items()}}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        deadline = time.monotonic() + limit_sec
        while True:
            line = self._line(deadline)
            if "return" in line:
                return line["return"]
            if "error" in line:
                raise Failed(f"QMP {name}: {line['error']['desc']}")
            self.events.append(line)

    def human(self, command: str, limit_sec: float = 120) -> str:
        return self.command("human-monitor-command", limit_sec, command_line=command)

    def wait_event(self, name: str, limit_sec: float = 60) -> dict:
        """The data of the next event of this name, seen already or to come."""
        deadline = time.monotonic() + limit_sec
        while True:
            for event in self.events:
                if event.get("event") == name:
                    self.events.remove(event)
                    return event.get("data", {})
            self.events.append(self._line(deadline))

    def forget_events(self) -> None:
        self.command("query-status")
        self.events.clear()

    def _line(self, deadline: float) -> dict:
        while b"\n" not in self._text:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimedOut("QMP: nothing within the time limit")
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                continue
            if not data:
                raise NoGuest("qemu closed its monitor")
            self._text += data
        line, self._text = self._text.split(b"\n", 1)
        return json.loads(line)
