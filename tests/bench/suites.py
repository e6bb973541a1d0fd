# SPDX-License-Identifier: BSD-3-Clause
"""The benchmarks by name; scripts/bench.sh --list. Each function takes the options and returns Benchmark objects."""
import os
import re
import signal
import subprocess

from harness import (BUILD, CPUS, TERN, Benchmark, Failed, Skip, Variant, bench_costs, eal, finish, free_hugepages, is_root,
                     longest_polls, may_use_memif, netns, numbers, run, start, tsc_hz, wait_line)
import suite_cold
import suite_dperf
import suite_overload
from suite_run import programs
from suite_run_parts import parts
from suite_tls import tls

N = r"([\d.]+)"
FORMS = {6: "CSCSCS", 7: "CSCCSCS", 8: "CSCCSCSC"}


def tool(name):
    return os.path.join(BUILD, "tests", "bench", name)


def need_root(what):
    if not is_root():
        raise Skip("%s needs root" % what)


# --- one process, two ends ----------------------------------------------------------------------------------------

def parse_bench(text):
    """The end report of `tern --role bench`."""
    r = bench_costs(text, "connection")
    for m in re.finditer(r"client: (\w+) latency: half within (\d+) us, 99 % within (\d+) us, 99.9 % within (\d+) us",
                         text):
        for q, v in zip(("p50", "p99", "p99.9"), m.groups()[1:]):
            r["%s %s us" % (m.group(1), q)] = float(v)
    m = re.search(r"client: .* (\d+) failed", text)
    r["failed"] = float(m.group(1)) if m else 0
    return r


def tern_bench(o, *args, lcores=None, mib=800, slow=60):
    cmd = [TERN] + eal(mib, *(lcores or CPUS)) + ["--role", "bench", "--duration", str(o.seconds), "--prefault",
                                                  "--stats-interval", "0", "--ring-size", "4096"] + list(args)
    return run(cmd, o.seconds + slow, ok=(0, 1))


def short(o, packets, *args, **kw):
    return parse_bench(tern_bench(o, "--packets", str(packets), "--concurrency", "256", "--max-timewait",
                                  str(o.timewaits), *args, **kw))


def null(o, packets, one=False):
    conc = min(1024, 8192 // packets)
    cmd = [tool("null")] + eal(300, *(CPUS[:1] if one else CPUS)) + [FORMS[packets], str(o.seconds), str(conc)]
    text = run(cmd + (["one"] if one else []), o.seconds + 30)
    r = numbers(r"null: %s connections/s.*?, %s packets per" % (N, N), text, ["connections/s", "packets/connection"])
    r.update(numbers(r"cycles per connection: server %s \(%s %% busy\), client %s \(%s" % (N, N, N, N), text,
                     ["server cycles/connection", "server busy %", "client cycles/connection", "client busy %"]))
    r.update(numbers(r"sent or received: server %s, client %s" % (N, N), text,
                     ["server cycles/packet", "client cycles/packet"]))
    return r


def kernel(o, conns, requests, active=0):
    """active: of the connections, so many at a time; 0: all."""
    need_root("a network namespace")
    text = run(netns("kernel") + [tool("kernel_cps"), str(o.seconds), str(conns), str(requests), str(CPUS[0]), str(CPUS[1]), str(active)],
               o.seconds + 90)
    r = numbers(r"kernel: %s connections/s, %s requests/s, %s failed; CPU seconds: server %s, client %s" %
                (N, N, N, N, N), text,
                ["connections/s", "requests/s", "failed", "server CPU s", "client CPU s"])
    del r["requests/s" if requests else "connections/s"]
    return r


def cps(o):
    vs = [Variant("tern %u packets" % p, lambda p=p: short(o, p)) for p in (8, 7, 6)]
    vs += [Variant("tern 8 packets IPv6", lambda: short(o, 8, "--bench-ipv6")),
           Variant("tern 8 packets, timed", lambda: short(o, 8, "--latency"))]
    vs += [Variant("bare cable %u packets" % p, lambda p=p: null(o, p)) for p in (8, 6)]
    if is_root():
        vs += [Variant("kernel", lambda: kernel(o, 256, 1))]
    yield Benchmark("cps", "short connections over net_ring, an lcore for each end", "connections/s", vs, [
        ("tern / bare cable, 8 packets", "connections/s", "tern 8 packets", "bare cable 8 packets"),
        ("tern / bare cable, 6 packets", "connections/s", "tern 6 packets", "bare cable 6 packets"),
        ("tern, 8 packets / kernel", "connections/s", "tern 8 packets", "kernel")])


def one(o):
    vs = [Variant("tern %u packets" % p, lambda p=p: short(o, p, "--one-lcore", "--concurrency", "512",
                                                           lcores=CPUS[:1])) for p in (8, 6)]
    vs += [Variant("bare cable %u packets" % p, lambda p=p: null(o, p, True)) for p in (8, 6)]
    yield Benchmark("one", "short connections, both ends in turn on one lcore", "server cycles/connection", vs, [
        ("server cycles, tern / bare cable, 8 packets", "server cycles/connection", "tern 8 packets",
         "bare cable 8 packets")])


def workers(o):
    def with_workers(n):
        r = short(o, 8, "--one-lcore", "--workers", str(n), "--concurrency", str(512 * n))
        r["connections/s and worker"] = r.pop("connections/s") / n
        return r
    vs = [Variant("1 worker", lambda: with_workers(1)), Variant("2 workers", lambda: with_workers(2))]
    yield Benchmark("workers", "an lcore for each pair of client and server worker", "server cycles/connection", vs, [
        ("server cycles, 2 workers / 1", "server cycles/connection", "2 workers", "1 worker"),
        ("client cycles, 2 workers / 1", "client cycles/connection", "2 workers", "1 worker")])


def null_only(o):
    vs = [Variant("%u packets" % p, lambda p=p: null(o, p)) for p in (8, 7, 6)]
    vs += [Variant("%u packets, one lcore" % p, lambda p=p: null(o, p, True)) for p in (8, 6)]
    yield Benchmark("null", "the bare cable: what is swapped and sent back without TCP", "connections/s", vs)


def requests(o, conns, *args):
    # an mbuf at least for each request that is not acknowledged yet
    text = tern_bench(o, "--requests-per-conn", "4000000000", "--concurrency", str(conns), "--max-conns",
                      str(max(conns + 100, 16384)), "--mbufs", str(max(conns, 16384)), *args)
    r = bench_costs(text, "request")
    r.update(numbers(r"request to response: half within %s us, 99 %% within %s us" % (N, N), text,
                     ["p50 us", "p99 us"]))
    r.update(longest_polls(text))
    return r


def rr(o):
    many = (1, 100, 1000) if o.quick else (1, 100, 1000, 10000, 100000)
    vs = []
    for n in many:
        vs.append(Variant("tern, %u connections" % n, lambda n=n: requests(o, n)))
        if is_root() and n <= 1000: # two descriptors a connection: what an unprivileged limit of 20000 allows
            vs.append(Variant("kernel, %u connections" % n, lambda n=n: kernel(o, n, 0)))
    yield Benchmark("rr", "keep-alive requests and responses of 64 bytes over net_ring", "requests/s", vs, [
        ("tern / kernel, %u connections" % n, "requests/s", "tern, %u connections" % n, "kernel, %u connections" % n)
        for n in many if n <= 1000])


BULK = 1 << 24 # bytes of a response


def bulk(o):
    def goodput(mtu):
        text = tern_bench(o, "--requests-per-conn", "1000000", "--concurrency", "1", "--response-size", str(BULK),
                          "--bench-mtu", str(mtu))
        r = numbers(r"goodput %s Gbit/s" % N, text, ["Gbit/s"])
        cost = bench_costs(text, "request")
        for end, name in (("server", "sender"), ("client", "receiver")):
            r[name + " busy %"] = cost[end + " busy %"]
            r[name + " cycles/byte"] = cost[end + " cycles/request"] / BULK
        r.update(longest_polls(text))
        return r

    def bare(mtu):
        text = run([tool("null")] + eal(600, *CPUS) + [str(mtu - 52), str(o.seconds)], o.seconds + 30)
        return numbers(r"goodput %s Gbit/s" % N, text, ["Gbit/s"])

    def alone(mtu, *how):
        """Both ends on one lcore, without a ring; memcpy() of as much in the same run."""
        text = run([tool("held")] + eal(300, CPUS[0]) + [str(o.seconds * 10), "1", str(BULK), "mtu=%u" % mtu] + list(how), o.seconds * 10 + 60)
        return numbers(r"of a byte: server %s, client %s; memcpy: in %s, out %s" % (N, N, N, N), text,
                       ["sender cycles/byte", "receiver cycles/byte", "memcpy in", "memcpy out"])
    vs, ratios, how = [], [], (("copied", ()), ("not looked at", ("refs",)), ("not looked at, sums by the device", ("refs", "device")))
    for m in (1500, 9000):
        vs += [Variant("tern, MTU %u" % m, lambda m=m: goodput(m)), Variant("bare cable, MTU %u" % m, lambda m=m: bare(m))]
        vs += [Variant("alone, %s, MTU %u" % (name, m), lambda m=m, args=args: alone(m, *args)) for name, args in how]
        ratios.append(("tern / bare cable, MTU %u" % m, "Gbit/s", "tern, MTU %u" % m, "bare cable, MTU %u" % m))
    yield Benchmark("bulk", "one connection over net_ring, 16 MiB a response; bare: each byte written once and read once; alone: one lcore, "
                    "no ring", "Gbit/s", vs, ratios)


def flood(o):
    def cookies(rate, load):
        args = ["--syn-flood", str(rate), "--syn-cookies", "always"]
        args += ["--cps", "1", "--concurrency", "1"] if not load else ["--cps", str(load), "--concurrency", "1024"]
        text = tern_bench(o, *args, "--packets", "8")
        r = parse_bench(text)
        r.update(numbers(r"flood: %s SYNs sent, %s answers" % (N, N), text, ["SYNs", "answers"]))
        # the sender has one lcore, too: what the server's could do when it is not always busy
        return {"cookies/s": r["answers"] / o.seconds, "SYN/s": r["SYNs"] / o.seconds,
                "cookies/s of a busy lcore": r["answers"] / o.seconds / max(r["server busy %"], 1) * 100,
                "connections/s": r["connections/s"], "failed": r["failed"], "server busy %": r["server busy %"]}
    vs = [Variant("flood alone", lambda: cookies(100000000, 0)),
          Variant("100k connections/s alone", lambda: cookies(1, 100000)),
          Variant("100k connections/s and 4M SYN/s", lambda: cookies(4000000, 100000))]
    yield Benchmark("flood", "SYN cookies; the flood's sender shares the client's lcore", "cookies/s", vs, [
        ("legitimate connections beside the flood / without", "connections/s", "100k connections/s and 4M SYN/s",
         "100k connections/s alone")])


def scale(o):
    sizes = (1000, 100000) if o.quick else (1000, 100000, 1000000, 10000000)

    def parked(n):
        total = n + 4096
        # 64512 ports at each of 250 addresses; objects of both ends and their roles, all touched: 1.9 KB a connection
        need = total * 1900 >> 20
        with open("/proc/meminfo") as f:
            free = int(re.search(r"MemAvailable: *(\d+)", f.read()).group(1)) >> 10
        if need + 2048 > free:
            raise Failed("%u connections need about %u MiB, %u are free" % (n, need, free))
        text = tern_bench(o, "--packets", "8", "--park", str(n), "--concurrency", "1024", "--max-conns", str(total),
                          "--max-timewait", str(o.timewaits), "--drain-ms", "100", "--backlog", "4096",
                          slow=120 + n // 30000)
        r = parse_bench(text)
        r.update(numbers(r"ready: %s s after the start, %s MiB" % (N, N), text, ["s to open them", "MiB resident"]))
        return r
    vs = [Variant("%u idle" % n, lambda n=n: parked(n)) for n in sizes]

    def timewaits():
        """A long run; the last second has the most TIME-WAITs."""
        seconds = 4 if o.quick else 20
        limit = 2000000 if o.quick else 20000000
        cmd = [TERN] + eal(800) + ["--role", "bench", "--duration", str(seconds), "--prefault", "--stats-interval",
                                   "1", "--ring-size", "4096", "--packets", "8", "--concurrency", "1024",
                                   "--max-timewait", str(limit)]
        text = run(cmd, seconds + 120, ok=(0, 1))
        rows = re.findall(r"^client .*?established (\d+) .*?time-wait (\d+) .*?, (\d+) cycles a conn", text, re.M)
        if len(rows) < 2:
            raise Failed("no lines of numbers:\n" + text[-600:])
        rate, held, cycles = (float(x) for x in rows[-2])
        return {"connections/s": rate, "TIME-WAITs": held, "client cycles/connection": cycles}
    vs.append(Variant("the most TIME-WAITs", timewaits))
    yield Benchmark("scale", "short connections beside idle ones", "connections/s", vs, [
        ("%u idle / 1000 idle" % n, "connections/s", "%u idle" % n, "1000 idle") for n in sizes[1:]])


# --- two processes over shared memory -----------------------------------------------------------------------------

def memif_server(o, ns, *args):
    cmd = ns + [TERN] + eal(500, CPUS[0], extra=["--vdev=net_memif0,role=server,rsize=12"])
    p = start([c for c in cmd] + [
        "--role", "serve", "--addr", "198.51.100.254/24", "--max-conns", "131072", "--max-requests",
        "65536", "--max-timewait", str(o.timewaits * 4), "--mbufs", "131072", "--backlog", "4096", "--prefault",
        "--drain-ms", "100"] + list(args))
    wait_line(p, "ready:", 60)
    return p


def memif_client(o, ns, seconds, *args, rsize=12):
    return start(ns + [TERN] + eal(500, CPUS[1], extra=["--vdev=net_memif0,rsize=%d" % rsize]) + [
        "--role", "client", "--addr", "198.51.100.1/24+200", "--connect", "198.51.100.254:80", "--mbufs", "131072", "--duration",
        str(seconds), "--max-timewait", str(o.timewaits), "--prefault"] + list(args))


def tern_cost(text, least):
    """Of the server's lines, a second each, those at the full rate."""
    rows = [tuple(map(float, m)) for m in re.findall(
        r"established (\d+) .*?rx (\d+) tx (\d+) .*?retransmitted (\d+) .*?, (\d+) cycles a conn", text)]
    rows = [r for r in rows if r[0] >= least]
    if not rows:
        raise Failed("the server never reached %u connections/s:\n%s" % (least, text[-1500:]))
    conns = sum(r[0] for r in rows)
    return {"connections/s": conns / len(rows), "server cycles/connection": sum(r[0] * r[4] for r in rows) / conns,
            "packets/connection": sum(r[1] + r[2] for r in rows) / conns}


def memif(o):
    need_root("a network namespace")
    may_use_memif(o)

    def run_pair(rate, packets):
        ns = netns("memif")
        server = memif_server(o, ns, "--packets", str(packets))
        client = memif_client(o, ns, o.seconds + 1, "--concurrency", "512", "--cps", str(rate), "--packets", str(packets))
        client = finish(client, o.seconds + 60)
        text = finish(server, 30, signal.SIGINT)
        r = tern_cost(text, 1)
        r["retransmitted"] = numbers(r"TcpRetransSegs +(\d+)", client + "TcpRetransSegs 0", ["n"])["n"]
        return r
    yield Benchmark("memif", "short connections over net_memif, two processes", "connections/s", [
        Variant("tern %u packets" % p, lambda p=p: run_pair(0, p)) for p in (8, 6)])


# --- parts --------------------------------------------------------------------------------------------------------

def micro(o):
    sizes = ["1000", "100000"] if o.quick else ["1000", "100000", "1000000", "10000000"]

    def parts():
        # rte_hash of 10M entries needs 2 GiB; without huge pages EAL takes what malloc gives
        text = run([tool("micro")] + eal(300 if o.quick else 2200, CPUS[0]) + sizes, 300)
        return {"%s, %s" % (name, n): {"cycles": float(cycles), "ns": float(ns)} for name, n, ns, cycles in
                re.findall(r"^micro: (.+?), (\d+): %s ns, %s cycles" % (N, N), text, re.M)}
    yield Benchmark("micro", "one operation, entries in random order", "cycles", [], many=parts)


def expire(o):
    def stepped(us):
        text = run([tool("expire")] + eal(128, CPUS[0]) + [str(us)], 120)
        r = numbers(r"%s cycles a timer; longest poll %s us, then %s us; %s over 1 ms" % (N, N, N, N), text,
                    ["cycles/timer", "longest poll us", "second longest us", "polls over 1 ms"])
        r.update(numbers(r"idle longest poll %s us" % N, text, ["idle longest poll us"]))
        return r
    yield Benchmark("expire", "a million TIME-WAITs that expire in one second of virtual time", "longest poll us", [
        Variant("polls %s apart" % name, lambda us=us: stepped(us)) for name, us in
        (("20 us", 20), ("200 us", 200), ("1 s", 1000000))])


def start_time(o):
    """From exec to the first connection accepted, without huge pages."""
    def first(*mem):
        cmd = [TERN] + list(mem) + ["--no-pci", "--no-telemetry", "--log-level=lib.eal:error", "-l",
                                    "%d,%d" % tuple(CPUS), "--", "--role", "bench", "--total", "1", "--duration", "5",
                                    "--stats-interval", "0"]
        text = run(cmd, 30)
        r = numbers(r"ready: %s s after the start, %s MiB" % (N, N), text, ["s until ready", "MiB resident"])
        r.update(numbers(r"first: %s s" % N, text, ["s until the first connection"]))
        return r
    vs = [Variant("no huge pages", lambda: first("--no-huge", "--no-shconf", "-m", "512"))]
    if is_root() and free_hugepages() > 300:
        vs.append(Variant("huge pages", lambda: first("--in-memory", "-m", "512")))
    yield Benchmark("start", "from exec to the first connection, default limits", "s until the first connection", vs)


SUITES = {
    "cps": cps, "one": one, "workers": workers, "null": null_only, "memif": memif, "rr": rr, "bulk": bulk,
    "dperf": lambda o: suite_dperf.dperf(o, memif_server, tern_cost),
    "far": lambda o: suite_cold.far(o, tern_bench, tool("null"), kernel),
    "churn": lambda o: suite_cold.churn(o, tern_bench),
    "bulkmany": lambda o: suite_cold.bulkmany(o, tern_bench),
    "loss": lambda o: suite_cold.loss(o, tern_bench),
    "overload": lambda o: suite_overload.overload(o, memif_server, memif_client),
    "flood": flood, "scale": scale, "micro": micro, "expire": expire, "start": start_time, "run": programs, "run-parts": parts,
    "tls": lambda o: tls(o, lambda *args: parse_bench(tern_bench(o, *args)))}


def measure_tsc():
    """Cycles a second, by tern's own clock: cycles of the bare cable's report over its seconds would do, too."""
    text = subprocess.run(["dmesg"], capture_output=True, text=True).stdout
    m = re.search(r"tsc: (?:Detected|Refined TSC clocksource calibration:) ([\d.]+) MHz", text)
    if m:
        tsc_hz.hz = float(m.group(1)) * 1e6
        return
    with open("/proc/cpuinfo") as f: # bogomips are twice the TSC's MHz where it is known
        m = re.search(r"bogomips\s*: ([\d.]+)", f.read())
    tsc_hz.hz = float(m.group(1)) * 5e5 if m else None
