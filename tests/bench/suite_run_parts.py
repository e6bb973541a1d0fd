# SPDX-License-Identifier: BSD-3-Clause
"""What `tern run` is made of: cycles of single calls, waking up, where a program's time goes; and --role proxy, which does without."""
import os
import re
import shutil
import signal
import subprocess
import time

from harness import CPUS, OUT, TERN, TOP, Benchmark, Variant, eal, finish, netns, numbers, run, say, start, wait_line
from suite_run import (CALLS, CLIENT, HOST, KEEP, TAP, VETH, answers, by_client, can, cpu_s, load_tern, load_wrk, nginx_conf, served,
                       tern_or_kernel, veth)


def calls(o):
    """Cycles of recv() with text waiting and of epoll_wait() with one event ready, 35,000 of each in a row."""
    ns = netns("run")

    def measured(device):
        p = tern_or_kernel(ns, [CALLS, "serve", "7000"], device)
        wait_line(p, "listening", 10)
        host = {"memif": HOST, "tap": TAP}.get(device, "127.0.0.1")
        peer = start(ns + by_client(device == "memif") + [CALLS, "fill", host, "7000"])
        text = finish(p, 60)
        finish(peer, 20)
        return numbers(r"recv (\d+) epoll_wait (\d+)", text, ["recv cycles", "epoll_wait cycles"])
    return Benchmark("run-calls", "cycles of a call", "epoll_wait cycles",
                     [Variant("tern, " + d, lambda d=d: measured(d)) for d in ("memif", "tap")] +
                     [Variant("kernel, loopback", lambda: measured(None))],
                     [("epoll_wait: kernel/tern", "epoll_wait cycles", "kernel, loopback", "tern, memif"),
                      ("recv: kernel/tern", "recv cycles", "kernel, loopback", "tern, memif")])


def wake_up(o):
    """A byte there and back after 5 ms of silence, for each --idle, and the server's CPU time meanwhile."""
    ns = netns("run")

    def measured(idle):
        host = TAP if idle else VETH
        p = tern_or_kernel(ns if idle else veth(), [CALLS, "echo", "7000"], "tap" if idle else None, idle)
        wait_line(p, "listening", 10)
        subprocess.run(ns + ["ping", "-c", "1", "-W", "2", host], capture_output=True)
        before, since = cpu_s(p.pid), time.monotonic()
        text = run(ns + CLIENT + [CALLS, "ping", host, "7000", str(o.seconds * 100), "5000"], o.seconds + 60)
        r = numbers(r"half ([\d.]+) us, 99 % ([\d.]+) us", text, ["half us", "99 % us"])
        if p.poll() is None:
            r["busy %"] = (cpu_s(p.pid) - before) * 100 / (time.monotonic() - since)
        finish(p, 20, signal.SIGTERM)
        return r
    return Benchmark("run-idle", "a byte there and back after 5 ms of silence", "half us",
                     [Variant("tern, tap, --idle " + i, lambda i=i: measured(i)) for i in ("spin", "nap", "irq")] +
                     [Variant("kernel, veth", lambda: measured(None))])


def functions(folder):
    """Names of the functions of a folder's sources, which begin their line."""
    names = set()
    for path, _, files in os.walk(os.path.join(TOP, folder)):
        for name in files:
            with open(os.path.join(path, name)) as f:
                names |= set(re.findall(r"^(?:[\w *]*?\**)?\b(\w+)\(", f.read(), re.M))
    return names


HOOKS = functions("run")


def where(o, keep):
    """Shares of the server's samples: the program with libc, what is between it and tern, tern with DPDK, the kernel."""
    ns, data = netns("run"), os.path.join(OUT, "perf.data")

    def watch(pid, load):
        p = start(["perf", "record", "-q", "-e", "cpu-clock", "-F", "4000", "-p", str(pid), "-o", data])
        r = load()
        finish(p, 20, signal.SIGINT)
        text = run(["perf", "report", "-i", data, "--sort", "dso,symbol", "--stdio", "-t", ";", "-q", "--percentage", "absolute"], 120)
        share = dict.fromkeys(("nginx %", "libc %", "hooks %", "tern %", "kernel %", "other %"), 0.0)
        for line in text.splitlines():
            m = re.match(r" *([\d.]+)% *;([^;]*);\[(.)\] (\S+)", line)
            if not m:
                continue
            dso, symbol = m.group(2).strip(), re.sub(r"\..*", "", m.group(4))
            if m.group(3) == "k":
                who = "kernel %"
            elif "libc." in dso:
                who = "libc %"
            elif "preload" in dso or "tern-socket" in dso and symbol in HOOKS:
                who = "hooks %"
            elif "tern" in dso or "librte" in dso:
                who = "tern %"
            else:
                who = "nginx %" if "nginx" in dso else "other %"
            share[who] += float(m.group(1))
        return {**r, **share}
    return Benchmark("run-where-" + KEEP[keep][0], "where nginx' core is, " + KEEP[keep][1], "tern %", [
        Variant("tern, memif", lambda: served(ns, nginx_conf(), 80, "memif", lambda: load_tern(o, ns, keep), watch)),
        Variant("kernel", lambda: served(ns, nginx_conf(), 80, None, lambda: load_wrk(o, ns, keep), watch))])


def rate(r):
    return {"requests/s": r["requests/s"]}


def proxy(o, keep):
    """wrk and nginx on one core, --role proxy in front of them on the other, over a tap device; and without it."""
    ns = netns("run")

    def measured(front):
        backend = start(ns + CLIENT + nginx_conf())
        try:
            answers(ns, 80, 10)
            if not front:
                return rate(load_wrk(o, ns, keep))
            p = start(ns + [TERN] + eal(400, CPUS[0], extra=["--vdev=net_tap0,iface=dtap0"]) +
                      ["--role", "proxy", "--addr", TAP + "/24", "--port", "80", "--to", "127.0.0.1:80"])
            try:
                wait_line(p, "ready", 30)
                for args in (["link", "set", "dtap0", "address", "02:00:00:00:00:02", "up"], ["addr", "add", "192.0.2.2/24", "dev", "dtap0"]):
                    subprocess.run(ns + ["ip"] + args, check=True)
                return rate(load_wrk(o, ns, keep, TAP))
            finally:
                finish(p, 20, signal.SIGINT)
        finally:
            finish(backend, 20, signal.SIGTERM)
    return Benchmark("run-proxy-" + KEEP[keep][0], "--role proxy before nginx, over a tap device, " + KEEP[keep][1], "requests/s",
                     [Variant("proxy", lambda: measured(True)), Variant("nginx alone", lambda: measured(False))],
                     [("proxy/alone", "requests/s", "proxy", "nginx alone")])


def parts(o):
    can(2 * 208)
    yield calls(o)
    yield wake_up(o)
    for keep in (False, True):
        yield proxy(o, keep)
    if not shutil.which("perf"):
        say("\n== run-where: skipped: perf is missing (apt-get install linux-perf)")
        return
    for keep in (False, True):
        yield where(o, keep)
