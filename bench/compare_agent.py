"""One agent under measurement: its process, what it costs, a line of conversation with it.

Every agent gets a directory of its own on a tmpfs, is ended when the with-block ends, and is
killed by the kernel should this process die before that.
"""

import ctypes
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_LIMIT_S = 10
STOP_LIMIT_S = 10
PR_SET_PDEATHSIG = 1


def tmpfs_dir():
    """Where agents' sockets and the benchmark's files go."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Connection:
    """A client that waits for each reply; not for measuring throughput."""

    def __init__(self, path, limit_s=START_LIMIT_S):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(limit_s)
        self.sock.connect(path)
        self.held = b""

    def close(self):
        self.sock.close()

    def send(self, command, **arguments):
        request = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        self.sock.sendall(json.dumps(request).encode() + b"\n")

    def reply(self):
        while b"\n" not in self.held:
            data = self.sock.recv(1 << 20)
            if not data:
                raise RuntimeError("the agent hung up")
            self.held += data
        line, self.held = self.held.split(b"\n", 1)
        reply = json.loads(line)
        if "return" not in reply:
            raise RuntimeError(f"the agent refused: {line[:200]!r}")
        return reply["return"]

    def call(self, command, **arguments):
        self.send(command, **arguments)
        return self.reply()


def _wait_for_socket(path, alive):
    """A connection as soon as the agent listens."""
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            return Connection(path)
        except (FileNotFoundError, ConnectionRefusedError):
            if not alive():
                raise RuntimeError("the agent ended at its start") from None
            if time.monotonic() > deadline:
                raise RuntimeError("the agent does not listen") from None
        time.sleep(0.0001)


def raise_files(count):
    """Allows `count` open files, here and in the agents."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


class Agent:
    """An agent on a socket of its own; `config`: lines for its configuration file (ours only)."""

    def __init__(self, path, config=None):
        self.path = path
        self.config = config
        self.dir = None
        self.process = None

    def command(self):
        command = [self.path, "-m", "unix-listen", "-p", self.socket, "-t", self.dir]
        return command + (["-c", os.path.join(self.dir, "conf")] if self.config else [])

    def _make_dir(self):
        self.dir = tempfile.mkdtemp(prefix="qga-", dir=tmpfs_dir())
        self.socket = os.path.join(self.dir, "sock")
        if self.config:
            with open(os.path.join(self.dir, "conf"), "w") as conf:
                conf.write(f"[general]\n{self.config}\n")

    def __enter__(self):
        self._make_dir()
        try:
            self.log = open(os.path.join(self.dir, "log"), "w+")
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                preexec_fn=_die_with_parent)
            connection = _wait_for_socket(self.socket, lambda: self.process.poll() is None)
            connection.call("guest-ping")
            connection.close()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.dir:
            self.log.close()
            shutil.rmtree(self.dir, ignore_errors=True)
            self.dir = None

    def alive(self):
        return self.process.poll() is None

    # What it costs

    def cpu_s(self):
        """Of all its threads, those that have ended too, and of the children it has reaped."""
        pid = self.process.pid
        own = time.clock_gettime((~pid << 3) | 2)  # the process's CPU clock, clock_getcpuclockid(3)
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return own + (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def _status(self, key, task=None):
        pid = self.process.pid
        path = f"/proc/{pid}/task/{task}/status" if task else f"/proc/{pid}/status"
        with open(path) as status:
            for line in status:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
        return 0

    def peak_reset(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as clear:
            clear.write("5")

    def peak_kib(self):
        return self._status("VmHWM")

    def rss_kib(self):
        return self._status("VmRSS")

    def pss_kib(self):
        """Its memory, with its share of what it has in common with others."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as smaps:
            return next(int(line.split()[1]) for line in smaps if line.startswith("Pss:"))

    def switches(self):
        """Times its threads went to sleep: each but the first is a wake-up."""
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            total += self._status("voluntary_ctxt_switches", task)
        return total


def start_to_ping_s(path):
    """Seconds from the spawn to the first answer; spawned without Python's own fork."""
    agent = Agent(path)
    agent._make_dir()
    pid = None
    try:
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in range(3)]
        begin = time.monotonic()
        pid = os.posix_spawn(path, agent.command(), os.environ, file_actions=actions)
        os.close(null)
        connection = _wait_for_socket(agent.socket, lambda: os.path.exists(f"/proc/{pid}"))
        connection.call("guest-ping")
        took = time.monotonic() - begin
        connection.close()
        return took
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        shutil.rmtree(agent.dir, ignore_errors=True)
