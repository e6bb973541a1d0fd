# SPDX-License-Identifier: BSD-3-Clause
"""Runs benchmarks by name, alternating with their comparisons; see scripts/bench.sh."""
import argparse
import glob
import json
import os
import re
import signal
import sys

import harness
import suites


def section(doc):
    """A benchmark's results as text."""
    m = doc["machine"]
    text = ["### %s: %s" % (doc["name"], doc["title"]), "",
            "%s, %d cores, kernel %s, DPDK %s; commit %s%s, %s; load before %.1f; `%s`" % (
                m["cpu"], m["cores"], m["kernel"], m["dpdk"], m["commit"][:10], "+" if m["changed"] else "",
                m["time"][:10], m["load_before"], doc["command"]), ""]
    metrics = list(dict.fromkeys(x for v in doc["variants"] for r in v["runs"] for x in r))
    text += ["| | " + " | ".join(metrics) + " |", "|---" * (len(metrics) + 1) + "|"]
    for v in doc["variants"]:
        text.append("| " + " | ".join([v["name"]] + [
            harness.spread([r[x] for r in v["runs"] if x in r]) for x in metrics]) + " |")
    text += [""] + ["- %s: **%.3g** (%.3g..%.3g)" % (r["label"], r["median"], min(r["runs"]), max(r["runs"]))
                    for r in doc["ratios"]] + [""] * bool(doc["ratios"])
    text += ["- failed: %s: %s" % (k, v.split("\n")[0]) for k, v in doc["failed"].items()]
    return "\n".join(text) + "\n"


def docs():
    """The results of build/bench/ into docs/performance.md, each in place of its former ones."""
    page = os.path.join(harness.TOP, "docs", "performance.md")
    with open(page) as f:
        before, block, after = re.split(r"(?<=-->\n)(?=###)|(?=<!-- end of results)", f.read())
    old = {re.match(r"### ([\w-]+)", part).group(1): part for part in re.split(r"(?m)^(?=### )", block) if part}
    for path in sorted(glob.glob(os.path.join(harness.OUT, "*.json"))):
        with open(path) as f:
            doc = json.load(f)
        old[doc["name"]] = section(doc)
    with open(page, "w") as f:
        f.write(before + "".join(old.values()) + after)
    return 0


def main():
    p = argparse.ArgumentParser(prog="scripts/bench.sh", description=__doc__)
    p.add_argument("names", nargs="*", metavar="NAME", help="of " + ", ".join(suites.SUITES) + "; none: all of them")
    p.add_argument("--quick", action="store_true", help="one-second runs, twice, and without the largest sizes")
    p.add_argument("--runs", type=int, help="runs of each variant [5; quick: 2]")
    p.add_argument("--seconds", type=int, help="of load in each run [5; quick: 1]")
    p.add_argument("--rates", default=os.environ.get("TERN_BENCH_RATES", "400000,1000000"),
                   help="connections/s of dperf's client [%(default)s]")
    p.add_argument("--docs", action="store_true", help="put the results of build/bench/ into docs/performance.md")
    p.add_argument("--rt", action="store_true", help="real-time priority (chrt -r 50), on a machine that is not quiet")
    p.add_argument("--list", action="store_true", help="the names")
    o = p.parse_args()
    if o.list:
        print("\n".join(suites.SUITES))
        return 0
    if o.docs:
        return docs()
    for name in o.names:
        if name not in suites.SUITES:
            p.error("no benchmark '%s': there are %s" % (name, ", ".join(suites.SUITES)))
    o.runs = o.runs or (2 if o.quick else 5)
    o.seconds = o.seconds or (1 if o.quick else 5)
    o.rates = [int(float(r)) for r in o.rates.split(",")]
    o.timewaits = 3000000 * o.seconds # more than the bare cable could make
    if o.rt:
        harness.prefix[:] = ["chrt", "-r", "50"]
    os.makedirs(harness.OUT, exist_ok=True)
    suites.measure_tsc()
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))
    failed = 0
    try:
        for name in o.names or suites.SUITES:
            try:
                for b in suites.SUITES[name](o):
                    b.measure(o.runs)
                    b.write("scripts/bench.sh " + " ".join(sys.argv[1:]))
                    failed += bool(b.skipped) or not b.variants
            except harness.Skip as e:
                harness.say("\n== %s: skipped: %s" % (name, e))
                failed += name in o.names
            except harness.Failed as e:
                harness.say("\n== %s: failed: %s" % (name, e))
                failed += 1
    except KeyboardInterrupt:
        failed += 1
    finally:
        harness.cleanup()
    harness.say("\nResults and charts: " + os.path.relpath(harness.OUT))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
