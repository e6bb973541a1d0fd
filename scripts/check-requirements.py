#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""check-requirements.py TESTLOG...: the account of the RFCs' requirements, docs/rfc9293.csv and docs/rfcs.csv, is true.

TESTLOG is meson-logs/testlog.txt of the run to judge. Every row that is implemented or historic names a function that
exists and tests that ran and passed in that log; what MUST or SHOULD be there is there. A test is
  SUITE: NAME              a CUnit test (both its IPv4 and IPv6 suite, if there are two)
  pd_FAMILY: FILE.pkt      a packetdrill script of tests/packetdrill/scripts/FAMILY
  integration: test_NAME   a function of tests/integration; that it exists is all that is checked here
  absent: DIR WORD         WORD occurs in no C file of DIR
Before it judges, the script proves on made-up rows that it can fail.
"""
import csv
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
STATUS = {"implemented", "historic", "not offered"}


def read_logs(paths):
    """(suite, test) -> True if it passed everywhere it ran; meson test name -> result."""
    tests, programs = {}, {}
    for path in paths:
        suite = None
        for line in pathlib.Path(path).read_text(errors="replace").splitlines():
            if m := re.match(r"Suite: (\S+)", line):
                suite = m[1].split("/")[0]
            elif m := re.match(r"  Test: (.*) \.\.\.(.*)$", line):
                key = (suite, m[1])
                last, state = key, m[2]
                # what the test prints stands between its name and the verdict
                tests[key] = tests.get(key, True) and not state.startswith("FAILED")
            elif line.startswith("FAILED") and suite:
                tests[last] = False
            elif m := re.match(r"\s*\d+/\d+ (?:\S+:)?(\S+)\s+(OK|FAIL|TIMEOUT|ERROR|SKIP)", line):
                programs[m[1]] = m[2]
            elif m := re.match(r"test:\s+(?:\S+:)?(\S+)", line):
                name = m[1]
            elif m := re.match(r"result:\s+exit status (\d+)", line):
                programs[name] = "OK" if m[1] == "0" else "FAIL"
    return tests, programs


def check_test(ref, tests, programs):
    """None, or what is wrong with one named test."""
    suite, _, name = ref.partition(": ")
    if suite == "absent":
        place, word = name.split()
        found = [p for p in (TOP / place).rglob("*.[ch]") if word in p.read_text()]
        return f"{word} is in {found[0].relative_to(TOP)}" if found else None
    if suite == "integration":
        for p in (TOP / "tests/integration").glob("test_*.sh"):
            if re.search(rf"^{re.escape(name)}\(\)", p.read_text(), re.M):
                return None
        return f"no function {name} in tests/integration"
    if suite.startswith("pd_"):
        if not (TOP / "tests/packetdrill/scripts" / suite[3:] / name).is_file():
            return f"no script {suite[3:]}/{name}"
        if suite not in programs:
            return f"{suite} did not run"
        return None if programs[suite] == "OK" else f"{suite} failed"
    if (suite, name) not in tests:
        return f"test '{ref}' did not run"
    return None if tests[(suite, name)] else f"test '{ref}' failed"


def check_where(where):
    """None, or what is wrong with FILE:FUNCTION (or a word of a header) below lib/."""
    file, _, word = where.partition(":")
    path = TOP / "lib" / file
    if not path.is_file():
        return f"no file lib/{file}"
    text = path.read_text()
    pattern = rf"\b{re.escape(word)}\b" if file.endswith(".h") else rf"^{re.escape(word)}\("
    return None if re.search(pattern, text, re.M) else f"no {word}() in lib/{file}"


def check_row(row, tests, programs):
    errors = []
    status = row["status"]
    if status not in STATUS:
        return [f"status '{status}'"]
    if status == "not offered":
        return [] if row["level"].startswith("MAY") else [f"{row['level']} but not offered"]
    errors += [e for w in row["where"].split("; ") if (e := check_where(w))]
    refs = [t for t in row["tests"].split("; ") if t]
    if not refs:
        errors.append("no test")
    errors += [e for t in refs if (e := check_test(t, tests, programs))]
    return errors


def self_test():
    """A checker that cannot fail is none."""
    tests, programs = {("data", "RTO"): True, ("data", "bad"): False}, {"pd_close": "FAIL"}
    good = {"level": "MUST", "status": "implemented", "where": "tcp/send.c:tern_send", "tests": "data: RTO"}
    assert check_row(good, tests, programs) == []
    for change in (
        {"tests": "data: no such"}, {"tests": ""}, {"tests": "data: bad"}, {"where": "tcp/tcp.c:no_such"},
        {"where": "none.c:tern_send"}, {"status": "not offered"}, {"status": "open"}, {"tests": "integration: test_no"},
        {"tests": "absent: lib tern_send"}, {"tests": "pd_close: none.pkt"},
    ):
        assert check_row({**good, **change}, tests, programs), change


def main():
    self_test()
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    tests, programs = read_logs(sys.argv[1:])
    bad = 0
    for name in ("rfc9293.csv", "rfcs.csv"):
        path = TOP / "docs" / name
        if not path.exists():
            continue
        rows = list(csv.DictReader(path.open()))
        for row in rows:
            for e in check_row(row, tests, programs):
                print(f"docs/{name}: {row['id']}: {e}")
                bad += 1
        kinds = {s: sum(r["status"] == s for r in rows) for s in sorted(STATUS)}
        print(f"docs/{name}: {len(rows)} rows: " + ", ".join(f"{n} {s}" for s, n in kinds.items()))
    sys.exit(1 if bad else 0)


main()
