# SPDX-License-Identifier: BSD-3-Clause
"""TLS handshakes of role bench, full and resumed, beside what the server's part of their public-key operations takes by `openssl speed`."""
import re

from harness import CPUS, Benchmark, Failed, Variant, run

RATE = "handshakes/s of the server's core"


def limit(o):
    """A key, a shared secret and a signature: X25519 and ECDSA with P-256, as the server does for each full handshake."""
    text = run(["taskset", "-c", str(CPUS[0]), "openssl", "speed", "-seconds", str(o.seconds), "ecdsap256", "ecdhx25519"], 8 * o.seconds + 30)
    sign = re.search(r"ecdsa \(nistp256\) +\S+s +\S+s +([\d.]+)", text)
    ecdh = re.search(r"ecdh \(X25519\) +\S+s +([\d.]+)", text)
    if not sign or not ecdh:
        raise Failed("openssl speed said:\n" + text[-600:])
    return {RATE: 1 / (2 / float(ecdh.group(1)) + 1 / float(sign.group(1)))}


def tls(o, bench):
    """bench(*options): a run of role bench, parsed."""
    def measured(*args):
        r = bench("--tls", "--concurrency", "64", "--max-timewait", "65536", *args)
        if r["failed"]:
            raise Failed("connections failed")
        return {RATE: r["connections/s"] * 100 / r["server busy %"], "connections/s": r["connections/s"],
                "server cycles/connection": r["server cycles/connection"], "client cycles/connection": r["client cycles/connection"]}
    vs = [Variant("TLS %s, %s" % (v, how), lambda v=v, more=more: measured("--tls-max", v, *more))
          for v in ("1.3", "1.2") for how, more in (("full", []), ("resumed", ["--tls-resume"]))]
    vs += [Variant("openssl speed", lambda: limit(o))]
    yield Benchmark("tls", "TLS connections with a request of 64 bytes over net_ring, an lcore for each end", RATE, vs, [
        ("full, 1.3 / openssl speed", RATE, "TLS 1.3, full", "openssl speed"),
        ("resumed / full, 1.3", RATE, "TLS 1.3, resumed", "TLS 1.3, full"),
        ("resumed / full, 1.2", RATE, "TLS 1.2, resumed", "TLS 1.2, full")])
