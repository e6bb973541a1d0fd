#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""check-size.py: no file of C, shell or Python over 750 lines, no function over 80, no line of C wider than .clang-format says.

Looks at app/, lib/, run/, tests/ and scripts/. A function is counted from the line of its name to its last. Prints the largest of each.
First proves on made-up files that it would notice.
"""
import ast
import pathlib
import re
import sys

FILE_MAX, FUNCTION_MAX = 750, 80
WIDTH_MAX = int(re.search(r"^ColumnLimit: (\d+)", pathlib.Path(".clang-format").read_text(), re.M)[1])
ROOMS = ["app", "lib", "run", "tests", "scripts"]
# what names a function of C or shell, and what opens its body: both begin in column 0, as does the } that ends it
NAME = re.compile(r"(?:[A-Za-z_][\w *]*[ *])?([A-Za-z_]\w*) ?\(")
OPENS = re.compile(r"\{|\w.*\) *\{ *(#.*|/\*.*)?$")


def braced(lines):
    """(name, lines) of each function that ends with } in column 0."""
    name, start, body = None, 0, False
    for i, line in enumerate(lines):
        if not body:
            m = NAME.match(line)
            if m:
                name, start = m[1], i
            body = bool(OPENS.match(line))
        elif line.startswith("}"):
            yield name, i - start + 1
            body = False


def functions(file, text):
    """(name, lines) of each function of a file."""
    if file.endswith(".py"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, node.end_lineno - node.lineno + 1
    else:
        yield from braced(text.splitlines())


def measure(sources):
    """[(lines, file)], [(lines, file:function)] of {file: text}, largest first."""
    files = [(len(text.splitlines()), file) for file, text in sources.items()]
    funcs = [(n, f"{file}:{name}") for file, text in sources.items() for name, n in functions(file, text)]
    return sorted(files, reverse=True), sorted(funcs, reverse=True)


def complaints(files, funcs):
    for found, most, what in (files, FILE_MAX, "file"), (funcs, FUNCTION_MAX, "function"):
        for n, where in found:
            if n > most:
                yield f"{where}: a {what} of {n} lines, more than {most}"


def too_wide(sources):
    for file, text in sources.items():
        for i, line in enumerate(text.splitlines(), 1) if file.endswith((".c", ".h")) else ():
            if len(line.expandtabs(8)) > WIDTH_MAX:
                yield f"{file}:{i}: a line of {len(line.expandtabs(8))} columns, more than {WIDTH_MAX}"


def self_check():
    def refused(file, text):
        return list(complaints(*measure({file: text})))

    def function(head, line, tail, n):
        return head + line * (n - head.count("\n") - tail.count("\n")) + tail

    samples = [("a.c", "f(int x,\n  int y)\n{\n", "\tx++;\n", "}\n"), ("a.c", "int f(int x) {\n", "\tx++;\n", "}\n"),
               ("a.sh", "f() { # DIR\n", "\techo\n", "}\n"), ("a.py", "    def f():\n", "        pass\n", "")]
    for file, head, line, tail in samples:
        before = "class A:\n" if file == "a.py" else "static int\n"
        assert refused(file, before + function(head, line, tail, FUNCTION_MAX + 1)), f"a long function of {file} was let through"
        assert not refused(file, before + function(head, line, tail, FUNCTION_MAX)), f"a good function of {file} was refused"
    two = function(*samples[0][1:], FUNCTION_MAX)
    assert not refused("a.c", two + "\nstatic const int t[] = {\n" + "\t1,\n" * 100 + "};\n\n" + two), "a table was taken for a function"
    assert refused("a.c", "\n" * (FILE_MAX + 1)) and not refused("a.c", "\n" * FILE_MAX), "a long file was let through, or a good one not"

    wide = "\t" + "x" * (WIDTH_MAX - 8)
    assert list(too_wide({"a.h": "\n" + wide + "x"})) and not list(too_wide({"a.h": wide, "a.py": wide + "x"})), \
        "a wide line was let through, or a good one not"


def main():
    self_check()
    sources = {str(p): p.read_text() for room in ROOMS for p in pathlib.Path(room).rglob("*") if p.suffix in (".c", ".h", ".sh", ".py")}
    files, funcs = measure(sources)
    if not files or not funcs:
        sys.exit("check-size: no sources here; run it from the top")
    bad = list(complaints(files, funcs)) + list(too_wide(sources))
    if bad:
        print("\n".join(bad))
        sys.exit("check-size: FAILED")
    print(f"check-size: {len(files)} files of at most {files[0][0]} lines ({files[0][1]}), "
          f"{len(funcs)} functions of at most {funcs[0][0]} ({funcs[0][1]}), C within {WIDTH_MAX} columns")


if __name__ == "__main__":
    main()
