# SPDX-License-Identifier: BSD-3-Clause
"""One side of a comparison: namespaces, and a process that runs cases one after the other and prints "=== CASE", lines, "--- CASE". It is
replaced when a case hung or killed it."""
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading

PYTHON = "/usr/bin/python3"  # dynamically linked: one that is not can't be preloaded
START_S = 30


def ip(*words, ns=None):
    subprocess.run(["ip", *(["-n", ns] if ns else []), *words], check=True)


def netns_make(ns):
    ip("netns", "add", ns)
    ip("link", "set", "lo", "up", ns=ns)


class Side:
    def __init__(self, name, prefix, tmp, program, case_s):
        self.name, self.prefix = name, prefix
        self.me = f"tern-{name}me{os.getpid()}"
        self.path = f"{tmp}/{name}"
        self.program, self.case_s = program, case_s
        self.results = {}
        self.process = None
        self.over = False

    def netns(self):
        return [self.me]

    def make(self):
        self.over = False
        for ns in self.netns():
            netns_make(ns)

    def end(self):
        """It, and what it left behind."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def unmake(self):
        self.over = True
        self.end()
        for ns in self.netns():
            subprocess.run(["ip", "netns", "del", ns], stderr=subprocess.DEVNULL)

    def run(self, cases):
        left = list(cases)
        while left and not self.over:
            done = self.some(left)
            left = left[max(done, 1):]

    def some(self, cases):
        """Runs cases until one kills the process. @return how many are done with."""
        p = self.process = subprocess.Popen(["ip", "netns", "exec", self.me, *self.prefix, PYTHON, "-B", *self.program, *cases],
                                            stdout=subprocess.PIPE, stderr=open(self.path + ".err", "ab"), stdin=subprocess.DEVNULL,
                                            start_new_session=True)
        lines = queue.Queue()
        threading.Thread(target=feed, args=(p, lines), daemon=True).start()
        done, now, limit = 0, None, START_S
        while done < len(cases):
            try:
                line = lines.get(timeout=limit)
            except queue.Empty:
                line, why = None, "HANGS"
            else:
                why = "DIES"
            if line is None:
                name = now or cases[done]
                self.results.setdefault(name, []).append(why)
                print(f"  {self.name}: {name} {why}", flush=True)
                done += 1
                break
            line = line.decode(errors="replace").rstrip("\n")
            limit = self.case_s
            if line.startswith("=== "):
                now = line[4:]
                self.results[now] = []
            elif line.startswith("--- "):
                now, done = None, done + 1
            elif now:
                self.results[now].append(line)
        if done == len(cases):
            leaves(p)
        self.end()
        return done


def feed(p, lines):
    for line in p.stdout:
        lines.put(line)
    lines.put(None)


def leaves(p):
    """Given the time to end by itself."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        p.wait(timeout=10)


def run_all(sides, cases):
    """All at a time, each with all cases."""
    try:
        for side in sides:
            side.make()
        threads = [threading.Thread(target=side.run, args=(cases,), daemon=True) for side in sides]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        for side in sides:
            side.unmake()


def cases_of(*program):
    return subprocess.run([PYTHON, "-B", *program], check=True, capture_output=True, text=True).stdout.split()


def last_words(side):
    return "".join([line for line in open(side.path + ".err", errors="replace") if "listening on" not in line][-30:])
