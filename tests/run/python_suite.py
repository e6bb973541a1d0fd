#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""python_suite.py [-v] [--tern BUILD/app/tern] [CASE-REGEX]: Python's own tests of its sockets (Debian's libpython3-testsuite), on tern.

They connect to themselves, at 127.0.0.1. Here that word is another address in a copy of them, and localhost, too, so that each connection
has one end of tern's and one of the kernel's: 192.0.2.1 makes the servers tern's, 192.0.2.2 the clients; a client that binds is given
the other one. They run a third time with all of it the kernel's. How a case went must be equal, the second time at least; what need not is in python_listed.py with the reason, and what is left out.
Needs root; makes and removes its network namespaces.
"""
import argparse
import os
import pathlib
import re
import signal
import sys
import tempfile

import python_listed as listed
import side

HERE = pathlib.Path(__file__).resolve().parent
LIBRARY = pathlib.Path(side.cases_of("-c", "import sysconfig; print(sysconfig.get_path('stdlib'))")[0]) / "test"
CHANGED = "test_asyncio", "support", *(m.split(".")[1] + ".py" for m in listed.MODULES if "asyncio" not in m)
ADDRESS_AS_SUCH = "inet_|StringTo|\\\\x00"  # lines about it
BINDS = "self.bindSock(self.cli)"


def copy(to, last):
    """The test package, in which localhost is 192.0.2.LAST, and LAST 1 or 2."""
    package = pathlib.Path(to) / "test"
    package.mkdir(parents=True)
    for f in LIBRARY.iterdir():
        if f.name not in CHANGED and f.name != "__pycache__":
            (package / f.name).symlink_to(f)
    for f in (f for name in CHANGED for f in [LIBRARY / name, *(LIBRARY / name).rglob("*")] if f.is_file()):
        there = package / f.relative_to(LIBRARY)
        there.parent.mkdir(exist_ok=True, parents=True)
        there.write_bytes(f.read_bytes() if f.suffix != ".py" else changed(f.read_text(), last).encode())
    pathlib.Path(to, "hosts").write_text(f"192.0.2.{last} localhost\n2001:db8::{last} localhost\n")


def changed(text, last):
    def one(line):
        if re.search(ADDRESS_AS_SUCH, line):
            return line
        line = re.sub("(['\"])::1\\1", f"'2001:db8::{last}'", line.replace("127.0.0.1", f"192.0.2.{last}"))
        return line.replace(BINDS, f"self.cli.bind(('192.0.2.{3 - last}', 0)) if isinstance(self, TCPTestBase) else {BINDS}")
    return "\n".join(map(one, text.split("\n")))


class Suite(side.Side):
    def __init__(self, name, prefix, tmp, last):
        super().__init__(name, ["sh", "-c", f'mount --bind {tmp}/{name}.d/hosts /etc/hosts; exec "$@"', "sh", *prefix], tmp,
                         [HERE / "python_under_test.py", f"{tmp}/{name}.d", "--"], case_s=90)
        copy(f"{tmp}/{name}.d", last)

    def make(self):
        super().make()
        if self.name == "kernel":
            for last in 1, 2:
                side.ip("addr", "add", f"192.0.2.{last}/24", "dev", "lo", ns=self.me)
                side.ip("addr", "add", f"2001:db8::{last}/64", "dev", "lo", "nodad", ns=self.me)


def how(s, name):
    return (s.results.get(name) or ["(nothing)"])[-1]


def unequal(cases, sides):
    return [c for c in cases if any(how(s, c).split()[0] != how(sides[0], c).split()[0] and
                                    not any(re.search(r, c) for r in listed.LISTED[s.name]) for s in sides[1:])]


def judge_side(cases, kernel, s, verbose):
    """(cases that ran and are equal, that differ as listed, that are wrong)"""
    seen, n, wrong = set(), [0, 0], 0
    for name in cases:
        a, b = how(kernel, name), how(s, name)
        why = [r for r in listed.LISTED[s.name] if re.search(r, name)]
        if verbose or (a.split()[0] != b.split()[0] and not why):
            print(f"  {s.name}: {name}\n    kernel {a}\n    tern   {b}")
        if a.split()[0] == b.split()[0]:
            n[0] += 1
        elif why:
            seen.update(why)
            n[1] += 1
        else:
            wrong += 1
    return *n, wrong


def main():
    args = argparse.ArgumentParser()
    args.add_argument("-v", action="store_true")
    args.add_argument("--tern", default=str(HERE.parent.parent / "build/app/tern"))
    args.add_argument("only", nargs="?", default="")
    args = args.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ok = True
    with tempfile.TemporaryDirectory(prefix="tern.") as tmp:
        run = [args.tern, "run", "--"]
        sides = [Suite("kernel", [], tmp, 1), Suite("server", run, tmp, 1), Suite("client", run, tmp, 2)]
        every = side.cases_of(HERE / "python_under_test.py", f"{tmp}/kernel.d", *listed.MODULES)
        cases = [c for c in every if re.search(args.only, c) and not any(re.search(r, c) for r in listed.SKIPPED)]
        if not cases:
            sys.exit("python_suite: no such case")
        side.run_all(sides, cases)
        again = unequal(cases, sides)  # many look at the clock, and the machine may have been busy
        if again:
            print("once more:", *again)
            side.run_all(sides, again)
        for s in sides[1:]:
            equal, differ, wrong = judge_side(cases, sides[0], s, args.v)
            print(f"tern's {s.name}: {len(cases)} cases, {equal} equal, {differ} differ as listed, {wrong} unexpected")
            ok = ok and not wrong
            if wrong:
                print(side.last_words(s), end="")
        ran = [how(sides[0], c).split()[0] for c in cases]
        print(f"on the kernel: {ran.count('ok')} pass, {ran.count('skip')} skip themselves, "
              f"{len(ran) - ran.count('ok') - ran.count('skip')} fail there, too; left out: {len(every) - len(cases)} of {len(every)}")
    sys.exit(not ok)


if __name__ == "__main__":
    main()
