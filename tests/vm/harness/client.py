"""A host's end of the agent's port: raw bytes where a case needs them, calls and bursts where it does not."""

import base64
import itertools
import json
import pathlib
import socket
import time

from .errors import Failed, TimedOut

CALL_LIMIT_SEC = 30
SYNC_RETRY_SEC = 2


class AgentError(Failed):
    """An error reply."""

    def __init__(self, error: dict):
        super().__init__(f"{error['class']}: {error['desc']}")
        self.error_class = error["class"]
        self.desc = error["desc"]


class Client:
    """One connection to the agent's socket on the host."""

    _ids = itertools.count(int(time.time()))

    def __init__(self, path: pathlib.Path, family: int = socket.AF_UNIX):
        self.path = path
        self._socket = socket.socket(family)
        self._socket.settimeout(CALL_LIMIT_SEC)
        self._socket.connect(str(path) if family == socket.AF_UNIX else path)
        self._text = b""

    def close(self) -> None:
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send_raw(self, data: bytes, limit_sec: float = CALL_LIMIT_SEC) -> None:
        self._socket.settimeout(limit_sec)
        self._socket.sendall(data)

    def send(self, command: str, arguments: dict | None = None, **members) -> None:
        self.send_raw(request(command, arguments, **members))

    def line(self, limit_sec: float = CALL_LIMIT_SEC) -> bytes:
        """The next line as the agent wrote it, without the newline."""
        deadline = time.monotonic() + limit_sec
        while b"\n" not in self._text:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimedOut(f"no reply within {limit_sec} s")
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(1 << 20)
            except TimeoutError:
                continue
            if not data:
                raise Failed("the port was closed")
            self._text += data
        line, self._text = self._text.split(b"\n", 1)
        return line

    def reply(self, limit_sec: float = CALL_LIMIT_SEC) -> dict:
        """The next reply as a document."""
        return json.loads(self.line(limit_sec).lstrip(b"\xff"))

    def value(self, limit_sec: float = CALL_LIMIT_SEC):
        """The `return` of the next reply; an error is raised."""
        reply = self.reply(limit_sec)
        if "error" in reply:
            raise AgentError(reply["error"])
        return reply["return"]

    def call(self, command: str, arguments: dict | None = None, limit_sec: float = CALL_LIMIT_SEC):
        self.send(command, arguments)
        return self.value(limit_sec)

    def error(self, command: str, arguments: dict | None = None, limit_sec: float = CALL_LIMIT_SEC) -> AgentError:
        """The error that a command must end with."""
        try:
            value = self.call(command, arguments, limit_sec)
        except AgentError as error:
            return error
        raise Failed(f"{command} returned {value!r} where an error was due")

    def silent(self, seconds: float) -> bool:
        """True if nothing more arrives for so long."""
        try:
            self._socket.settimeout(seconds)
            self._text += self._socket.recv(1 << 20)
        except TimeoutError:
            pass
        return not self._text

    def sync(self, limit_sec: float = CALL_LIMIT_SEC) -> None:
        """
        guest-sync-delimited, asked again until it is answered: what is sent before the guest opened its port is lost.
        """
        deadline = time.monotonic() + limit_sec
        while True:
            ident = next(self._ids)
            self.send_raw(b"\xff" + request("guest-sync-delimited", {"id": ident}))
            try:
                self._until_marked(ident, min(SYNC_RETRY_SEC, max(deadline - time.monotonic(), 0.1)))
                return
            except TimedOut:
                if time.monotonic() > deadline:
                    raise TimedOut(f"no sync within {limit_sec} s") from None

    def _until_marked(self, ident: int, limit_sec: float) -> None:
        deadline = time.monotonic() + limit_sec
        while True:
            line = self.line(max(deadline - time.monotonic(), 0.01))
            if b"\xff" not in line:
                continue
            try:
                if json.loads(line.rsplit(b"\xff", 1)[1]).get("return") == ident:
                    return
            except ValueError:
                continue

    def execute(self, script: str, limit_sec: float = CALL_LIMIT_SEC) -> dict:
        """Runs a shell script through guest-exec and returns its last status, with decoded output."""
        arguments = {"path": "/bin/sh", "arg": ["-c", script], "capture-output": True}
        pid = self.call("guest-exec", arguments)["pid"]
        deadline = time.monotonic() + limit_sec
        while True:
            status = self.call("guest-exec-status", {"pid": pid})
            if status["exited"]:
                captured = (key for key in ("out-data", "err-data") if key in status)
                return status | {key: base64.b64decode(status[key]) for key in captured}
            if time.monotonic() > deadline:
                raise TimedOut(f"guest-exec of {script!r} did not end")
            time.sleep(0.1)

    def read_file(self, path: str, chunk: int = 65536) -> bytes:
        handle = self.call("guest-file-open", {"path": path})
        data = b""
        while True:
            part = self.call("guest-file-read", {"handle": handle, "count": chunk})
            data += base64.b64decode(part["buf-b64"])
            if part["eof"] or part["count"] == 0:
                self.call("guest-file-close", {"handle": handle})
                return data

    def write_file(self, path: str, data: bytes, mode: str = "w") -> None:
        handle = self.call("guest-file-open", {"path": path, "mode": mode})
        self.call("guest-file-write", {"handle": handle, "buf-b64": base64.b64encode(data).decode()})
        self.call("guest-file-close", {"handle": handle})


def request(command: str, arguments: dict | None = None, **members) -> bytes:
    """One request line."""
    document = {"execute": command}
    if arguments is not None:
        document["arguments"] = arguments
    return json.dumps(document | members).encode() + b"\n"
