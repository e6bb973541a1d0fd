# SPDX-License-Identifier: BSD-3-Clause
"""explained.py TABLE.csv DIR: each statement of the table is said in the output of its scene (DIR/SCENE.out), where it
happens: under the packet, call or states whose line has what the column `at` says."""
import csv
import re
import sys
from pathlib import Path


def events(text):
    """(line, what is said below it) of each line that begins with a time."""
    parts = re.split(r"^( *\d+\.\d{3}  .*)\n", text, flags=re.M)
    return [(line, " ".join((line + "\n" + said).split())) for line, said in zip(parts[1::2], parts[2::2])]


missing = 0
for row in csv.DictReader(open(sys.argv[1])):
    said = events((Path(sys.argv[2]) / (row["scene"] + ".out")).read_text())
    if not any(row["at"] in line and row["words"] in words for line, words in said):
        print("statement %(number)s: scene %(scene)s does not say at '%(at)s': %(words)s" % row)
        missing += 1
sys.exit(missing > 0)
