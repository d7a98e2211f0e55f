#!/usr/bin/env python3
"""The agent was built and linked as cmake/Flags.cmake asks.

    check_binary.py QEMU-GA COMPILE_COMMANDS.JSON FLAG...

The flags are those of the build; what an executable can show of them is read from the executable.
"""

import json
import pathlib
import re
import subprocess
import sys

# Each flag that every compiler we support knows must have come through.
EVERYWHERE = {"-fstack-protector-strong", "-fPIE"}
GLIBC_MINOR = 34
X86 = re.compile(r"Machine:\s+(Advanced Micro Devices X86-64|Intel 80386)")


def readelf(binary, *options):
    return subprocess.run(["readelf", "-W", *options, binary], check=True, capture_output=True, text=True).stdout


def check_link(binary):
    """Faults in how the executable is linked."""
    dynamic = readelf(binary, "-d")
    segments = readelf(binary, "-l")
    if "DYN" not in re.search(r"Type:.*", readelf(binary, "-h"))[0] or "PIE" not in dynamic:
        yield "it is no position independent executable"
    if "GNU_RELRO" not in segments or not re.search(r"FLAGS.*\bNOW\b", dynamic):
        yield "its relocations stay writable"
    if re.search(r"GNU_STACK.* RWE ", segments):
        yield "its stack is executable"
    if re.search(r"\b(RPATH|RUNPATH|TEXTREL)\b", dynamic):
        yield "it has a library path or relocations in its code"


def check_code(binary):
    """Faults in the code that the compiler made."""
    symbols = readelf(binary, "--dyn-syms")
    if not re.search(r"__stack_chk_fail", symbols):
        yield "no function checks its stack frame"
    if not re.search(r"__\w+_chk\b", symbols.replace("__stack_chk_fail", "")):
        yield "no call is fortified"
    if X86.search(readelf(binary, "-h")):
        code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", binary], check=True, capture_output=True, text=True)
        if code.stdout.count("endbr") < 100:
            yield "targets of indirect calls are not marked (-fcf-protection)"


def check_glibc(binary):
    """Functions of a C library newer than the README asks for. Those of C23 come with newer headers by themselves."""
    for name, version in re.findall(r"(\w+)@GLIBC_2\.(\d+)", readelf(binary, "--dyn-syms")):
        if int(version) > GLIBC_MINOR and not name.startswith("__isoc23_"):
            yield f"{name} needs glibc 2.{version}"


def check_commands(database, flags):
    """Sources of the agent that were compiled without one of the flags."""
    wanted = {flag for flag in flags if flag.startswith("-f")} | EVERYWHERE
    for entry in json.loads(pathlib.Path(database).read_text()):
        if "/src/" in entry["file"]:
            words = entry["command"].split()
            missing = [flag for flag in sorted(wanted) if flag not in words]
            if not any(re.fullmatch(r"-D_FORTIFY_SOURCE=[23]", word) for word in words):
                missing.append("-D_FORTIFY_SOURCE")
            if missing:
                yield f"{entry['file']} is compiled without {' '.join(missing)}"


def main():
    binary, database, *flags = sys.argv[1:]
    faults = [*check_link(binary), *check_code(binary), *check_glibc(binary), *check_commands(database, flags)]
    for fault in faults:
        print(f"{binary}: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
