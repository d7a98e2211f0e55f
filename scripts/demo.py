"""A conversation with the agent, printed as it goes. Standard library only.

    demo.py --agent PATH [--serve]

">>>" is what the host sends, "<<<" what the agent answers. The agent runs on a unix socket in a
directory of its own and ends with the demo.
"""
import argparse
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

WAIT_SEC = 20  # for any one answer

# The demo's agent runs on your machine, not in a guest: it refuses what would freeze, stop or change it. (guest-exec and files
# stay: they do what the one who asks says, with the rights of who started the demo.)
DANGEROUS = [
    "guest-fsfreeze-freeze", "guest-fsfreeze-freeze-list", "guest-fsfreeze-thaw", "guest-fstrim",
    "guest-set-memory-blocks", "guest-set-time", "guest-set-user-password", "guest-set-vcpus",
    "guest-shutdown", "guest-ssh-add-authorized-keys", "guest-ssh-remove-authorized-keys",
    "guest-suspend-disk", "guest-suspend-hybrid", "guest-suspend-ram",
]


def say(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}")


def shorten(line, width=140):
    return line if len(line) <= width else f"{line[:width]} ... ({len(line)} characters)"


def request(name, ident=None, **arguments):
    """A request; underscores of keywords are the dashes of the protocol."""
    message = {"execute": name}
    if arguments:
        message["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
    if ident is not None:
        message["id"] = ident
    return message


class Client:
    def __init__(self, path, name=""):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(WAIT_SEC)
        self.socket.connect(path)
        self.buffer = b""

    def send(self, *messages, prefix=b""):
        """Sends all requests in one write."""
        lines = [json.dumps(message) for message in messages]
        for line in lines:
            print(f"{self.name}>>> " + ("\\xff" if prefix else "") + shorten(line))
        self.socket.sendall(prefix + "".join(line + "\n" for line in lines).encode())

    def receive(self, quiet=False):
        while b"\n" not in self.buffer:
            data = self.socket.recv(1 << 16)
            if not data:
                sys.exit("the agent closed the connection")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not quiet:
            print(f"{self.name}<<< " + shorten(line.decode("ascii", "backslashreplace")))
        return json.loads(line.lstrip(b"\xff"))

    def call(self, name, **arguments):
        self.send(request(name, **arguments))
        return self.receive()


def expect(true, what):
    if not true:
        sys.exit(f"demo: {what}")


def show_sync(client):
    say("A host starts with a sync: 0xFF drops what a client before it may have left half-sent.")
    client.send(request("guest-sync-delimited", id=4711), prefix=b"\xff")
    expect(client.receive() == {"return": 4711}, "the sync was not answered with its id")
    reply = client.call("guest-info")
    commands = reply["return"]["supported_commands"]
    print(f"    version {reply['return']['version']}, {len(commands)} commands")


def show_burst(client, directory):
    say("Files: a first open tells where handles begin; they are numbered one by one from there.")
    path = os.path.join(directory, "first")
    first = client.call("guest-file-open", path=path, mode="w")["return"]
    handles = range(first + 1, first + 6)

    say(f"So {5 * len(handles) + 1} requests on {len(handles)} more files go out in one write, "
        "before any answer:")
    burst, expected = [request("guest-file-close", handle=first)], [{}]
    texts = {handle: f"file {handle} ".encode() * 1000 for handle in handles}
    for handle in handles:
        burst.append(request("guest-file-open", path=f"{path}-{handle}", mode="w+"))
        expected.append(handle)
    for handle in handles:
        data = base64.b64encode(texts[handle]).decode()
        burst += [request("guest-file-write", handle=handle, buf_b64=data),
                  request("guest-file-seek", handle=handle, offset=0, whence="set"),
                  request("guest-file-read", handle=handle, count=1 << 20),
                  request("guest-file-close", handle=handle)]
        size = len(texts[handle])
        expected += [{"count": size, "eof": False}, {"position": 0, "eof": False},
                     {"count": size, "buf-b64": data, "eof": True}, {}]
    for number, message in enumerate(burst):
        message["id"] = number
    start = time.monotonic()
    client.send(*burst)
    replies = [client.receive() for _ in burst]
    elapsed = time.monotonic() - start
    for number, reply in enumerate(replies):
        expect(reply == {"return": expected[number], "id": number},
               f"answer {number} of the burst is {reply}")
    print(f"    {len(burst)} answers, in the order of the requests, every byte right: "
          f"{elapsed * 1000:.1f} ms with printing")


def show_exec(client):
    say("A program with its output:")
    script = "echo \"hello from $(uname -sr)\"; echo oops >&2; exit 3"
    pid = client.call("guest-exec", path="/bin/sh", arg=["-c", script],
                      capture_output=True)["return"]["pid"]
    for _ in range(WAIT_SEC * 20):
        status = client.call("guest-exec-status", pid=pid)["return"]
        if status["exited"]:
            break
        time.sleep(0.05)
    expect(status.get("exitcode") == 3, f"the program's status is {status}")
    for stream in ("out-data", "err-data"):
        print(f"    {stream}: {base64.b64decode(status[stream]).decode().strip()}")


def show_errors(client):
    say("Errors are those of qemu-ga:")
    client.call("guest-file-open", path="/no/such/file")
    client.call("guest-no-such-command")
    client.send({"execute": "guest-ping", "arguments": {"x": 1}})
    expect("error" in client.receive(), "an unexpected argument was taken")
    say("Refused is what this demo's agent must not do to your machine; guest-info tells:")
    commands = client.call("guest-info")["return"]["supported_commands"]
    disabled = [command["name"] for command in commands if not command["enabled"]]
    expect(disabled == DANGEROUS, f"refused are {disabled}")
    print("    " + ", ".join(disabled))


def show_resync(client, path, fifo):
    say("A request gets stuck: guest-get-osinfo reads a file that does not answer (here a FIFO in\n"
        "place of os-release; on a host's bad day a dead NFS server).")
    client.send(request("guest-get-osinfo", ident="late"), request("guest-ping", ident="behind it"))
    print("    no answer: the ping keeps its place behind the stuck request.")
    other = Client(path, "second client ")
    print("    Another client is not held up:")
    expect(other.call("guest-ping") == {"return": {}}, "the second client got no answer")
    print("    The host gives up waiting and syncs. What it asked for before no longer counts:")
    start = time.monotonic()
    client.send(request("guest-sync", id=815))
    reply = client.receive()
    # An answer that was ready may come before the sync's; the stuck one must not.
    while "id" in reply:
        expect(reply["id"] != "late", "the stuck request was answered")
        reply = client.receive()
    expect(reply == {"return": 815}, f"the sync was answered with {reply}")
    print(f"    The answer that was ready came first, then the sync's, "
          f"after {time.monotonic() - start:.1f} s\n"
          "    (resync-grace). Work goes on:")
    expect(client.call("guest-get-host-name").get("return"), "no host name")
    print("    Now the file answers. The late reply is dropped, for ever:")
    with open(fifo, "w", encoding="ascii") as writer:
        writer.write("NAME=demo\n")
    time.sleep(0.3)
    expect(client.call("guest-ping") == {"return": {}}, "a late answer appeared")


def start_agent(program, directory, fifo):
    path = os.path.join(directory, "qga.sock")
    environment = dict(os.environ, QGA_OS_RELEASE=fifo,
                       QGA_CONF=os.path.join(directory, "no.conf"))
    with open(os.path.join(directory, "log"), "wb") as log:
        agent = subprocess.Popen(
            [program, "-m", "unix-listen", "-p", path, "-t", directory,
             "-b", ",".join(DANGEROUS)],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)
    for _ in range(WAIT_SEC * 100):
        if os.path.exists(path) or agent.poll() is not None:
            break
        time.sleep(0.01)
    if agent.poll() is not None or not os.path.exists(path):
        sys.exit("the agent did not start:\n" +
                 open(os.path.join(directory, "log"), encoding="utf-8").read())
    return agent, path


def print_how_to_talk(agent, path, directory):
    code = ("import socket; s = socket.socket(socket.AF_UNIX); "
            f"s.connect('{path}'); "
            "s.sendall(b'{\\\"execute\\\": \\\"guest-info\\\"}\\n'); print(s.recv(65536).decode())")
    say("The agent goes on running. Talk to it:")
    print(f"    socat - UNIX-CONNECT:{path}        then type {{\"execute\": \"guest-ping\"}}")
    print(f"    python3 -c \"{code}\"")
    print("Refused here, since it runs on your own machine: " + ", ".join(
        name.removeprefix("guest-") for name in DANGEROUS) + ".")
    print("Whoever can open the socket may run programs and read and write files as you.")
    print(f"End it with\n    kill {agent.pid}; rm -r {directory}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agent", required=True, help="the agent to start")
    parser.add_argument("--serve", action="store_true", help="leave it running at the end")
    arguments = parser.parse_args()

    directory = tempfile.mkdtemp(prefix="pqga-demo-")
    fifo = os.path.join(directory, "os-release")
    os.mkfifo(fifo)
    agent, keep = None, False
    try:
        agent, path = start_agent(os.path.abspath(arguments.agent), directory, fifo)
        print(f"The agent listens on {path}")
        client = Client(path)
        show_sync(client)
        show_burst(client, directory)
        show_exec(client)
        show_errors(client)
        show_resync(client, path, fifo)
        if arguments.serve:
            os.unlink(fifo)
            os.symlink("/etc/os-release", fifo)
            print_how_to_talk(agent, path, directory)
            keep = True
        else:
            agent.send_signal(signal.SIGTERM)
            expect(agent.wait(WAIT_SEC) == 0, "the agent did not end cleanly")
            say("SIGTERM: the agent ended with status 0. That is all.")
    except socket.timeout:
        sys.exit(f"no answer within {WAIT_SEC} s")
    finally:
        if not keep:
            if agent and agent.poll() is None:
                agent.kill()
            shutil.rmtree(directory, ignore_errors=True)


main()
