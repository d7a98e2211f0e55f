"""docs/CONTRIBUTING.md is true: a copy of the tree gets the command that the page adds, and answers it.

    check_example.py SOURCE-TREE C-COMPILER

"New file `PATH`:" and "In `PATH`, before the line with `TEXT`:" say where the next block of C goes; the block
of sh is run; the block of console is a request and the answer, where any number stands for any other.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

STEP = re.compile(r"(?:New file `(?P<new>[^`]+)`|In `(?P<old>[^`]+)`, before the line with `(?P<before>[^`]+)`):\n"
                  r"\n```c\n(?P<code>.*?)```\n", re.S)
BLOCK = r"^```{}\n(.*?)^```$"
ANSWER_SEC = 60


def section_of(page, title):
    return page.split(f"\n## {title}\n")[1].split("\n## ")[0]


def copy_tree(source, target):
    """What is or could be in git, as it is now; without git, all but what was built."""
    command = ["git", "-C", source, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if not shutil.which("git"):
        command = ["false"]
    listed = subprocess.run(command, capture_output=True, check=False)
    if listed.returncode != 0:
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("build", ".git"))
        return
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = os.path.join(source, name)
        if os.path.lexists(path):
            os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
            shutil.copy2(path, os.path.join(target, name), follow_symlinks=False)


def insert(path, before, code):
    with open(path, encoding="utf-8") as file:
        lines = file.readlines()
    places = [at for at, line in enumerate(lines) if before in line]
    if len(places) != 1:
        sys.exit(f"{path}: {len(places)} lines with {before}")
    lines.insert(places[0], code)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(lines)


def follow(steps, tree):
    for step in steps:
        path = os.path.join(tree, step["new"] or step["old"])
        if step["old"]:
            insert(path, step["before"], step["code"])
            continue
        if os.path.exists(path):
            sys.exit(f"{path} is there already")
        with open(path, "w", encoding="utf-8") as file:
            file.write(step["code"])


def environment_for(tree, compiler):
    """ccache, if it is used, finds what the last copy compiled."""
    return {**os.environ, "CC": compiler, "CCACHE_BASEDIR": tree, "CCACHE_NOHASHDIR": "1"}


def ask(agent, directory, request):
    path = os.path.join(directory, "qga.sock")
    process = subprocess.Popen([agent, "-m", "unix-listen", "-p", path, "-t", directory], stdin=subprocess.DEVNULL,
                               env={**os.environ, "QGA_CONF": os.path.join(directory, "none")})
    try:
        end = time.monotonic() + ANSWER_SEC
        while not os.path.exists(path) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(ANSWER_SEC)
            client.connect(path)
            client.sendall(request.encode() + b"\n")
            with client.makefile() as replies:
                return replies.readline()
    finally:
        process.terminate()
        process.wait(ANSWER_SEC)


def shape(value):
    """Any number is as good as any other."""
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items()}
    return "number" if isinstance(value, (int, float)) else value


def check_answer(tree, directory, console):
    request, expected = re.match(r"\$ echo '([^']*)' .*\n(.*)\n", console).groups()
    reply = ask(os.path.join(tree, "build/dev/qemu-ga"), directory, request)
    if shape(json.loads(reply)) != shape(json.loads(expected)):
        sys.exit(f"{request} was answered with {reply}, not as {expected}")
    print(f"{request} -> {reply}", end="")


def main():
    source, compiler = sys.argv[1:]
    with open(os.path.join(source, "docs/CONTRIBUTING.md"), encoding="utf-8") as file:
        text = section_of(file.read(), "Add a command")
    steps = list(STEP.finditer(text))
    shell, console = (re.findall(BLOCK.format(kind), text, re.S | re.M) for kind in ("sh", "console"))
    if len(steps) != text.count("```c\n") or len(steps) < 4 or len(shell) != 1 or len(console) != 1:
        sys.exit("docs/CONTRIBUTING.md: its blocks are not as this test reads them")
    with tempfile.TemporaryDirectory(prefix="pqga-example-") as directory:
        tree = os.path.join(directory, "tree")
        copy_tree(source, tree)
        follow(steps, tree)
        subprocess.run(["sh", "-ec", shell[0]], cwd=tree, env=environment_for(tree, compiler), check=True)
        check_answer(tree, directory, console[0])


if __name__ == "__main__":
    main()
