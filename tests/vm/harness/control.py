"""A root shell in the guest that owes nothing to the agent: a virtserialport on two FIFOs, one line a script."""

import base64
import fcntl
import os
import pathlib
import secrets
import select
import time
from typing import Callable

from .errors import Failed, NoGuest, TimedOut

SCRIPT_LIMIT_SEC = 60


class Control:
    """
    Scripts go in as "<id> <seconds> <base64>" and come back as "<id> <status> <base64>". They run beside each
    other in the guest, so one that hangs takes nothing away from the next.
    """

    def __init__(self, run_dir: pathlib.Path):
        self._lock = open(run_dir / "control.lock", "w")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._into = os.open(run_dir / "control.in", os.O_RDWR)
        self._out = os.open(run_dir / "control.out", os.O_RDWR | os.O_NONBLOCK)
        self._text = b""
        self._answers: dict[str, tuple[int, str]] = {}

    def close(self) -> None:
        os.close(self._into)
        os.close(self._out)
        self._lock.close()

    def start(self, script: str, limit_sec: float = SCRIPT_LIMIT_SEC) -> str:
        """Sends a script and returns its id; the guest kills it after the limit."""
        ident = secrets.token_hex(6)
        encoded = base64.b64encode(script.encode()).decode()
        os.write(self._into, f"{ident} {int(limit_sec) + 1} {encoded}\n".encode())
        return ident

    def finish(self, ident: str, limit_sec: float = SCRIPT_LIMIT_SEC) -> tuple[int, str]:
        """Status and output of a started script."""
        deadline = time.monotonic() + limit_sec
        while ident not in self._answers:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimedOut("the guest's shell did not answer in time")
            select.select([self._out], [], [], left)
            self._take()
        return self._answers.pop(ident)

    def wait_ready(self, limit_sec: float, console: pathlib.Path, between: Callable = lambda: None) -> None:
        """Until the guest's shell answers; `between` is called after each try that it did not."""
        deadline = time.monotonic() + limit_sec
        while time.monotonic() < deadline:
            try:
                self.run("true", limit_sec=5)
                return
            except TimedOut:
                between()
        raise NoGuest(f"the guest did not boot; see {console}")

    def finished(self, ident: str) -> bool:
        self._take()
        return ident in self._answers

    def run(self, script: str, limit_sec: float = SCRIPT_LIMIT_SEC, check: bool = True) -> str:
        """The output of a script, without the last newline; a status other than 0 fails the case."""
        status, output = self.finish(self.start(script, limit_sec), limit_sec + 10)
        if check and status != 0:
            raise Failed(f"guest script ended with status {status}: {script!r}: {output}")
        return output.rstrip("\n")

    def _take(self) -> None:
        try:
            self._text += os.read(self._out, 1 << 20)
        except BlockingIOError:
            return
        while b"\n" in self._text:
            line, self._text = self._text.split(b"\n", 1)
            words = line.decode(errors="replace").split()
            if len(words) in (2, 3) and words[1].isdigit():
                output = base64.b64decode(words[2]) if len(words) == 3 else b""
                self._answers[words[0]] = (int(words[1]), output.decode(errors="replace"))
