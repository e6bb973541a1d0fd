#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What tern --metrics served, as prometheus_client reads it.
metrics.py check FILE [LATER]       it is OpenMetrics and says what it means; of two scrapes no counter goes back
metrics.py plain FILE               the same as Prometheus' own text, for promtool check metrics
metrics.py value FILE NAME [L=V]... the sum of the samples with these labels
metrics.py served FILE[,FILE] WHERE... every name in these is served in one of the FILEs; a page may name a histogram as a whole
"""
import math
import re
import sys

from prometheus_client import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families


def families(path):
    with open(path, newline="") as f:
        text = f.read()
    assert text.endswith("\n# EOF\n"), "no # EOF at the end"
    return list(text_string_to_metric_families(text))


def values(path):
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families(path) for s in f.samples}


def check(path, later=None):
    # the parser leaves # HELP as it is: what OpenMetrics wants escaped does not occur
    with open(path, newline="") as f:
        for line in f:
            assert not line.startswith("# HELP") or not re.search(r'["\\]', line), line
    named = set()
    for f in families(path):
        assert f.name.startswith("tern_") and f.name not in named, f.name
        named.add(f.name)
        assert f.documentation.strip(), f"{f.name}: no help"
        assert f.type in ("counter", "gauge", "info", "histogram"), f"{f.name}: {f.type}"
        for word in ("seconds", "bytes"):
            assert f.name.endswith("_" + word) == (f.unit == word), f"{f.name}: unit {f.unit!r}"
        for s in f.samples:
            assert math.isfinite(s.value) and s.value >= 0, s
    assert "tern_drops" in named and len(named) > 100, f"{len(named)} families"
    if later:
        before, after = values(path), values(later)
        counters = [k for k in before if k[0].endswith(("_total", "_bucket", "_count"))]
        assert len(counters) > 100
        for k in counters:
            assert after[k] >= before[k], f"{k}: {before[k]}, then {after[k]}"


def plain(path):
    class Registry:
        collect = staticmethod(lambda: families(path))
    sys.stdout.write(generate_latest(Registry()).decode())


def value(path, name, *labels):
    want = dict(l.split("=", 1) for l in labels)
    found = [v for (n, have), v in values(path).items() if n == name and want.items() <= dict(have).items()]
    assert found, f"no {name} {want}"
    print(f"{sum(found):.15g}")


def served(paths, *where):
    all_of_them = [f for p in paths.split(",") for f in families(p)]
    samples = {s.name for f in all_of_them for s in f.samples}
    for w in where:
        known = samples | ({f.name for f in all_of_them if f.type == "histogram"} if w.endswith(".md") else set())
        with open(w) as f:
            used = set(re.findall(r"\btern_[a-z0-9_]+", f.read()))
        assert used, f"{w}: uses none"
        assert used <= known, f"{w}: not served: {sorted(used - known)}"


if __name__ == "__main__":
    {"check": check, "plain": plain, "value": value, "served": served}[sys.argv[1]](*sys.argv[2:])
