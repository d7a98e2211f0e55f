"""The table of deviations as Markdown, for the documentation."""

from .deviations import REFERENCE


def markdown() -> str:
    rows = "".join(f"| `vm.{name}` | {reason} |\n" for name, reason in sorted(REFERENCE.items()))
    return ("# Where qemu-ga 7.2 fails the VM cases, and why\n\n"
            "Made by `tests/vm/vm table`; the rows stand in `tests/vm/harness/deviations.py`.\n\n"
            "| case | qemu-ga 7.2 |\n|---|---|\n" + rows)
