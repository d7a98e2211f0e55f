"""check-floors finds what it is there for: each case is a small tree with one fault made on purpose."""

import importlib.machinery
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
check_floors = importlib.machinery.SourceFileLoader("check_floors", sys.argv[1]).load_module()
FLOORS = """\
base:
    low high
top: base
"""
TREE = {
    "base/low.h": "#pragma once\nint low(void);\n",
    "base/low.c": '#include "base/low.h"\n\nint low(void)\n{\n    return 1;\n}\n',
    "base/high.h": "#pragma once\nint high(void);\n",
    "base/high.c": '#include "base/high.h"\n\n#include "base/low.h"\n\nint high(void)\n{\n    return low();\n}\n',
    "top/user.c": '#include "base/high.h"\n\nint use(void);\n\nint use(void)\n{\n    return high();\n}\n',
}
CALLS_UP = '#include "base/low.h"\n\n#include "base/high.h"\n\nint low(void)\n{\n    return high();\n}\n'
# The header of low is split: more.c has a part of it, and each calls the other.
SPLIT = {
    "base/low.h": "#pragma once\nint low(void);\nint more(void);\n",
    "base/low.c": '#include "base/low.h"\n\nint low(void)\n{\n    return more();\n}\n',
    "base/more.c": '#include "base/low.h"\n\nint more(void)\n{\n    return low();\n}\n',
}
CASES = {
    "a tree in order": ({}, None),
    "a part of a header in another file": (
        {**SPLIT, "base/more.c": SPLIT["base/more.c"].replace("low()", "1")}, None),
    "a circle of calls": ({"base/low.c": CALLS_UP}, "base/high: is in a circle, it needs base/low"),
    "a circle of headers": (
        {"base/low.h": '#pragma once\n#include "base/high.h"\nint low(void);\n'}, "base/low: is in a circle"),
    "a circle behind one header": (SPLIT, "base/more: is in a circle, it needs base/low"),
    "a table that is named from below": (
        {"base/high.h": "#pragma once\nextern const int table[];\n",
         "base/high.c": '#include "base/high.h"\n\n#include "base/low.h"\n\nconst int table[] = { 1, sizeof(low()) };\n',
         "base/low.c": CALLS_UP.replace("high()", "table[0]"), "top/user.c": ""},
        "base/low: is in a circle, it needs base/high"),
    "a call against the order": (
        {"base/low.c": CALLS_UP, "base/high.c": '#include "base/high.h"\n\nint high(void)\n{\n    return 1;\n}\n'},
        "base/low: needs base/high, which stands above it"),
    "a folder that reaches up": (
        {"top/user.h": "#pragma once\n", "base/low.h": '#pragma once\n#include "top/user.h"\nint low(void);\n'},
        '"top/user.h" is out of reach of base'),
    "a folder without a floor": ({"new/file.c": ""}, "folder new has no floor"),
    "a header that is not there": ({"top/user.c": '#include "base/gone.h"\n'}, '"base/gone.h" is not there'),
    "a header without guard": ({"base/low.h": "int low(void);\n"}, "base/low.h: no #pragma once"),
    "its own header second": (
        {"base/high.c": '#include "base/low.h"\n\n#include "base/high.h"\n\nint high(void)\n{\n    return low();\n}\n'},
        "base/high.c: its own header does not come first"),
}


def check(tree, floors):
    with tempfile.TemporaryDirectory(prefix="floors-") as top:
        for name, text in tree.items():
            path = pathlib.Path(top, "src", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        pathlib.Path(top, "floors.txt").write_text(floors)
        return check_floors.check(f"{top}/src", f"{top}/floors.txt")[1]


def main():
    cases = {name: (changes, FLOORS, expected) for name, (changes, expected) in CASES.items()}
    allowed = FLOORS + "circle base/low base/high\n"
    cases["a circle that is allowed"] = ({"base/low.c": CALLS_UP}, allowed.replace("    low high\n", ""), None)
    cases["an allowed circle that is open"] = ({}, allowed, "is open, its line has to go")
    failed = 0
    for name, (changes, floors, expected) in cases.items():
        faults = check({**TREE, **changes}, floors)
        if not any(expected in fault for fault in faults) if expected else faults:
            print(f"{name}: expected {expected or 'no fault'}, got {faults}")
            failed += 1
    print(f"{len(cases)} cases, {failed} failed")
    sys.exit(1 if failed else 0)


main()
