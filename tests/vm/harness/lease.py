"""
A shared guest's life. A guardian process holds it and ends it when the lease runs out; each case renews the lease
for as long as it may take itself. A test run that is interrupted, however hard, leaves nothing for long.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time
import traceback
from typing import Callable

from .errors import NoGuest

SPARE_SEC = 120


def renew(run_dir: pathlib.Path, seconds: float) -> None:
    temporary = run_dir / f"lease.{os.getpid()}"
    temporary.write_text(str(time.time() + seconds + SPARE_SEC))
    temporary.rename(run_dir / "lease")


def start_guarded(run_dir: pathlib.Path, limit_sec: float, start: Callable[[], subprocess.Popen],
                  stop: Callable[[subprocess.Popen], None]) -> None:
    """Calls start() in a guardian that belongs to no terminal and to no test; returns when that has succeeded."""
    renew(run_dir, limit_sec)
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            _guard(run_dir, start, stop)
        os._exit(0)
    os.waitpid(child, 0)
    deadline = time.monotonic() + limit_sec
    while not (run_dir / "guardian.pid").exists():
        if time.monotonic() > deadline or (run_dir / "guardian.failed").exists():
            raise NoGuest("the guest did not start: " + (run_dir / "guardian.log").read_text())
        time.sleep(0.05)


def end(run_dir: pathlib.Path, limit_sec: float = 20) -> None:
    """Ends the guest of this directory, if there is one, and waits for that."""
    try:
        pid = int((run_dir / "guardian.pid").read_text())
        if b"python" not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
            return
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError):
        return
    deadline = time.monotonic() + limit_sec
    while (run_dir / "guardian.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def _guard(run_dir: pathlib.Path, start: Callable, stop: Callable) -> None:
    """Never returns."""
    null = os.open("/dev/null", os.O_RDWR)
    log = os.open(run_dir / "guardian.log", os.O_WRONLY | os.O_CREAT, 0o600)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.closerange(3, 256)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    pid_file = run_dir / "guardian.pid"
    process = None
    try:
        process = start()
        pid_file.write_text(str(os.getpid()))
        while time.time() < float((run_dir / "lease").read_text()):
            try:
                process.wait(1)
                break
            except subprocess.TimeoutExpired:
                continue
    except Exception:
        traceback.print_exc()
        (run_dir / "guardian.failed").touch()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if process:
            stop(process)
        pid_file.unlink(missing_ok=True)
        os._exit(0)
