"""A session's life: a guardian holds libvirtd and its guest, and ends both when nobody renews the lease."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from harness import image, lease
from harness.errors import NoGuest

from . import daemon, domain


def run_dir() -> pathlib.Path:
    default = pathlib.Path(tempfile.gettempdir()) / f"pqga-lv-{os.getuid()}"
    return pathlib.Path(os.environ.get("PQGA_LIBVIRT_RUN") or default)


def boot(agent: pathlib.Path) -> None:
    """libvirtd up, the domain up, the guest's shell answering."""
    directory = run_dir()
    daemon.require()
    guest_image = image.ensure()
    end(directory)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o755)
    domain.prepare(directory, guest_image, agent)
    for name in ("control.in", "control.out"):
        os.mkfifo(directory / name)
    daemon.prepare(directory)
    lease.start_guarded(directory, domain.BOOT_LIMIT_SEC, lambda: _start(directory), lambda p: _stop(directory, p))
    guest = domain.Domain(directory)
    guest.wait_booted()
    guest.close()


def end(directory: pathlib.Path) -> None:
    lease.end(directory, limit_sec=40)


def _start(directory: pathlib.Path) -> subprocess.Popen:
    process = daemon.start(directory)
    result = daemon.virsh(directory, "create", str(directory / "domain.xml"), limit_sec=120)
    if result.returncode != 0:
        _stop(directory, process)
        raise NoGuest("virsh create: " + result.stderr)
    return process


def _stop(directory: pathlib.Path, process: subprocess.Popen) -> None:
    """The guest first, by the pid that libvirt noted: libvirtd may be past answering."""
    pid = domain.qemu_pid(directory)
    if pid is not None and b"qemu" in _command_line(pid):
        os.kill(pid, signal.SIGKILL)
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _command_line(pid: int) -> bytes:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def wait_ended(pid: int, limit_sec: float) -> bool:
    deadline = time.monotonic() + limit_sec
    while _command_line(pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    return not _command_line(pid)
