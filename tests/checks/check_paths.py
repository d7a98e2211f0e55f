"""Documents name files that are there.

    check_paths.py SOURCE-TREE

A path is what stands in backquotes, in code or behind a link and begins with a folder of the tree (or is a link at all).
A program may have its source there instead. Files that an example makes ("New file ...") need not be there. `{a,b}` is
each of both.
"""
import glob
import os
import re
import sys

FOLDERS = ("src", "docs", "tests", "bench", "scripts", "etc", "cmake", "tools")
NAME = re.compile(rf"(?<![\w/.-])((?:{'|'.join(FOLDERS)})/[\w./*{{}},-]*)")
SHORT = re.compile(r"`((?:base|io|proto|pool|cmds|config|session|agent)/[\w./-]+\.[ch])`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
MADE = re.compile(r"^New file `([^`]+)`", re.M)


def expand(name):
    found = re.search(r"\{([^{}]*)\}", name)
    if not found:
        return [name]
    return [full for part in found[1].split(",") for full in expand(name[:found.start()] + part + name[found.end():])]


def missing(top, document):
    with open(document, encoding="utf-8") as file:
        text = file.read()
    made = set(MADE.findall(text))
    names = {name.rstrip(".,/") for name in NAME.findall(text)} - made
    names |= {f"src/{name}" for name in SHORT.findall(text)}
    for name in sorted(full for name in names for full in expand(name)):
        if not glob.glob(os.path.join(top, name)) and not os.path.exists(os.path.join(top, name + ".c")):
            yield name
    for name in LINK.findall(text):
        if not os.path.exists(os.path.join(os.path.dirname(document), name)):
            yield name


def main():
    top = sys.argv[1]
    documents = sorted(path for where in ("*.md", "docs/*.md", "tests/**/*.md")
                       for path in glob.glob(os.path.join(top, where), recursive=True))
    faults = [f"{os.path.relpath(document, top)}: {name} is not there"
              for document in documents for name in missing(top, document)]
    print("\n".join(faults) if faults else f"{len(documents)} documents name what is there")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
