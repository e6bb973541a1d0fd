# SPDX-License-Identifier: BSD-3-Clause
"""More is offered than the server can do: connections, or requests, at a rate, whatever became of those before (an open loop), over net_memif.
The server computes for some time before each answer, so the client's core is not what is full. Rates are multiples of what it does with 256 at
a time. After four times as much half as much comes: how soon is it as if nothing had been? Then the load ends, and so must every connection."""
import os
import signal
import time

from harness import (OUT, Benchmark, Failed, Skip, Variant, ask, finish, longest_polls, may_use_memif, netns, numbers, resident_mib,
                     wait_line)
from suite_dperf import EASE, Dperf, lost, per_second

N = r"([\d.]+)"
WORK_US = 5
CLIENT_CONNS = 131072
FACTORS = (0.5, 1, 1.5, 2, 4)
AFTER = 0.5    # of what it can do, when the load has fallen
FALL_S = 10    # at most, until all is as usual again
LEFT_S = 10    # likewise, until the server's last connection has ended
STEP_S = 0.05  # between two looks
STEADY = 10    # steps in which all is as usual
DRAIN_S = 20   # likewise, until the client's has
WARM_S = 1
DONE = "done/s"
SHORT = ["--packets", "8"]
COUNTERS = (("SYNs refused", 1, ("TernConnPoolEmpty", "TcpExtTCPReqQFullDrop", "TcpExtListenOverflows")),
            ("cookies sent", 1, ("TcpExtSyncookiesSent",)), ("cookies taken", 1, ("TcpExtSyncookiesRecv",)),
            ("SYNs and ACKs dropped by the listener", 1, ("DropListen",)),
            ("answers without room", 1, ("DropTxFull",)), ("client's frames without room", 0, ("DropTxFull",)),
            ("server sent again", 1, ("TcpRetransSegs",)), ("client sent again", 0, ("TcpRetransSegs",)))


class Kind:
    """What the server is, and what is offered to it. steps: multiples that are tried."""

    def __init__(self, name, title, server, steps=(1, 4), requests=False, rsize=12):
        self.name, self.title, self.steps, self.requests, self.rsize = name, title, steps, requests, rsize
        self.server = server + ["--work-us", str(WORK_US), "--max-timewait", "1"] + ([] if requests else SHORT)
        self.what, self.set = ("requests", "rps") if requests else ("done", "cps")

    def client(self, rate):
        """As many as it can, 256 at a time; or at a rate."""
        if self.requests:
            return ["--hold", "4096", "--rps", str(rate)] if rate else ["--hold", "256"]
        return SHORT + (["--cps", str(rate), "--concurrency", str(CLIENT_CONNS)] if rate else ["--concurrency", "256"])


KINDS = (
    Kind("4096", "connections; it has room for 4096", ["--max-conns", "4096"], FACTORS),
    Kind("131072", "connections; it has room for 131072", ["--max-conns", "131072"], FACTORS),
    Kind("mbufs", "connections; it has room for 131072, and 4096 packet buffers", ["--max-conns", "131072", "--mbufs", "4096"]),
    Kind("rings", "connections; it has room for 4096, and the rings to and from it have 256 places", ["--max-conns", "4096"], rsize=8),
    Kind("requests", "requests on 4096 connections", ["--max-conns", "131072", "--requests-per-conn", "4000000000"], requests=True),
)


def look(path):
    """What a role has counted, and when."""
    r = {row["name"]: row["value"] for row in ask(path, "show role")["counts"]}
    r["at"] = time.monotonic()
    return r


def unfinished(r):
    return r["opened"] - r["done"] - r["failed"] - r["cut_off"] - r["cut_off_connecting"]


def after_the_fall(kind, path, server_path, rate):
    """The load falls. @return when no more is refused (connections) or late (requests) and as much is done as is offered; what failed. What was
    refused before comes again as late as the client's timers say, so how long that is open says nothing of the server."""
    def looked():
        now = look(path)
        now["in vain"] = now["late_requests"] if kind.requests else counters(path, server_path)["SYNs refused"]
        return now
    ask(path, "set %s %d" % (kind.set, rate))
    looks, recovered = [looked()], float(FALL_S)
    while looks[-1]["at"] < looks[0]["at"] + FALL_S:
        time.sleep(STEP_S)
        looks.append(looked())
        if len(looks) <= STEADY:
            continue
        before, now = looks[-1 - STEADY], looks[-1]
        done = now[kind.what] - before[kind.what] >= 0.9 * rate * (now["at"] - before["at"])
        if done and now["in vain"] == before["in vain"]:
            recovered = before["at"] - looks[0]["at"]
            break
    return {"s to recover": recovered, "failed after it fell": looks[-1]["failed"] - looks[0]["failed"]}


def quiet(path):
    """The load has ended: until the client's connections have, too. @return how many have not in DRAIN_S."""
    ask(path, "stop")
    for _ in range(int(DRAIN_S / STEP_S)):
        left = unfinished(look(path))
        if not left:
            break
        time.sleep(STEP_S)
    return left


def left_at(path):
    """Connections and half-open requests of the server, when no more of them end."""
    for _ in range(int(LEFT_S / STEP_S)):
        used = sum(row["used"] for row in ask(path, "show memory")["pools"] if row["pool"] in ("conns", "requests"))
        if not used:
            break
        time.sleep(STEP_S)
    return used


def counters(client, server):
    """Where frames were refused or lost."""
    of = [{row["name"]: row["value"] for row in ask(path, "show stats")["counters"]} for path in (client, server)]
    return {what: sum(of[i].get(name, 0) for name in names) for what, i, names in COUNTERS}


class Overload:
    def __init__(self, o, memif_server, memif_client):
        self.o, self.memif_server, self.memif_client = o, memif_server, memif_client
        self.most = {}  # of a kind: what it does with 256 at a time, in this round

    def serve(self, kind):
        path = os.path.join(OUT, "overload-server.sock")
        return path, self.memif_server(self.o, netns("overload"), "--ctl", path, *kind.server)

    def load(self, kind, path, server_path, rate, after):
        """The load is on: what was done in a while of it; what came later."""
        a = look(path)
        time.sleep(self.o.seconds)
        b = look(path)
        per = b["at"] - a["at"]
        r = {"offered/s": rate or (b[kind.what] - a[kind.what]) / per, DONE: (b[kind.what] - a[kind.what]) / per,
             "failed/s": (b["failed"] - a["failed"]) / per}
        if after:
            r.update(after_the_fall(kind, path, server_path, after))
        return r

    def pair(self, kind, rate=0, after=0):
        path = os.path.join(OUT, "overload-client.sock")
        server_path, server = self.serve(kind)
        try:
            client = self.memif_client(self.o, netns("overload"), 600, "--max-conns", str(CLIENT_CONNS), "--drain-ms", "1000",
                                       "--ctl", path, *kind.client(rate), rsize=kind.rsize)
            try:
                wait_line(client, "ready:", 60)
                time.sleep(WARM_S)
                before = resident_mib(server.pid)
                r = self.load(kind, path, server_path, rate, after)
                if not kind.requests: # those stay open
                    r["unfinished"] = quiet(path)
                    r["wedged"] = left_at(server_path) # though its client has none
                r["MiB more"] = resident_mib(server.pid) - before
                # now, as net_memif may crash when its peer has gone
                r.update(counters(path, server_path))
            finally:
                text = finish(client, 30, signal.SIGINT)
        finally:
            server_text = finish(server, 30, signal.SIGINT)
        r.update(numbers(r"request to response: half within %s us, 99 %% within %s us" % (N, N), text, ["p50 us", "p99 us"]))
        return dict(r, **longest_polls(server_text))

    def capacity(self, kind):
        r = self.pair(kind)
        self.most[kind.name] = r[DONE]
        return r

    def offered(self, kind, factor):
        most = self.most[kind.name]
        return self.pair(kind, int(most * factor), int(most * AFTER) if factor == FACTORS[-1] else 0)

    def by_dperf(self, kind):
        """dperf's client, which comes to four times as much in ten steps of a second: what is done in the last, and in the best."""
        rate = int(self.most[kind.name] * FACTORS[-1]) // 1000 * 1000
        server = self.serve(kind)[1]
        try:
            rows = per_second(Dperf().load(netns("overload"), rate, self.o.seconds))
        finally:
            finish(server, 30, signal.SIGINT)
        full = [r for r in rows if r["skOpen"] >= rate * 0.95]
        if not full:
            raise Failed("dperf's client did not come to %d connections/s: at most %d" % (rate, max(r["skOpen"] for r in rows)))
        return {"offered/s": rate, DONE: sum(r["skClose"] for r in full) / len(full), "best second": max(r["skClose"] for r in rows),
                "most without loss": max([0] + [r["skOpen"] for r in rows if lost([r]) < EASE])}

    def benchmark(self, kind, dperf):
        vs = [Variant("256 at a time", lambda: self.capacity(kind))]
        vs += [Variant("%g times as many" % f, lambda f=f: self.offered(kind, f)) for f in kind.steps]
        if dperf:
            vs.append(Variant("4 times as many, dperf's client", lambda: self.by_dperf(kind)))
        return Benchmark("overload-" + kind.name, "%s and computes %u us for each" % (kind.title, WORK_US), DONE, vs, [
            ("done at %g times / 256 at a time" % f, DONE, "%g times as many" % f, "256 at a time") for f in kind.steps])


def overload(o, memif_server, memif_client):
    may_use_memif(o)
    run = Overload(o, memif_server, memif_client)
    try:
        Dperf()
        dperf = True
    except Skip:
        dperf = False
    for kind in KINDS:
        yield run.benchmark(kind, dperf and not kind.requests and kind.rsize == 12)
