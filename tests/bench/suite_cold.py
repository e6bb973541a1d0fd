# SPDX-License-Identifier: BSD-3-Clause
"""State that is cold: N connections are open, a few of them, picked at random, do something at a time (--hold N --active K). Few packets
queue, so it is connections that come from memory, not packet buffers. The floor: bare frames whose flow is one of N by chance, a
bucket and two lines of it, all asked for ahead."""
import resource

from harness import Benchmark, Variant, bench_costs, eal, is_root, longest_polls, numbers, run, say

N = r"([\d.]+)"
ACTIVE = 256
MANY = (256, 4096, 65536, 262144, 1000000)
KERNEL_FILES = 1 << 20  # of kernel_cps
FAR, RR = "server cycles/connection", "server cycles/request"


def sizes(o):
    return MANY[:3] if o.quick else MANY


def held(o, bench, n, *args, active=ACTIVE, others=1024, timewaits=0):
    """A run of role bench with n connections open, and others, parsed."""
    mbufs = min(max(n, 16384), 131072)
    text = bench(o, "--hold", str(n), "--active", str(active), "--max-conns", str(n + others), "--mbufs", str(mbufs), "--max-timewait",
                 str(timewaits or n + others), "--drain-ms", str(100 + (n + others) // 50), *args, mib=mbufs // 180 + 600, slow=120 + n // 20000)
    r = {}
    for what in ("connection", "request"):
        if "bench: packets per %s " % what in text:
            r.update(bench_costs(text, what))
    r.update(numbers(r"client: .* %s failed" % N, text, ["failed"]))
    r.update(numbers(r"request to response: half within %s us, 99 %% within %s us" % (N, N), text, ["p50 us", "p99 us"]))
    r.update(longest_polls(text))
    return r


def short(o, bench, n, *args, **kw):
    r = held(o, bench, n, "--requests-per-conn", "1", "--packets", "8", *args, timewaits=o.timewaits, **kw)
    return {k: v for k, v in r.items() if "request" not in k}


def asking(o, bench, n, *args, **kw):
    r = held(o, bench, n, "--requests-per-conn", "4000000000", *args, **kw)
    return {k: v for k, v in r.items() if "connection" not in k}


def floor(o, null, n, packets):
    """Of packets that come to the server and are answered."""
    text = run([null] + eal(300) + ["CS", str(o.seconds), str(ACTIVE), str(n)], o.seconds + 60)
    r = numbers(r"cycles per connection: server %s \(" % N, text, ["cycles"])
    return {packets: r["cycles"]}


def descriptors():
    """How many a process of ours may have."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (KERNEL_FILES, max(most, KERNEL_FILES)))
    except (ValueError, OSError):
        return most
    return KERNEL_FILES


def beside_kernel(o, kernel, requests, what, rate, vs):
    """The kernel with the same load, and tern over it."""
    ratios = []
    for n in sizes(o)[:3] if is_root() else ():
        if 2 * n + 100 > descriptors():
            say("   no kernel with %u connections: a process may have no more than %u descriptors" % (n, descriptors()))
            continue
        vs.append(Variant("kernel, %u %s" % (n, what), lambda n=n: kernel(o, n, requests, ACTIVE)))
        ratios.append(("tern / kernel, %u %s" % (n, what), rate, "%u %s" % (n, what), "kernel, %u %s" % (n, what)))
    return ratios


def far(o, bench, null, kernel):
    per = "floor: cycles/packet in and out"
    vs = [Variant("%u in flight" % n, lambda n=n: short(o, bench, n)) for n in sizes(o)]
    vs += [Variant("bare frames, %u flows" % n, lambda n=n: floor(o, null, n, per)) for n in sizes(o)]
    over = beside_kernel(o, kernel, 1, "in flight", "connections/s", vs)
    yield Benchmark("far", "short connections of 8 packets, N of them open before their request, 256 at a time in work", FAR, vs, [
        ("server cycles, %u / 256" % n, FAR, "%u in flight" % n, "256 in flight") for n in sizes(o)[1:]] + over)
    vs = [Variant("%u connections" % n, lambda n=n: asking(o, bench, n)) for n in sizes(o) + (() if o.quick else (100000,))]
    over = beside_kernel(o, kernel, 0, "connections", "requests/s", vs)
    yield Benchmark("far-rr", "requests of 64 bytes on N connections, 256 at a time, in no order", RR, vs, [
        ("server cycles, %u / 256" % n, RR, "%u connections" % n, "256 connections") for n in sizes(o)[1:]] + over)


def churn(o, bench):
    idle, asking_n = (10000, 10000) if o.quick else (1000000, 100000)

    def all_of_it():
        r = held(o, bench, asking_n, "--requests-per-conn", "1000000", "--cps", "100000", "--concurrency", "4096", "--park", str(idle),
                 others=idle + 8192, timewaits=o.timewaits)
        return {k: v for k, v in r.items() if k.endswith("/s") or "busy" in k or "poll" in k or k in ("failed", "p50 us", "p99 us")}
    yield Benchmark("churn", "connections that are idle, others of which 256 at a time ask, and new ones beside", "requests/s", [
        Variant("%u idle, %u asking, 100k/s new" % (idle, asking_n), all_of_it)])


def bulkmany(o, bench):
    def bulk(n):
        r = asking(o, bench, n, "--response-size", "262144", active=64)
        return {"Gbit/s": r["requests/s"] * 8e-9 * 262208, "server busy %": r["server busy %"], "client busy %": r["client busy %"],
                "failed": r["failed"], **{k: v for k, v in r.items() if "poll" in k}}
    yield Benchmark("bulkmany", "responses of 256 KiB on N connections, 64 at a time, in no order", "Gbit/s", [
        Variant("%u connections" % n, lambda n=n: bulk(n)) for n in (64, 10000)], [
            ("10000 connections / 64", "Gbit/s", "10000 connections", "64 connections")])


def loss(o, bench):
    def lossy(n, ppm):
        r = short(o, bench, n, "--bench-loss", str(ppm), active=n // 2)
        r["connections/Gcycle"] = 1e9 / r[FAR]
        return r
    vs = [Variant("%u in flight, %u %% lost" % (n, ppm // 10000), lambda n=n, ppm=ppm: lossy(n, ppm))
          for n in sizes(o)[:3] for ppm in (0, 10000)]
    yield Benchmark("loss", "short connections of 8 packets, half of N in work at a time, over a cable that loses frames each way",
                    "connections/Gcycle", vs, [
                        ("1 %% lost / none, %u" % n, "connections/Gcycle", "%u in flight, 1 %% lost" % n,
                         "%u in flight, 0 %% lost" % n) for n in sizes(o)[:3]])
