#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""differ.py [-v] [--threads] [--tern BUILD/app/tern] [--idle MODE] [CASE-REGEX]: do a program's calls do on tern what they do on the kernel?

Every case of case_*.py runs twice: in a process whose sockets are the kernel's, over a veth pair, and under `tern run`, over a
tap; the peer is the kernel's each time. What it prints must be equal, line by line. A difference that must be is listed in
differences.py: the case, the lines' word, the reason; one that is listed and is not there is as wrong as one that is not listed.
A case that hangs is killed, which is a difference. --threads: with a second thread
in the process from the start. Needs root; makes and removes its network namespaces.
"""
import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import differences
import side

HERE = pathlib.Path(__file__).resolve().parent


class WithPeer(side.Side):
    def __init__(self, name, prefix, tmp):
        super().__init__(name, prefix, tmp, [HERE / "under_test.py", f"{tmp}/{name}"], case_s=6)
        self.other = f"tern-{name}pe{os.getpid()}"
        self.peer = None

    def netns(self):
        return [self.me, self.other] if self.name == "kernel" else [self.me]

    def make(self):
        super().make()
        if self.name == "kernel":
            side.ip("link", "add", "v0", "type", "veth", "peer", "name", "v0", "netns", self.other, ns=self.me)
            for ns, last in (self.me, 1), (self.other, 2):
                side.ip("addr", "add", f"192.0.2.{last}/24", "dev", "v0", ns=ns)
                side.ip("addr", "add", f"2001:db8::{last}/64", "dev", "v0", "nodad", ns=ns)
                side.ip("link", "set", "v0", "up", ns=ns)
        self.peer = subprocess.Popen(["ip", "netns", "exec", self.netns()[-1], side.PYTHON, "-B", HERE / "peer.py", self.path])
        for _ in range(200):
            if os.path.exists(self.path):
                return
            time.sleep(0.02)
        sys.exit("differ: the peer did not start")

    def unmake(self):
        if self.peer:
            self.peer.kill()
            self.peer.wait()
        super().unmake()


def compare(name, kernel, tern):
    """(unexpected lines, are there listed ones?)"""
    listed = differences.LISTED.get(name, {})
    bad, seen = [], set()
    for i in range(max(len(kernel), len(tern))):
        a, b = (x[i] if i < len(x) else "(nothing)" for x in (kernel, tern))
        tag = a.split(":")[0]
        if a == b:
            continue
        if tag in listed and tag == b.split(":")[0]:
            seen.add(tag)
        else:
            bad.append(f"    kernel {a}\n    tern   {b}")
    bad += [f"    {tag}: listed as different, and is equal" for tag in listed if tag not in seen]
    if not kernel:
        bad.append("    the case printed nothing")
    if any(line.startswith("raised") or line in ("HANGS", "DIES") for line in kernel):
        bad.append("    the case fails on the kernel: " + kernel[-1])
    return bad, bool(listed)


def judge(cases, sides, verbose):
    equal = differ = 0
    wrong = []
    for name in cases:
        kernel, tern = (s.results.get(name, []) for s in sides)
        bad, listed = compare(name, kernel, tern)
        if verbose:
            print(name, *(f"\n    {line}" for line in kernel), sep="")
        if bad:
            wrong.append(name)
            print(f"  {name}", *bad, sep="\n")
        elif listed:
            differ += 1
        else:
            equal += 1
    unknown = [n for n in differences.LISTED if n not in all_cases()]
    if unknown:
        print("  listed, and no case:", *unknown)
    print(f"{len(cases)} cases, {equal} equal, {differ} differ as listed, {len(wrong) + len(unknown)} unexpected")
    return not wrong and not unknown


def all_cases():
    return side.cases_of(HERE / "under_test.py")


def main():
    args = argparse.ArgumentParser()
    args.add_argument("-v", action="store_true")
    args.add_argument("--tern", default=str(HERE.parent.parent / "build/app/tern"))
    args.add_argument("--idle", default="nap")
    args.add_argument("--threads", action="store_true")
    args.add_argument("only", nargs="?", default="")
    args = args.parse_args()
    if args.threads:
        os.environ["TERN_DIFFER_THREADS"] = "1"
    cases = [c for c in all_cases() if re.search(args.only, c)]
    if not cases:
        sys.exit("differ: no such case")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="tern.") as tmp:
        sides = [WithPeer("kernel", [], tmp), WithPeer("tern", [args.tern, "run", "--idle", args.idle, "--"], tmp)]
        side.run_all(sides, cases)
        ok = judge(cases, sides, args.v)
        if not ok:
            print(side.last_words(sides[1]), end="")
    sys.exit(not ok)


if __name__ == "__main__":
    main()
