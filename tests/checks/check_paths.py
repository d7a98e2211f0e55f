"""Documents and comments name files and tests that are there.

    check_paths.py SOURCE-TREE

A path is what begins with a folder of the tree, what looks like io/loop.c, and where a link leads. Of sources only what
looks like io/loop.c is looked at. A program may have its source there instead. Files that an example makes ("New file ...") need not be there.
`{a,b}` is each of both. A test is what looks like unit.base.buf or vm.files.CASE; `unit.base` is all of them.
"""
import glob
import os
import re
import sys

FOLDERS = ("src", "docs", "tests", "bench", "scripts", "etc", "cmake", "tools")
NAME = re.compile(rf"(?<![\w/.-])((?:{'|'.join(FOLDERS)})/[\w./*{{}},-]*)")
SHORT = re.compile(r"(?<![\w/.-])((?:base|io|proto|pool|cmds|config|session|agent)/[\w./-]+\.[ch])(?![\w.-])")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
MADE = re.compile(r"^New file `([^`]+)`", re.M)
TEST = re.compile(r"(?<![\w./-])((?:unit|integration|stress|vm)\.[a-z]\w*(?:\.[a-z]\w*)?)(?![\w/-])")
GENERATED = {"base/version.h"}
FLOORS = {"linux": "cmds/linux"}  # of unit tests that are not named as their folder


def expand(name):
    found = re.search(r"\{([^{}]*)\}", name)
    if not found:
        return [name]
    return [full for part in found[1].split(",") for full in expand(name[:found.start()] + part + name[found.end():])]


def has_path(top, name):
    return glob.glob(os.path.join(top, name)) or os.path.exists(os.path.join(top, name + ".c"))


def has_test(top, name):
    kind, first, *rest = name.split(".")
    if kind == "unit":
        return glob.glob(f"{top}/tests/unit/{FLOORS.get(first, first)}/**/test_{rest[0] if rest else '*'}.c", recursive=True)
    if kind != "vm":
        return os.path.exists(f"{top}/tests/{kind}/test_{first}.c")
    try:
        with open(f"{top}/tests/vm/cases/{first}.py", encoding="utf-8") as file:
            return not rest or f"\ndef {rest[0]}(" in file.read()
    except FileNotFoundError:
        return False


def missing_short(top, path):
    with open(path, encoding="utf-8") as file:
        return {name for name in SHORT.findall(file.read()) if name not in GENERATED and not has_path(top, f"src/{name}")}


def missing(top, document):
    with open(document, encoding="utf-8") as file:
        text = file.read()
    names = {name.rstrip(".,/") for name in NAME.findall(text)} - set(MADE.findall(text))
    yield from (name for name in missing_short(top, document) if f"src/{name}" not in MADE.findall(text))
    yield from (full for name in names for full in expand(name) if not has_path(top, full))
    yield from (name for name in LINK.findall(text) if not os.path.exists(os.path.join(os.path.dirname(document), name)))
    made = {re.sub(r".*/test_(\w+)\.c$", r"\1", name) for name in MADE.findall(text)}
    yield from (name for name in set(TEST.findall(text))
                if name.split(".")[-1] not in made | {"py", "md"} and not has_test(top, name))


def main():
    top = sys.argv[1]
    sources = [path for where in ("src/**/*.[ch]", "bench/*.[ch]", "tools/*.c")
               for path in glob.glob(os.path.join(top, where), recursive=True)]
    documents = sorted(path for where in ("*.md", "docs/*.md", "tests/**/*.md")
                       for path in glob.glob(os.path.join(top, where), recursive=True))
    faults = [f"{os.path.relpath(document, top)}: {name} is not there"
              for document in documents for name in sorted(missing(top, document))]
    faults += [f"{os.path.relpath(source, top)}: {name} is not there"
               for source in sources for name in sorted(missing_short(top, source))]
    print("\n".join(faults) if faults else f"{len(documents)} documents, {len(sources)} sources name what is there")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
