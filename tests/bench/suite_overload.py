# SPDX-License-Identifier: BSD-3-Clause
"""More is offered than the server can do: connections at a rate, whatever became of those before (an open loop), over net_memif. The server
computes for some time before each answer, so the client's core is not what is full."""
import re

from harness import Benchmark, Skip, Variant, free_hugepages, netns, numbers

N = r"([\d.]+)"
WORK_US = 5
CLIENT_CONNS = 131072
FACTORS = (0.5, 1, 1.5, 2, 4)
DONE = "connections/s that were done"


def overload(o, memif_server, memif_client):
    if free_hugepages() < 2 * 258:
        raise Skip("two processes need 516 free huge pages of 2 MB (scripts/setup.sh hugepages 1024)")
    most = {}  # server's connections: what it did with 256 at a time

    def pair(server_conns, *load):
        ns = netns("overload")
        server = memif_server(o, ns, "--work-us", str(WORK_US), "--max-conns", str(server_conns), "--packets", "8",
                              "--max-timewait", "1")
        seconds = o.seconds + 2
        client, text = memif_client(o, ns, server, seconds, "--max-conns", str(CLIENT_CONNS), "--packets", "8", "--drain-ms", "100", *load)
        r = numbers(r"client: %s connections opened, %s established, %s done" % (N, N, N), client, ["offered/s", "established/s", DONE])
        r = {k: v / seconds for k, v in r.items()}
        r.update(numbers(r"request to response: half within %s us, 99 %% within %s us" % (N, N), client, ["p50 us", "p99 us"]))
        r["SYNs dropped"] = sum(float(n) for n in re.findall(r"(?:TernConnPoolEmpty|TcpExtTCPReqQFullDrop|TcpExtListenDrops) +(\d+)", text))
        return r

    def capacity(conns):
        if conns not in most:
            most[conns] = pair(conns, "--concurrency", "256")
        return most[conns]

    def offered(conns, factor):
        rate = int(capacity(conns)[DONE] * factor)
        return pair(conns, "--cps", str(rate), "--concurrency", str(CLIENT_CONNS))
    for conns in (4096, CLIENT_CONNS):
        vs = [Variant("256 at a time", lambda c=conns: capacity(c))]
        vs += [Variant("%g times as many" % f, lambda c=conns, f=f: offered(c, f)) for f in FACTORS]
        yield Benchmark("overload-%u" % conns, "connections at a rate to a server that computes %u us for each and has room for %u" %
                        (WORK_US, conns), DONE, vs, [
                            ("done at %g times / 256 at a time" % f, DONE, "%g times as many" % f, "256 at a time") for f in FACTORS])
