"""Where things are: the tree, the cached guest, the directory of a running guest."""

import os
import pathlib
import tempfile

VM_DIR = pathlib.Path(__file__).resolve().parent.parent
TREE = VM_DIR.parent.parent
IMAGE_BUILD = VM_DIR / "image" / "build"
GUEST_FILES = VM_DIR / "guest"


def default_agent() -> pathlib.Path:
    """The agent under test: $PQGA_VM_AGENT, else the release build."""
    return pathlib.Path(os.environ.get("PQGA_VM_AGENT") or TREE / "build/release/qemu-ga")


def shared_run_dir() -> pathlib.Path:
    """Run directory of the guest that many cases share; sockets need a short path."""
    default = pathlib.Path(tempfile.gettempdir()) / f"pqga-vm-{os.getuid()}"
    return pathlib.Path(os.environ.get("PQGA_VM_RUN") or default)
