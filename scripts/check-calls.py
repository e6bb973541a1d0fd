#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""check-calls.py [BUILD]: no two files of lib/ call each other, not even by way of others.

Reads the objects of BUILD (build-test): what one leaves undefined and another defines is a call from the first to the second. The
calls must have no circle, and none may go from a room to one above it: base, net, tcp, stack. Prints the floors, from the top down.
First proves on made-up objects that it would notice.
"""
import collections
import pathlib
import subprocess
import sys
import tempfile

ROOMS = ["base", "net", "tcp", "stack"]


def symbols(obj):
    """Names that an object needs, and those it has."""
    needs, has = set(), set()
    for line in subprocess.run(["nm", "-g", str(obj)], capture_output=True, text=True, check=True).stdout.splitlines():
        *_, kind, name = line.split()
        (needs if kind in "Uw" else has).add(name)
    return needs, has


def calls_of(objects):
    """{file: {file it calls: names}} of {file: object}."""
    home, needs = {}, {}
    for file, obj in objects.items():
        needs[file], has = symbols(obj)
        home.update({name: file for name in has})
    calls = {file: collections.defaultdict(set) for file in objects}
    for file, names in needs.items():
        for name in names & home.keys():
            calls[file][home[name]].add(name)
    return calls


def circles(calls):
    """The groups of files that reach each other."""
    reach = {}
    for file in calls:
        seen, todo = set(), list(calls[file])
        while todo:
            f = todo.pop()
            if f not in seen:
                seen.add(f)
                todo += calls[f]
        reach[file] = seen
    found = {tuple(sorted(g for g in reach[f] if f in reach[g])) for f in calls if f in reach[f]}
    return sorted(found)


def complaints(calls):
    for circle in circles(calls):
        yield f"a circle of {len(circle)}: {' '.join(circle)}"
        for a in circle:
            for b in sorted(set(calls[a]) & set(circle)):
                yield f"  {a} -> {b}: {', '.join(sorted(calls[a][b]))}"
    for a in calls:
        for b, names in sorted(calls[a].items()):
            if "/" in a and "/" in b and ROOMS.index(a.split("/")[0]) < ROOMS.index(b.split("/")[0]):
                yield f"{a} calls up to {b}: {', '.join(sorted(names))}"


def floors(calls):
    level = {}

    def floor(f):
        if f not in level:
            level[f] = 1 + max((floor(g) for g in calls[f]), default=0)
        return level[f]

    for f in calls:
        floor(f)
    return level


def made_up(sources):
    """The calls of {file: C source}."""
    with tempfile.TemporaryDirectory() as tmp:
        objects = {}
        for i, (file, text) in enumerate(sources.items()):
            objects[file] = pathlib.Path(tmp) / f"{i}.o"
            subprocess.run(["cc", "-x", "c", "-c", "-o", str(objects[file]), "-"], input=text, text=True, check=True)
        return calls_of(objects)


def self_check():
    ring = {"tcp/a.c": "void b(void); void a(void) { b(); }", "tcp/b.c": "void c(void); void b(void) { c(); }",
            "tcp/c.c": "void a(void); void c(void) { a(); }"}
    up = {"net/a.c": "void b(void); void a(void) { b(); }", "tcp/b.c": "void b(void) { }"}
    good = {"tcp/a.c": "void b(void); void a(void) { b(); }", "net/b.c": "void b(void) { }"}
    assert any("circle of 3" in c for c in complaints(made_up(ring))), "a circle was not seen"
    assert any("calls up" in c for c in complaints(made_up(up))), "a call upwards was not seen"
    assert not list(complaints(made_up(good))), "a good tree was refused"


def main():
    self_check()
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build-test")
    objects = {}
    for obj in (build / "lib").glob("libtern*.a.p/*.c.o"):
        room, file = obj.name[:-2].split("_", 1)
        objects[f"{room}/{file}"] = obj
    sources = {str(p.relative_to("lib")) for p in pathlib.Path("lib").rglob("*.c")}
    if not objects or set(objects) != sources:
        sys.exit(f"check-calls: the objects of {build} are not those of lib/: {' '.join(sorted(set(objects) ^ sources)[:4])}; build first")
    calls = calls_of(objects)
    bad = list(complaints(calls))
    if bad:
        print("\n".join(bad))
        sys.exit("check-calls: FAILED")
    level = floors(calls)
    for n in sorted(set(level.values()), reverse=True):
        print(f"floor {n:2}: {' '.join(sorted(f for f in level if level[f] == n))}")
    print(f"check-calls: {len(calls)} files in {max(level.values())} floors, no circle of calls")


if __name__ == "__main__":
    main()
