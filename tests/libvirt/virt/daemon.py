"""
libvirtd as a session daemon whose every directory is below the run directory. A session daemon needs a user other
than root, so root becomes nobody for it; the system's own libvirtd, if there is one, is not touched.
"""

import os
import pathlib
import shutil
import subprocess
import time

from harness.errors import NoGuest, Skip

URI = "qemu:///session"
NOBODY = 65534
KVM = "/dev/kvm"
START_LIMIT_SEC = 60
PROGRAMS = ("libvirtd", "virsh", "qemu-system-x86_64", "setpriv")
DRIVER = "libvirt/connection-driver/libvirt_driver_qemu.so"


def require() -> None:
    """Skips what this machine cannot do, with the reason."""
    search = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for program in PROGRAMS:
        if not shutil.which(program, path=search):
            raise Skip(f"{program} is not installed")
    if not any(path.joinpath(DRIVER).exists() for path in pathlib.Path("/usr/lib").glob("*-linux-gnu")):
        raise Skip("libvirt's driver for QEMU is not installed")


def environment(run_dir: pathlib.Path) -> dict[str, str]:
    """All that decides where a session daemon and its clients keep their things."""
    kept = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(run_dir)}
    return kept | {f"XDG_{name}": str(run_dir / directory) for name, directory in
                   (("RUNTIME_DIR", "rt"), ("CONFIG_HOME", "config"), ("CACHE_HOME", "cache"), ("DATA_HOME", "data"))}


def prefix() -> list[str]:
    """Words before a command that make it run as the session's user."""
    if os.getuid() != 0:
        return []
    groups = f"--groups={os.stat(KVM).st_gid}" if _kvm_by_group() else "--clear-groups"
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", groups]


def may_use_kvm() -> bool:
    """Whether the session's user can open the device: as a member of its group, or as anybody."""
    if not os.path.exists(KVM):
        return False
    return _kvm_by_group() or os.stat(KVM).st_mode & 0o006 == 0o006 or os.getuid() != 0


def _kvm_by_group() -> bool:
    if not os.path.exists(KVM):
        return False
    status = os.stat(KVM)
    return status.st_gid != 0 and status.st_mode & 0o060 == 0o060


def prepare(run_dir: pathlib.Path) -> None:
    """Directories and configuration, and the whole run directory given to the session's user."""
    for name in ("rt", "config/libvirt", "cache", "data"):
        (run_dir / name).mkdir(parents=True)
    (run_dir / "libvirtd.conf").write_text('log_outputs = "3:file:%s"\n' % (run_dir / "libvirtd.log"))
    (run_dir / "config/libvirt/qemu.conf").write_text('stdio_handler = "file"\nsecurity_driver = "none"\n')
    if os.getuid() == 0:
        for path in (run_dir, *run_dir.rglob("*")):
            os.chown(path, NOBODY, NOBODY)


def start(run_dir: pathlib.Path) -> subprocess.Popen:
    """Starts libvirtd as a child that dies with us, and waits until it answers."""
    log = open(run_dir / "libvirtd.out", "wb")
    command = [*prefix(), "setpriv", "--pdeathsig", "TERM", "libvirtd", "-f", run_dir / "libvirtd.conf"]
    process = subprocess.Popen(command, cwd="/", env=environment(run_dir), stdin=subprocess.DEVNULL,
                               stdout=log, stderr=log)
    deadline = time.monotonic() + START_LIMIT_SEC
    while virsh(run_dir, "version", limit_sec=START_LIMIT_SEC).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise NoGuest("libvirtd did not start: " + (run_dir / "libvirtd.out").read_text())
        time.sleep(0.5)
    return process


def virsh(run_dir: pathlib.Path, *words: str, limit_sec: float = 60) -> subprocess.CompletedProcess:
    return subprocess.run([*prefix(), "virsh", "-c", URI, *words], cwd="/", env=environment(run_dir),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=limit_sec)
