#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""report.py RUN.json [RUN.jsonl] [RUN.csv]: is it what docs/report.schema.json says, and do its numbers agree with each other?"""
import csv
import json
import pathlib
import sys

SCHEMA = json.loads((pathlib.Path(__file__).parents[2] / "docs/report.schema.json").read_text())
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}


def is_of(v, name):
    return isinstance(v, TYPES[name]) and (name == "boolean" or not isinstance(v, bool))


def check(v, s, at):
    """What of JSON schema the file uses."""
    if "$ref" in s:
        s = SCHEMA["$defs"][s["$ref"].split("/")[-1]]
    known = {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "minimum", "maximum", "description"}
    assert set(s) - {"$schema", "title", "$defs"} <= known, set(s)
    if "type" in s:
        names = s["type"] if isinstance(s["type"], list) else [s["type"]]
        assert any(is_of(v, n) for n in names), f"{at}: {v!r} is no {names}"
    assert v == s.get("const", v) and v in s.get("enum", [v]), f"{at}: {v!r}"
    if is_of(v, "number"):
        assert s.get("minimum", v) <= v <= s.get("maximum", v), f"{at}: {v}"
    if isinstance(v, dict):
        missing = set(s.get("required", [])) - set(v)
        assert not missing, f"{at}: without {missing}"
        rest = s.get("additionalProperties", s.get("properties") is None)
        for k, x in v.items():
            assert rest or k in s["properties"], f"{at}: {k} is not in the schema"
            check(x, s.get("properties", {}).get(k, rest if isinstance(rest, dict) else {}), f"{at}.{k}")
    for i, x in enumerate(v if isinstance(v, list) else []):
        check(x, s.get("items", {}), f"{at}[{i}]")


def agree(doc):
    """Intervals follow each other, and with what was before they add up to the end's."""
    end, at = doc["end"], 0
    for i in doc["intervals"]:
        assert i["from_s"] == at and i["to_s"] >= at, (i["from_s"], at)
        at = i["to_s"]
    assert at == end["settled_s"] and any(i["to_s"] == end["seconds"] for i in doc["intervals"])
    for side in doc["start"]["workers"]:
        e = end[side]
        parts = [i[side] for i in doc["intervals"]]
        assert e["devices"], "no device says whose work the checksums are"
        assert ("agreed" in e) == bool(e["counts"].get("connected")), "what the first connection agreed on"
        for name, n in e["counts"].items():
            assert n == e["before"][name] + sum(p["counts"][name] for p in parts), name
        assert e["failed"] == sum(f["count"] for f in e["failures"].values()) == e["failed_before"] + sum(p["failed"] for p in parts)
        assert len(e["workers_busy"]) == doc["start"]["workers"][side]
        for name, buckets in e["histograms_us"].items():
            t = e["times_us"][name]
            assert t["count"] == sum(n for _, n in buckets) and [u for u, _ in buckets] == sorted(u for u, _ in buckets)
            seen = 0
            for upper, n in buckets:
                seen += n
                if seen >= t["count"] * 0.5:
                    break
            assert t["p50"] == min(upper, t["max"]) and t["max"] <= buckets[-1][0], (name, t)
            assert t["p50"] <= t["p90"] <= t["p99"] <= t["p999"] <= t["p9999"] <= t["max"], t


def main(argv):
    doc = json.loads(pathlib.Path(argv[0]).read_text())
    check(doc, SCHEMA, "report")
    agree(doc)
    for path in argv[1:]:
        text = pathlib.Path(path).read_text()
        if path.endswith(".jsonl"):
            assert [json.loads(line) for line in text.splitlines()] == doc["intervals"], path
            continue
        rows = list(csv.DictReader(text.splitlines()))
        sides = doc["start"]["workers"]
        classes = [c for side in sides for c in doc["end"][side].get("classes", [])]
        assert len(rows) == (len(sides) + len(classes)) * len(doc["intervals"]) and all(None not in r and None not in r.values() for r in rows), path
        for side in sides:
            for c in doc["end"][side].get("classes", []):
                mine = [r for r in rows if r["side"] == side + ":" + c["name"]]
                for name in set(c["counts"]) & set(rows[0]):
                    assert sum(int(r[name]) for r in mine) == c["counts"][name], (c["name"], name)
                assert sum(int(r["failed"]) for r in mine) == sum(c["failures"].values())
            assert sum(int(r["established"]) for r in rows if r["side"] == side) <= doc["end"][side]["established"]
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
