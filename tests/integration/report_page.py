#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""report_page.py PAGE.html RUN.json...: are the runs' points in the page's charts, in the right place?"""
import html.parser
import json
import math
import pathlib
import sys

VOID = {"meta", "br", "path"}


class Page(html.parser.HTMLParser):
    """Charts by their title: {label: (values, pixels)}. Tags must nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.charts, self.title, self.cells = [], {}, None, []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        assert tag not in ("script", "link", "img", "iframe") and not {"src", "href"} & set(a), (tag, a)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "polyline":
            points = [[tuple(map(float, p.split(","))) for p in a[k].split()] for k in ("data-xy", "points")]
            self.charts.setdefault(self.title, {})[a["data-label"]] = points

    def handle_startendtag(self, tag, attrs):
        assert tag == "path", tag

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.title = data
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


def linear_in(pairs):
    """Do pixels follow their values along one line?"""
    (v0, p0), (v1, p1) = min(pairs), max(pairs)
    for v, p in pairs:
        want = p0 + (p1 - p0) * ((v - v0) / (v1 - v0)) if v1 > v0 else p0
        assert abs(p - want) <= 0.11, (v, p, want)


def close(got, want):
    assert len(got) == len(want), (len(got), len(want))
    for g, w in zip(got, want):
        assert all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in zip(g, w)), (g, w)


def spectrum(buckets):
    count, seen, want = sum(n for _, n in buckets), 0, []
    for upper, n in buckets:
        want.append((seen / count, upper))
        seen += n
    return want + [(1 - 0.5 / count, buckets[-1][0])]


def main(page, *paths):
    p = Page(pathlib.Path(page).read_text())
    for path in paths:
        doc, name = json.loads(pathlib.Path(path).read_text()), pathlib.Path(path).name
        load = [i for i in doc["intervals"] if not i["settling"]]
        for title, key in ("connections a second", "established_per_s"), ("open connections", "open"), ("busy share", "busy"):
            values, pixels = p.charts[title][name]
            close(values, [(i["to_s"], i["client"][key]) for i in load])
            linear_in([(v[0], q[0]) for v, q in zip(values, pixels)])
            linear_in([(v[1], q[1]) for v, q in zip(values, pixels)])
        for label, key in ("half-open", "half_open"), ("waiting for accept", "accept_queued"), ("TIME-WAIT", "time_wait"):
            close(p.charts["half-open, waiting for accept, TIME-WAIT"][f"{name} {label}"][0], [(i["to_s"], i["client"][key]) for i in load])
        times = [i for i in load if "response" in i["client"]["times_us"]]
        for key in ("p50", "p99", "max"):
            values, pixels = p.charts["response: percentiles of each interval"][f"{name} {key}"]
            close(values, [(i["to_s"], i["client"]["times_us"]["response"][key]) for i in times])
            linear_in([(math.log10(max(v[1], 1)), q[1]) for v, q in zip(values, pixels)])
        for which, title, label in (("response", "response", name), ("response_sent", "response", name + " as sent"),
                                    ("whole_sent", "whole", name + " as sent")):
            if which not in doc["end"]["client"]["histograms_us"]:
                assert label not in p.charts[title + ": spectrum"]
                continue
            values, pixels = p.charts[title + ": spectrum"][label]
            close(values, spectrum(doc["end"]["client"]["histograms_us"][which]))
            linear_in([(-math.log10(1 - v[0]), q[0]) for v, q in zip(values, pixels)])
            linear_in([(math.log10(max(v[1], 1)), q[1]) for v, q in zip(values, pixels)])
        assert str(doc["end"]["client"]["times_us"]["response"]["p99"]) in p.cells
    assert all(0 <= x <= 860 and 0 <= y <= 260 for c in p.charts.values() for _, px in c.values() for x, y in px)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
