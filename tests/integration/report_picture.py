#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a browser makes of the page of tern report.

report_picture.py measure PAGE.html         the page with a script behind it, which writes down where things are
report_picture.py check DOM.html PAGE.png   DOM.html is what that script left, PAGE.png the picture of the page without it
Every line is where its points say and nothing of its colour elsewhere; words and legends are there, and none lies over another.
"""
import html
import json
import re
import sys
from pathlib import Path

MEASURE = """<script>
const at = e => { const r = e.getBoundingClientRect(); return [r.left + scrollX, r.top + scrollY, r.right + scrollX, r.bottom + scrollY]; };
const all = (e, what) => Array.from(e.querySelectorAll(what));
const page = {width: document.documentElement.clientWidth, height: document.documentElement.scrollHeight,
  blocks: all(document, 'h1, body > table, h2, svg, .legend, section > table, pre').map(e => ({name: e.tagName, at: at(e)})),
  charts: all(document, 'section').filter(s => s.querySelector('svg')).map(s => ({title: s.querySelector('h2').textContent,
    at: at(s.querySelector('svg')), texts: all(s, 'text').map(t => ({name: t.textContent, at: at(t)})),
    legend: all(s, '.legend span').map(t => ({name: t.textContent, at: at(t), colour: getComputedStyle(t).borderLeftColor})),
    lines: all(s, 'polyline').map(l => ({name: l.dataset.label, colour: getComputedStyle(l).stroke,
      points: l.getAttribute('points').split(' ').map(p => p.split(',').map(Number))}))}))};
const out = document.createElement('pre');
out.id = 'measured';
out.textContent = JSON.stringify(page);
document.body.replaceChildren(out);
</script>"""
WIDTH = 860  # of a chart's own units
NEAR = 3     # pixels: what smoothing makes of a line
GAP = 5      # pixels: from a line's end that falls into a gap to its last dash, and what smoothing makes of that
SHARES = [i / 8 for i in range(9)]
bad = []


def rgb(text):
    return tuple(map(int, re.findall(r"\d+", text)[:3]))


def is_of(pixel, colour):
    """At least half of the colour, the rest white: lines are smoothed."""
    return any(all(abs(p - (255 + (c - 255) * share)) <= 24 for p, c in zip(pixel, colour)) for share in (1, 0.85, 0.7, 0.55))


def is_under(pixel, colour, other):
    """At least half of the two, the rest white: smoothed lines of two colours that lie over each other mix."""
    for mine, over in ((m, o) for o in SHARES for m in SHARES if m + o - m * o >= 0.5):
        below = [255 + (c - 255) * mine for c in colour]
        if all(abs(p - (b + (o - b) * over)) <= 24 for p, b, o in zip(pixel, below, other)):
            return True
    return False


def overlaps(things, what):
    for i, a in enumerate(things):
        for b in things[:i]:
            (l, t, r, u), (l2, t2, r2, u2) = a["at"], b["at"]
            if min(r, r2) - max(l, l2) > 1 and min(u, u2) - max(t, t2) > 1:
                bad.append("%s: '%s' lies over '%s'" % (what, a["name"], b["name"]))


def check_line(picture, place, line, later, title):
    """Is it where its points are? There may be a line over it that is drawn later."""
    colour = rgb(line["colour"])
    others = {colour} | {rgb(o["colour"]) for o in later}
    for point in line["points"]:
        x, y = map(round, place(point))
        around = {picture.getpixel((i, k)) for i in range(x - GAP, x + GAP + 1) for k in range(y - GAP, y + GAP + 1)}
        if not any(is_under(p, colour, o) for p in around for o in others):
            bad.append("%s: '%s' is not drawn at %d, %d" % (title, line["name"], x, y))
            return


def heights(points, x, slack):
    """Where the line may be in the columns next to x."""
    for (x0, y0), (x1, y1) in zip(points, points[1:] or points):
        if min(x0, x1) - slack <= x <= max(x0, x1) + slack:
            at = [y0, y1] if x1 - x0 < 2 * slack else [y0 + (y1 - y0) * (min(max(i, x0), x1) - x0) / (x1 - x0) for i in (x - slack, x + slack)]
            yield min(at) - slack, max(at) + slack


def check_chart(picture, c):
    left, top, right, bottom = c["at"]
    scale = (right - left) / WIDTH

    def place(p):
        return left + p[0] * scale, top + p[1] * scale

    lines = [dict(l, pixels=[place(p) for p in l["points"]]) for l in c["lines"]]
    for i, line in enumerate(lines):
        check_line(picture, place, line, lines[i + 1:], c["title"])
    for x in range(round(left) + 80, round(right) - 12, 17):  # right of the axis' words
        for y in range(round(top) + 1, round(bottom) - 20):
            pixel = picture.getpixel((x, y))
            for colour in {l["colour"] for l in lines}:
                mine = [l["pixels"] for l in lines if l["colour"] == colour]
                if is_of(pixel, rgb(colour)) and not any(a <= y <= b for p in mine for a, b in heights(p, x, NEAR)):
                    bad.append("%s: %s at %d, %d, where no line of that colour is" % (c["title"], colour, x, y))
                    return
    overlaps(c["texts"], c["title"])
    if {t["name"] for t in c["legend"]} != {l["name"] for l in lines}:
        bad.append("%s: the legend has %s" % (c["title"], [t["name"] for t in c["legend"]]))
    for t in c["legend"]:
        l, up, r, low = map(round, t["at"])
        if not any(is_of(picture.getpixel((x, y)), rgb(t["colour"])) for x in range(l, l + 14) for y in range(up, low)):
            bad.append("%s: the legend's '%s' has no colour" % (c["title"], t["name"]))
        if not any(max(picture.getpixel((x, y))) < 110 for x in range(l + 16, r) for y in range(up, low)):
            bad.append("%s: the legend's '%s' has no words" % (c["title"], t["name"]))
    for t in c["texts"]:
        l, up, r, low = map(round, t["at"])
        if l < left - 1 or r > right + 1 or up < top - 1 or low > bottom + 1 or l >= r:
            bad.append("%s: '%s' is cut off" % (c["title"], t["name"]))
        elif not any(max(picture.getpixel((x, y))) < 170 for x in range(l, r) for y in range(up, low)):
            bad.append("%s: '%s' is not to be seen" % (c["title"], t["name"]))


def check(dom, png):
    from PIL import Image
    page = json.loads(html.unescape(re.search(r'<pre id="measured">(.*?)</pre>', Path(dom).read_text(), re.S)[1]))
    picture = Image.open(png).convert("RGB")
    if picture.width < page["width"] or picture.height < page["height"]:
        return ["the picture has %s, the page %d, %d" % (picture.size, page["width"], page["height"])]
    if len(page["charts"]) < 8:
        bad.append("%d charts" % len(page["charts"]))
    overlaps(page["blocks"], "the page")
    for c in page["charts"]:
        overlaps(c["legend"], c["title"])
        check_chart(picture, c)
    return bad


if __name__ == "__main__":
    if sys.argv[1] == "measure":
        print(Path(sys.argv[2]).read_text().replace("</body>", MEASURE + "</body>"))
    else:
        sys.exit("\n".join(check(*sys.argv[2:])) or 0)
