# SPDX-License-Identifier: BSD-3-Clause
"""What every benchmark shares: the machine, processes that are always taken away again, statistics, JSON and charts.

A benchmark is a list of variants. A variant is a name and a function that does one run and returns {metric: number}.
Runs alternate: every variant once, then every variant again, so that what disturbs the machine disturbs all of them.
"""
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
OUT = os.path.join(BUILD, "bench")
TERN = os.path.join(BUILD, "app", "tern")
CPUS = sorted(os.sched_getaffinity(0))[:2]
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Failed(Exception):
    """A run that gave no number: its last lines say why."""


class Skip(Exception):
    """This benchmark cannot run here; says why."""


def sh(*cmd):
    return subprocess.run(cmd, capture_output=True, text=True, cwd=TOP).stdout.strip()


def say(text):
    print(text, flush=True)


# --- the machine --------------------------------------------------------------------------------------------------

def free_hugepages():
    with open("/proc/meminfo") as f:
        found = re.search(r"HugePages_Free: *(\d+)", f.read())
    return int(found.group(1)) if found else 0


def is_root():
    return os.geteuid() == 0


def may_use_memif(o):
    """Two processes that hand each other frames."""
    if o.rt:
        raise Skip("Linux stops what has real-time priority for 50 ms of each second, in which the other process goes on: leave out --rt")
    if free_hugepages() < 2 * 258:
        raise Skip("two processes need 516 free huge pages of 2 MB (scripts/setup.sh hugepages 1024)")


def tsc_hz():
    """The TSC's frequency as tern counts it."""
    return float(tsc_hz.hz) if tsc_hz.hz else 0.0


tsc_hz.hz = None


def machine():
    with open("/proc/cpuinfo") as f:
        cpu = re.search(r"model name\s*: (.*)", f.read())
    with open("/proc/meminfo") as f:
        mem = re.search(r"MemTotal: *(\d+)", f.read())
    return {
        "cpu": cpu.group(1) if cpu else platform.machine(), "cores": os.cpu_count(), "used": CPUS,
        "memory_mib": int(mem.group(1)) // 1024, "kernel": platform.release(),
        "free_hugepages_2m": free_hugepages(), "dpdk": sh("pkg-config", "--modversion", "libdpdk"),
        "compiler": sh("cc", "--version").split("\n")[0], "load_before": os.getloadavg()[0],
        "commit": sh("git", "rev-parse", "HEAD"), "changed": bool(sh("git", "status", "--porcelain", "-uno")),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def eal(mib, *lcores, extra=()):
    """EAL's options: huge pages when there are enough for root, else none (slower)."""
    mem = ["--no-huge", "--no-shconf"]
    if is_root() and free_hugepages() >= mib // 2 + 8:
        mem = ["--in-memory"]
    return mem + ["-m", str(mib), "--no-pci", "--no-telemetry", "--log-level=lib.eal:error",
                  "-l", ",".join(str(c) for c in lcores or CPUS)] + list(extra) + ["--"]


# --- processes ----------------------------------------------------------------------------------------------------

running = []
namespaces = []
prefix = []  # of every measured process


def start(cmd, env=None):
    """A background process whose output goes to a file."""
    log = open(os.path.join(OUT, "run.%d.log" % len(running)), "w+")
    p = subprocess.Popen(prefix + cmd, stdout=log, stderr=subprocess.STDOUT, env=dict(os.environ, **(env or {})), cwd=TOP)
    p.log = log
    running.append(p)
    return p


def output(p):
    p.log.flush()
    with open(p.log.name) as f:
        return ANSI.sub("", f.read())


def wait_line(p, text, seconds):
    """Until p has printed text."""
    for _ in range(int(seconds * 20)):
        if text in output(p):
            return
        if p.poll() is not None:
            break
        time.sleep(0.05)
    raise Failed("no '%s' from %s:\n%s" % (text, p.args[0], output(p)[-800:]))


def finish(p, seconds, sig=None):
    """End p, by a signal if given; what it printed."""
    if sig and p.poll() is None:
        p.send_signal(sig)
    try:
        p.wait(seconds)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
    text = output(p)
    p.log.close()
    running.remove(p)
    return text


def run(cmd, seconds, env=None, ok=(0,)):
    p = start(cmd, env)
    text = finish(p, seconds)
    if p.returncode not in ok:
        raise Failed("%s ended with %d:\n%s" % (" ".join(cmd), p.returncode, text[-1200:]))
    return text


def ask(path, command):
    """What a running tern says to a command of docs/ctl.md, JSON."""
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(path)
            s.sendall(("json %s\n" % command).encode())
            text = b"".join(iter(lambda: s.recv(65536), b""))
    except OSError as e:
        raise Failed("%s: %s: %s" % (path, command, e))
    said, _, verdict = text.partition(b"\0")
    if not verdict.startswith(b"0"):
        raise Failed("%s: %s" % (command, verdict.decode().strip() or "the answer broke off"))
    return json.loads(said) if said.strip() else {}


def resident_mib(pid):
    with open("/proc/%d/status" % pid) as f:
        return sum(int(kib) for kib in re.findall(r"(?m)^(?:VmRSS|HugetlbPages):\s+(\d+)", f.read())) / 1024


def netns(name):
    """A network namespace of our own, removed at the end. @return the prefix that runs a command in it."""
    name = "tern-bench-%s-%d" % (name, os.getpid())
    if name not in namespaces:
        subprocess.run(["ip", "netns", "add", name], check=True)
        namespaces.append(name)
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    return ["ip", "netns", "exec", name]


def cleanup():
    for p in list(running):
        if p.poll() is None:
            p.terminate()
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        running.remove(p)
    for name in namespaces:
        for _ in range(20):  # may be busy for a moment
            if subprocess.run(["ip", "netns", "del", name], capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        else:
            say("the network namespace %s could not be removed" % name)
    namespaces.clear()


def numbers(pattern, text, names):
    """{name: number} of the groups of the first match."""
    m = re.search(pattern, text)
    if not m:
        raise Failed("the output has no /%s/:\n%s" % (pattern, text[-1200:]))
    return dict(zip(names, (float(g.replace(",", "")) for g in m.groups())))


def bench_costs(text, what):
    """What role bench says of a connection, or a request."""
    n = r"([\d.]+)"
    r = numbers(r"bench: %s %ss/s" % (n, what), text, [what + "s/s"])
    r.update(numbers(r"packets per %s %s" % (what, n), text, ["packets/" + what]))
    r.update(numbers(r"cycles per %s: server %s \(%s %% busy\), client %s \(%s" % (what, n, n, n, n), text,
                     ["server cycles/" + what, "server busy %", "client cycles/" + what, "client busy %"]))
    return r


def longest_polls(text):
    """Of each end: the longest poll in which it had its lcore for itself, and how many of both took over 1 ms."""
    r, over = {}, 0
    for end, us, n in re.findall(r"(?m)^polls: (?:(\w+): )?the longest took (\d+) us, (\d+) took more", text):
        r[(end + " " if end else "") + "longest poll us"] = float(us)
        over += int(n)
    return dict(r, **{"polls over 1 ms": float(over)}) if r else r


# --- measuring ----------------------------------------------------------------------------------------------------

class Variant:
    def __init__(self, name, fn):
        self.name, self.fn, self.runs = name, fn, []

    def median(self, metric):
        return statistics.median(self.values(metric))

    def values(self, metric):
        return [r[metric] for r in self.runs if metric in r]

    def metrics(self):
        """Of all runs: one that failed to be at a rate has fewer."""
        return list(dict.fromkeys(m for r in self.runs for m in r))


class Benchmark:
    """chart: the metric that is drawn. ratios: (label, metric, over, under), run by run. many: a function that measures
    several variants in one process and returns {name: {metric: number}}."""

    def __init__(self, name, title, chart, variants, ratios=(), many=None):
        self.name, self.title, self.chart, self.variants, self.ratios = name, title, chart, variants, ratios
        self.many = many
        self.skipped = {}

    def measure(self, runs):
        load = os.getloadavg()[0]
        self.machine = machine()
        say("\n== %s: %s" % (self.name, self.title))
        if load > 0.5:
            say("   (the machine is not idle: load %.1f; numbers are worth less)" % load)
        for k in range(runs):
            if self.many:
                self.add(self.many())
                continue
            for v in self.variants:
                if v.name in self.skipped:
                    continue
                try:
                    v.runs.append(v.fn())
                except Failed as e:
                    self.skipped[v.name] = str(e)
                    say("   %s: run %d failed: %s" % (v.name, k + 1, e))
        self.variants = [v for v in self.variants if v.runs]
        self.report()

    def add(self, found):
        known = {v.name: v for v in self.variants}
        for name, metrics in found.items():
            if name not in known:
                known[name] = Variant(name, None)
                self.variants.append(known[name])
            known[name].runs.append(metrics)

    def report(self):
        width = max([len(v.name) for v in self.variants] + [10])
        for v in self.variants:
            for i, m in enumerate(v.metrics()):
                say("   %-*s  %-26s %s" % (width, "" if i else v.name, m, spread(v.values(m))))
        for label, value in self.ratio_values():
            say("   ratio: %s: %s" % (label, spread(value)))

    def ratio_values(self):
        by = {v.name: v for v in self.variants}
        for label, metric, over, under in self.ratios:
            if over in by and under in by:
                pairs = zip(by[over].runs, by[under].runs)
                value = [a[metric] / b[metric] for a, b in pairs if metric in a and b.get(metric)]
                if value:
                    yield label, value

    def write(self, command):
        doc = {
            "name": self.name, "title": self.title, "command": command, "machine": self.machine,
            "variants": [{"name": v.name, "runs": v.runs,
                          "median": {m: v.median(m) for m in v.metrics()}}
                         for v in self.variants],
            "ratios": [{"label": label, "median": statistics.median(value), "runs": value}
                       for label, value in self.ratio_values()],
            "failed": self.skipped,
        }
        with open(os.path.join(OUT, self.name + ".json"), "w") as f:
            json.dump(doc, f, indent=1)
            f.write("\n")
        draw(self)


def human(x):
    if x == 0:
        return "0"
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(x) >= limit:
            return "%.4g%s" % (x / {"G": 1e9, "M": 1e6, "k": 1e3}[unit], unit)
    return "%.4g" % x


def spread(values):
    if len(values) < 2:
        return human(values[0]) if values else "-"
    return "%s (%s..%s)" % (human(statistics.median(values)), human(min(values)), human(max(values)))


def draw(bench):
    """One bar per variant, its median, with min and max."""
    rows = [(v.name, v.values(bench.chart)) for v in bench.variants if v.values(bench.chart)]
    if not rows or not shutil.which("gnuplot"):
        return
    data = "\n".join('%d %g %g %g "%s"' % (i, statistics.median(v), min(v), max(v), name.replace("_", "\\\\_"))
                     for i, (name, v) in enumerate(rows))
    script = """
set terminal svg size 900,%d font "sans,13" background "white"
set output "%s"
set title "%s"
set xlabel "%s (median; whiskers: least and most of %d runs)"
set ylabel ""
set xrange [0:*]
set yrange [%d.5:-0.5]
set grid x
set lmargin 34
unset key
set style fill solid 0.6
$d << EOD
%s
EOD
plot $d using ($2/2):1:($2/2):(0.35):ytic(5) with boxxyerror lc rgb "#3b6ea5", \\
     $d using 2:1:3:4 with xerrorbars pt 0 lw 1.5 lc rgb "black"
""" % (140 + 34 * len(rows), os.path.join(OUT, bench.name + ".svg"), bench.title, bench.chart,
       max(len(v) for _, v in rows), len(rows) - 1, data)
    done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True)
    if done.returncode:
        say("   gnuplot: " + done.stderr.strip()[:300])


if __name__ == "__main__":
    sys.exit("run scripts/bench.sh")
