"""What a case is, and how one is run: each is a test of its own for ctest."""

import dataclasses
import importlib
import pathlib
import sys
import tempfile
import time
import traceback
from typing import Callable

from . import image, lease, machine, paths
from .deviations import REFERENCE
from .errors import Failed, NoGuest, Skip
from .vm import Vm

SKIPPED = 77
GUEST_BROKEN = 2
CLEAN_UP_SEC = 60


@dataclasses.dataclass(frozen=True)
class Case:
    """`own` is None for cases that use the shared guest; the others boot one and may destroy it."""

    name: str
    run: Callable[[Vm], None]
    seconds: int
    own: machine.Options | None

    @property
    def limit_sec(self) -> int:
        return self.seconds + (machine.BOOT_LIMIT_SEC if self.own else CLEAN_UP_SEC)


_cases: dict[str, Case] = {}


def case(seconds: int = 120, own: machine.Options | None = None):
    """Decorator: makes a function that takes a Vm a case, named after its module and itself."""

    def register(function):
        name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        _cases[name] = Case(name, function, seconds, own)
        return function

    return register


def all_cases() -> dict[str, Case]:
    for file in sorted((paths.VM_DIR / "cases").glob("[a-z]*.py")):
        importlib.import_module(f"cases.{file.stem}")
    return _cases


def run_case(chosen: Case, agent: pathlib.Path, reference: bool) -> int:
    """Runs one case and gives its exit status, judged by the table of expected deviations if `reference`."""
    began = time.monotonic()
    expected = REFERENCE.get(chosen.name) if reference else None
    try:
        _own_guest(chosen, agent) if chosen.own else _shared_guest(chosen)
    except Skip as skip:
        print(f"SKIP {chosen.name}: {skip}")
        return SKIPPED
    except NoGuest as broken:
        print(f"NO GUEST {chosen.name}: {broken}")
        return GUEST_BROKEN
    except Exception as failure:
        if expected:
            print(f"DEVIATES {chosen.name} as expected ({expected}): {failure}")
            return 0
        traceback.print_exc(file=sys.stdout)
        print(f"FAIL {chosen.name} ({'theirs' if reference else 'ours'}): {failure}")
        return 1
    if expected:
        print(f"FAIL {chosen.name}: passes, though the table of deviations says: {expected}")
        return 1
    print(f"ok {chosen.name} ({time.monotonic() - began:.1f} s)")
    return 0


def _shared_guest(chosen: Case) -> None:
    run_dir = paths.shared_run_dir()
    if not (run_dir / "guardian.pid").exists():
        raise NoGuest(f"no guest runs in {run_dir}: start one with 'tests/vm/vm boot'")
    lease.renew(run_dir, chosen.seconds)
    _run_in(run_dir, chosen, recover=True)


def _own_guest(chosen: Case, agent: pathlib.Path) -> None:
    guest_image = image.ensure()
    with tempfile.TemporaryDirectory(prefix="pqga-vm-") as directory:
        run_dir = pathlib.Path(directory) / "run"
        machine.prepare(run_dir, guest_image, agent, chosen.own)
        process = machine.start(run_dir, guest_image, chosen.own)
        try:
            _run_in(run_dir, chosen, recover=False)
        finally:
            machine.stop(process)


def _run_in(run_dir: pathlib.Path, chosen: Case, recover: bool) -> None:
    vm = Vm(run_dir)
    try:
        vm.wait_booted()
        try:
            chosen.run(vm)
        except Failed:
            _show_agent(vm)
            raise
        finally:
            if recover:
                vm.recover()
    finally:
        vm.close()


def _show_agent(vm: Vm) -> None:
    """The agent's own last words help whoever reads the failure."""
    try:
        print("agent's output:", vm.agent_output())
    except Exception as unavailable:  # the guest may be gone, and the case's failure matters more
        print("agent's output: not to be had:", unavailable)


def check(what: str, condition) -> None:
    if not condition:
        raise Failed(what)


def equal(what: str, got, want) -> None:
    if got != want:
        raise Failed(f"{what}: got {got!r}, want {want!r}")


def near(what: str, got: float, want: float, tolerance: float) -> None:
    if abs(got - want) > tolerance:
        raise Failed(f"{what}: got {got!r}, want {want!r} within {tolerance!r}")
