# SPDX-License-Identifier: BSD-3-Clause
"""ladder.py DRAWN.svg KEPT.svg: the picture is one, and that of docs/ says the same: words, packets, states; not the times."""
import re
import sys
import xml.etree.ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"


def said(path):
    words, wires, bars = [], 0, 0
    for e in ET.parse(path).getroot().iter():
        if e.tag == SVG + "text" and e.get("class") != "at":
            words.append(re.sub(r" \(.*", "", "".join(e.itertext())))  # a timer's rest
        wires += e.get("class") == "wire"
        bars += e.tag == SVG + "rect"
    return words, wires, bars


drawn, kept = said(sys.argv[1]), said(sys.argv[2])
if drawn[1] < 2 or drawn[2] < 5 or len(drawn[0]) < 8:
    sys.exit("%s has %d words, %d packets and %d bars" % (sys.argv[1], len(drawn[0]), drawn[1], drawn[2]))
if drawn != kept:
    odd = [p for p in zip(drawn[0], kept[0]) if p[0] != p[1]]
    sys.exit("%s is not what is drawn now: %s" % (sys.argv[2], odd[0] if odd else (drawn[1:], kept[1:])))
