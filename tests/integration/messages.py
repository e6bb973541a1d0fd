#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""messages.py PAGE SOURCE...: every message that a table of the page quotes is one that the sources print.

A message is the first column of a row, in backticks; "..." is what varies. Its fixed words must stand in one string of the
sources, in that order, and cover it but for what printf fills in. Prints how many there are.
"""
import re
import sys

TABLE = re.compile(r"^\| `(.+?)` \|", re.M)
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"(?:\s*(?:PRI\w+\s*)?"((?:[^"\\\n]|\\.)*)")*')
PIECE = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


def strings(path):
    """Strings of a C file as the compiler has them: those side by side are one."""
    for m in STRING.finditer(open(path).read()):
        yield "".join(PIECE.findall(m[0])).replace('\\"', '"').replace("%%", "%")


def shape(text):
    """What of a string is fixed: its words between what printf fills in."""
    return [p for p in re.split(r"%[-0-9.*]*(?:l|ll|z|h)?[sduxc]", text) if p]


def quoted(message):
    return [p for p in message.split("...") if p]


def is_of(message, text):
    """The pieces of the message lie in the text in order; "..." may stand for several pieces of it."""
    at = 0
    joined = "\0".join(shape(text))
    for piece in quoted(message):
        at = joined.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    # what begins or ends with fixed words does so in both
    return (message.startswith("...") or joined.startswith(quoted(message)[0])) and (message.endswith("...") or at == len(joined))


def main():
    page, *sources = sys.argv[1:]
    found = {s for path in sources for s in strings(path)}
    messages = TABLE.findall(open(page).read())
    lost = [m for m in messages if not any(is_of(m, s) for s in found)]
    if lost:
        sys.exit(f"{page} has what no source says: " + "; ".join(lost))
    print(len(messages))


if __name__ == "__main__":
    main()
