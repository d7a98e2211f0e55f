"""The disk that carries into the guest what is not part of its image: scripts, the agent, libraries it lacks."""

import os
import pathlib
import re
import subprocess
import tarfile

from . import paths
from .errors import NoGuest
from .image import Image

SECTOR = 512


def write(target: pathlib.Path, agents: dict[str, pathlib.Path], image: Image) -> None:
    """A tar archive, padded to whole sectors, that the guest unpacks from the bare disk at boot."""
    missing = [str(program) for program in agents.values() if not program.exists()]
    if missing:
        raise NoGuest("no agent to test: " + ", ".join(missing))
    present = image.libraries()
    with tarfile.open(target, "w") as tar:
        for script in sorted(paths.GUEST_FILES.iterdir()):
            tar.add(script, f"guest/{script.name}", filter=_as_root)
        for name, program in agents.items():
            tar.add(program.resolve(), f"agent/{name}", filter=_as_root)
            for library in _libraries(program):
                if library.name not in present:
                    present.add(library.name)
                    tar.add(library.resolve(), f"lib/{library.name}", filter=_as_root)
    os.truncate(target, -(-target.stat().st_size // SECTOR) * SECTOR)


def _libraries(program: pathlib.Path) -> list[pathlib.Path]:
    listing = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True, timeout=20).stdout
    return [pathlib.Path(path) for path in re.findall(r"=> (/\S+)", listing)]


def _as_root(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info
