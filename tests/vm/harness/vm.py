"""A running guest as a case sees it."""

import pathlib
import time

from .client import Client
from .control import Control
from .errors import TimedOut
from .machine import BOOT_LIMIT_SEC
from .qmp import Qmp

AGENT_START_LIMIT_SEC = 60
VIRTIO_PATH = "/dev/virtio-ports/org.qemu.guest_agent.0"


class Vm:
    """Connections to one guest. The agent in it is started by each case, so that none inherits another's state."""

    def __init__(self, run_dir: pathlib.Path):
        self.run_dir = run_dir
        self.qmp = Qmp(run_dir / "qmp.sock")
        self.control = Control(run_dir)
        self._clients: list[Client] = []

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.control.close()
        self.qmp.close()

    # The guest

    def wait_booted(self, limit_sec: float = BOOT_LIMIT_SEC) -> None:
        """Until the guest's shell answers."""
        console = self.run_dir / "console.log"
        self.control.wait_ready(limit_sec, console, between=lambda: self.qmp.command("query-status"))

    def sh(self, script: str, limit_sec: float = 60, check: bool = True) -> str:
        """The guest's own word: output of a script run there, beside the agent."""
        return self.control.run(script, limit_sec, check)

    def wait_sh(self, condition: str, limit_sec: float = 30) -> None:
        """Until a script in the guest ends with status 0."""
        deadline = time.monotonic() + limit_sec
        while self.control.finish(self.control.start(condition, limit_sec), limit_sec + 10)[0] != 0:
            if time.monotonic() > deadline:
                raise TimedOut(f"not true in the guest within {limit_sec} s: {condition}")
            time.sleep(0.2)

    def console(self) -> str:
        return (self.run_dir / "console.log").read_text(errors="replace")

    # The agent

    def start_agent(self, *arguments: str, method: str = "virtio-serial", path: str = VIRTIO_PATH) -> None:
        """(Re)starts the agent in the guest, as an init system would: state and log directories survive."""
        words = " ".join([f"-m {method} -p {path}", *arguments])
        self.sh(f"/run/pqga/guest/agent start {words}", AGENT_START_LIMIT_SEC)

    def stop_agent(self, signal: str = "TERM") -> None:
        self.sh(f"/run/pqga/guest/agent stop {signal}", AGENT_START_LIMIT_SEC)

    def configure(self, **settings) -> None:
        """Writes the configuration file (in RAM) that agents started from here on are pointed to by QGA_CONF."""
        lines = "\n".join(f"{key.replace('_', '-')}={value}" for key, value in settings.items())
        self.sh(f"printf '[general]\n%s\n' '{lines}' >/run/pqga/case.conf")
        return "-c /run/pqga/case.conf"

    def keep_state(self) -> None:
        """From here on in this case, a start of the agent finds the former one's state."""
        self.sh("touch /run/pqga/keep-state")

    def background(self, script: str) -> None:
        """A process of the case in the guest, ended when the case is over."""
        self.sh(f"setsid sh -c '{script}' </dev/null >/dev/null 2>&1 & echo $! >>/run/pqga/case.pids")

    def agent_running(self) -> bool:
        return self.sh("/run/pqga/guest/agent running && echo yes", check=False) == "yes"

    def agent_output(self) -> str:
        """What the agent said on its standard streams since it was started."""
        return self.sh("tail -n 40 /run/pqga/agent.out", check=False)

    def connect(self, socket_name: str = "agent.sock", sync: bool = True) -> Client:
        """A client on the host side of the port, through its first sync; closed with the case."""
        client = Client(self.run_dir / socket_name)
        self._clients.append(client)
        if sync:
            client.sync()
        return client

    def agent(self, *arguments: str) -> Client:
        """A fresh agent on virtio-serial and a client in sync with it."""
        self.start_agent(*arguments)
        return self.connect()

    def recover(self) -> None:
        """Whatever the case did: nothing suspended, nothing frozen, no agent."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        self.sh("/run/pqga/guest/recover", limit_sec=60, check=False)
