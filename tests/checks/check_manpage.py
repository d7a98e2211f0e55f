#!/usr/bin/env python3
"""The manual page names every option and key of `qemu-ga --help` and --dump-conf, with the same
units, ranges and defaults, and none that is not there.

    check_manpage.py QEMU_GA MANPAGE
"""
import os
import re
import subprocess
import sys


def output(*command):
    # An empty path as QGA_CONF: no configuration file of this machine is read.
    env = dict(os.environ, QGA_CONF="")
    return subprocess.run(command, env=env, check=True, timeout=30, capture_output=True,
                          text=True).stdout


def plain(roff):
    """The words of a roff text, line by line, without macros and fonts."""
    lines = []
    for line in roff.splitlines():
        if line.startswith("."):
            macro, _, rest = line.partition(" ")
            words = [quoted or word for quoted, word in re.findall(r'"([^"]*)"|(\S+)', rest)]
            # Macros of two letters switch fonts between words and put them together.
            line = ("" if macro in (".BR", ".BI", ".IR", ".RB", ".RI") else " ").join(words)
        lines.append(re.sub(r"\\f[BIR]", "", line).replace("\\-", "-").replace("\\e", "\\"))
    return lines


def tagged(roff):
    """Paragraphs with a tag: {tag line: text}."""
    result = {}
    for part in re.split(r"^\.TP\n", roff, flags=re.M)[1:]:
        part = re.split(r"^\.S[HS] ", part, flags=re.M)[0]
        tag, *text = plain(part)
        result[tag] = " ".join(" ".join(text).split())
    return result


def section(roff, kind, name):
    match = re.search(rf"^\.{kind} {re.escape(name)}\n(.*?)(?=^\.S[HS] |\Z)", roff, re.M | re.S)
    if not match:
        sys.exit(f"the manual page has no section {name}")
    return match.group(1)


def compare(what, ours, theirs):
    missing, extra = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
    if missing:
        print(f"{what} not in the manual page: {missing}")
    if extra:
        print(f"{what} in the manual page only: {extra}")
    return not missing and not extra


def main():
    program, page = sys.argv[1:]
    usage = output(program, "--help")
    dump = output(program, "--dump-conf", "-l", "x", "-F")
    roff = open(page, encoding="utf-8").read()

    options = re.findall(r"^  (-\w), (--[\w-]+)", usage, re.M)
    documented = [m.groups() for tag in tagged(section(roff, "SH", "OPTIONS"))
                  if (m := re.match(r"(-\w), (--[\w-]+)", tag))]
    good = compare("options", options, documented)

    own = dict(re.findall(r"^  ([a-z-]+)  +\S.*\n +(\(.*\))$", usage, re.M))
    own_documented = tagged(section(roff, "SS", "Keys that are not in qemu\\-ga"))
    good &= compare("keys", own, own_documented)
    for key, description in own.items():
        if not own_documented.get(key, description).startswith(description):
            print(f"{key}: --help says {description}, the manual page {own_documented[key]}")
            good = False

    keys = re.findall(r"^([a-z-]+)=", dump, re.M)
    both = tagged(section(roff, "SS", "Keys that are options too"))
    good &= compare("keys of --dump-conf", keys, list(own) + list(both))
    if len(options) < 15 or len(own) < 12 or len(keys) < 20:
        print("--help or --dump-conf could not be understood")
        good = False
    sys.exit(0 if good else 1)


main()
