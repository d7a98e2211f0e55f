"""The cached guest: kernel, RAM disk, root filesystem."""

import dataclasses
import pathlib
import subprocess

from . import paths
from .errors import NoGuest, Skip

BUILD_LIMIT_SEC = 1200


@dataclasses.dataclass(frozen=True)
class Image:
    """Files of one built guest; none of them is ever written."""

    directory: pathlib.Path

    @property
    def kernel(self) -> pathlib.Path:
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> pathlib.Path:
        return self.directory / "initrd.img"

    @property
    def root(self) -> pathlib.Path:
        return self.directory / "root.img"

    def libraries(self) -> set[str]:
        """Names of the shared libraries that the guest has."""
        return {pathlib.PurePath(line).name for line in (self.directory / "manifest").read_text().split()}


def ensure() -> Image:
    """The guest, built now if its build files changed since."""
    for program in ("debootstrap", "qemu-system-x86_64", "qemu-img", "mke2fs", "mkfs.xfs"):
        if not _installed(program):
            raise Skip(f"{program} is not installed")
    result = subprocess.run([paths.IMAGE_BUILD], stdout=subprocess.PIPE, text=True, timeout=BUILD_LIMIT_SEC)
    if result.returncode == 77:
        raise Skip("the guest is not built, and building it needs root")
    if result.returncode != 0:
        raise NoGuest(f"building the guest failed with status {result.returncode}")
    return Image(pathlib.Path(result.stdout.strip().splitlines()[-1]))


def _installed(program: str) -> bool:
    directories = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin", "/usr/local/sbin")
    return any((pathlib.Path(d) / program).exists() for d in directories)
