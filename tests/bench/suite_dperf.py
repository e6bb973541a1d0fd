# SPDX-License-Identifier: BSD-3-Clause
"""dperf (docs/performance.md says how to build one) as the client of its own server and of ours, over net_memif: 3 packets each way, cycles
at the server.

What each server carries is looked for first: dperf's client comes to a rate in ten steps of a second, so one run tries ten. Then both are given
the same rates, shares of what the lesser of them carries, and the rates of --rates that both carry. A server that loses or repeats packets
at a rate is not at its ease there: such a round is named and judges nobody."""
import os
import re
import signal
import time

from harness import (BUILD, CPUS, OUT, Benchmark, Failed, Skip, Variant, finish, free_hugepages, is_root, may_use_memif, netns, output,
                     run, say, start, tsc_hz, wait_line)

RAMP_S = 10    # dperf knows no quicker start
WAIT_S = 1     # before it
SOCKETS = 65535  # ports of each of its client's addresses
EASE = 0.005   # of the connections, at most lost or repeated
TRIES = 3
FIRST_TOP = 2000000 # the first ramp's last step
SHARES = (0.4, 0.8)
SERVER_MAC, CLIENT_MAC = "02:00:00:00:01:fe", "02:00:00:00:01:01"
CYCLES = "server cycles/connection"


class Dperf:
    """Where it is, and what the machine has room for."""

    def __init__(self):
        self.binary = os.environ.get("TERN_BENCH_DPERF")
        if not self.binary:
            raise Skip("TERN_BENCH_DPERF does not name a dperf (docs/performance.md says how to build one)")
        if not os.access(self.binary, os.X_OK):
            raise Skip("TERN_BENCH_DPERF: %s cannot be run" % self.binary)
        if not is_root():
            raise Skip("a network namespace needs root")
        # 5 MB of sockets for each address of the client, at both ends
        for self.clients, self.mib in ((250, 1900), (150, 1200), (60, 600)):
            if free_hugepages() >= self.mib + 16:
                return
        raise Skip("616 free huge pages of 2 MB are needed, %d are" % free_hugepages())

    def most(self, seconds):
        """The largest rate at which no port comes again."""
        return self.clients * SOCKETS / (RAMP_S / 2 + WAIT_S + seconds)

    def conf(self, role, rate, seconds):
        """The server is told the client's address, or it would give up while that one still zeroes its memory."""
        server = role == "server"
        me, peer = ("254", "1 " + CLIENT_MAC) if server else ("1", "254")
        lines = ["mode " + role, "cpu %d" % CPUS[0 if server else 1], "duration %ds" % (600 if server else seconds),
                 "socket_mem %d" % self.mib, "port net_memif000 198.51.100.%s 198.51.100.%s" % (me, peer),
                 "client 198.51.100.1 %d" % self.clients, "server 198.51.100.254 1", "listen 80 1", "payload_size 64", "tx_burst 32"]
        if not server:
            lines += ["cps %d" % rate, "slow_start %d" % RAMP_S, "wait %d" % WAIT_S]
        name = os.path.join(OUT, "dperf-%s.conf" % role)
        with open(name, "w") as f:
            f.write("\n".join(lines) + "\n")
        return name

    def launch(self, ns, role, rate=0, seconds=0):
        vdev = "net_memif000,rsize=12," + ("role=server,mac=" + SERVER_MAC if role == "server" else "mac=" + CLIENT_MAC)
        # a private mount of hugetlbfs: gone with the process
        mount = ["sh", "-c", 'mkdir -p /dev/hugepages; mount -t hugetlbfs none /dev/hugepages && exec "$@"', "dperf"]
        return start(ns + mount + ["env", "LD_PRELOAD=" + os.path.join(BUILD, "tests", "bench", "eal_port.so"), "BENCH_VDEV=" + vdev,
                                   self.binary, "-c", self.conf(role, rate, seconds)])

    def load(self, ns, rate, seconds):
        """The client's output; its server is up. It comes to the rate in RAMP_S and keeps it for so many seconds."""
        client = self.launch(ns, "client", rate, seconds)
        text = finish(client, WAIT_S + RAMP_S + seconds + 120)  # its memory takes long to zero
        if "Total Numbers:" not in text:
            why = re.findall(r"(?m)^(?:Error: .*|.*fail$)", text)
            raise Failed(why[-1] if why else "dperf's client did not finish: ... " + " | ".join(text.strip().split("\n")[-3:]))
        return text


def await_memif(ns, server):
    """Until the server listens for its peer."""
    for _ in range(600):
        if "memif.sock" in run(ns + ["cat", "/proc/net/unix"], 10):
            return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise Failed("the server made no memif:\n" + output(server)[-800:])


def per_second(text):
    """Of each second that dperf printed: {name: number}, and its cpuUsage."""
    rows = []
    for block in re.split(r"(?m)^seconds \d+", text.split("Total Numbers:")[0])[1:]:
        r = {k: float(v.replace(",", "")) for k, v in re.findall(r"(\w+) +([\d,]+)", block)}
        if "skOpen" in r:
            rows.append(r)
    return rows


def lost(rows):
    """Of what the client opened in these seconds, the part that was lost or sent again."""
    bad = sum(r.get(k, 0) for r in rows for k in ("skErr", "synRt", "finRt", "ackRt", "pushRt", "dropTx"))
    return bad / max(sum(r["skOpen"] for r in rows), 1)


class Comparison:
    def __init__(self, o, memif_server, tern_cost):
        self.o, self.memif_server, self.tern_cost, self.dperf = o, memif_server, tern_cost, Dperf()

    def once(self, ours, rate, seconds):
        ns = netns("dperf")
        if ours:
            # as dperf's: what it has to send waits for 32 frames or its tick of 100 us. A TIME-WAIT for each of the client's ports
            most = min(int(rate * (seconds + WAIT_S + RAMP_S)), self.dperf.clients * SOCKETS)
            server = self.memif_server(self.o, ns, "--close", "server", "--tx-wait-us", "100", "--max-timewait", str(most))
        else:
            server = self.dperf.launch(ns, "server")
        try:
            await_memif(ns, server)
            if not ours:
                wait_line(server, "seconds 0", 60)  # it has its memory, and polls
            client = self.dperf.load(ns, rate, seconds)
        finally:
            text = finish(server, 30, signal.SIGINT if ours else signal.SIGKILL)
        return client, text

    def trial(self, ours, rate, seconds):
        """What client and server printed."""
        for k in range(TRIES):
            try:
                return self.once(ours, rate, seconds)
            except Failed as e:
                why = str(e)
                say("   %s server, %.3g M/s, try %d of %d: %s" % (name(ours), rate / 1e6, k + 1, TRIES, why))
        raise Failed(why)

    def best_second(self, ours, top):
        """Of a ramp: the most connections that ended in a second in which nothing was lost."""
        for k in range(TRIES):
            rows = per_second(self.trial(ours, int(top), 1)[0])
            best = max([0] + [min(r["skOpen"], r["skClose"]) for r in rows if lost([r]) < EASE])
            if best:
                return best
            why = "in no second of a ramp to %.3g M/s less than %g %% were lost or repeated" % (top / 1e6, EASE * 100)
            say("   %s server, try %d of %d: %s" % (name(ours), k + 1, TRIES, why))
        raise Failed("%s server: %s" % (name(ours), why))

    def carries(self, ours):
        """Looked for twice: from afar, then in close steps."""
        top = min(FIRST_TOP, self.dperf.most(1))
        best = self.best_second(ours, top // 1000 * 1000)
        top = min(max(best * 1.2, RAMP_S * 1000), self.dperf.most(1))
        best = max(best, self.best_second(ours, top // 1000 * 1000))
        say("   %s server: without loss up to %.3g M connections/s" % (name(ours), best / 1e6))
        return best

    def cost(self, ours, text, least):
        if ours:
            return self.tern_cost(text, least)
        rows = [r for r in per_second(text) if r["skOpen"] >= least]
        if not rows or not tsc_hz.hz:
            raise Failed("dperf's server never reached the rate:\n" + text[-800:])
        conns = sum(r["skOpen"] for r in rows)
        # in whole percents, cut off: half of one is missing in the mean
        return {"connections/s": conns / len(rows), CYCLES: sum(r["cpuUsage"] + 0.5 for r in rows) / 100 * tsc_hz.hz / conns,
                "packets/connection": sum(r["pktRx"] + r["pktTx"] for r in rows) / conns}

    def at(self, ours, rate):
        client, text = self.trial(ours, rate, self.o.seconds)
        rows = [r for r in per_second(client) if r["skOpen"] >= rate * 0.95]
        part = lost(rows) if rows else 1
        r = {"at ease": float(part < EASE), "lost or repeated %": part * 100}
        if part < EASE:
            try:
                r.update(self.cost(ours, text, rate * 0.95))
            except Failed:
                r["at ease"] = 0.0
        if not r["at ease"]:
            say("   %s server is not at its ease at %.3g M/s: %.2g %% lost or repeated, %d seconds of the full rate" %
                (name(ours), rate / 1e6, part * 100, len(rows)))
        return r


def name(ours):
    return "tern" if ours else "dperf"


def dperf(o, memif_server, tern_cost):
    may_use_memif(o)
    c = Comparison(o, memif_server, tern_cost)
    say("\n== dperf: what each server carries without loss")
    most = {ours: c.carries(ours) for ours in (False, True)}
    rates = [("%g of what both carry" % s, int(min(most.values()) * s) // 1000 * 1000) for s in SHARES]
    for rate in o.rates:
        for ours in most:
            if most[ours] < rate:
                say("   %s server does not carry %g M/s, so that is not compared" % (name(ours), rate / 1e6))
        if rate <= min(most.values()):
            rates.append(("%g M/s" % (rate / 1e6), rate))
    vs, ratios = [], []
    for label, rate in rates:
        vs += [Variant("%s server, %s" % (name(ours), label), lambda ours=ours, rate=rate: c.at(ours, rate)) for ours in most]
        ratios.append(("cycles at the server, dperf / tern, " + label, CYCLES, "dperf server, " + label, "tern server, " + label))
    yield Benchmark("dperf", "dperf as the client over net_memif, 6 packets; without loss dperf's server carries %.3gM/s, tern's %.3gM/s" %
                    (most[False] / 1e6, most[True] / 1e6), CYCLES, vs, ratios)
