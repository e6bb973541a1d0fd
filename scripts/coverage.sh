#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# coverage.sh [-v|-t]: line coverage of lib/ by the unit tests, the failed allocations and the fuzz targets (their corpus, and the random
# inputs that are tests), a line for each file, the worst first; -v: with the numbers of the lines that nothing reached; -t: as the table of
# docs/security.md. Needs neither root nor a device. The build directory is build-cov; COVERAGE_MIN and COVERAGE_MIN_FILE (0) are what all
# together, and each file, must have, in percent.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
lib_init

[ -z "$(missing gcov python3)" ] || die "$(missing gcov python3)is missing: run scripts/setup.sh"
[ -f build-cov/build.ninja ] || meson setup build-cov -Dtests=enabled -Db_coverage=true -Doptimization=0 -Dwerror=false >"$LIB_TMP/setup.log" ||
	{ cat "$LIB_TMP/setup.log"; die "meson setup build-cov"; }
ninja -C build-cov all tests/fail/fail tests/fail/fail_start >"$LIB_TMP/ninja.log" || { tail -40 "$LIB_TMP/ninja.log"; die "ninja -C build-cov"; }
find build-cov -name '*.gcda' -delete
# unit tests, failed allocations and fuzzing, not what has scripts, many seeds or a server of its own
mapfile -t tests < <(meson test -C build-cov --no-rebuild --list 2>/dev/null | sed 's/.* //' |
	grep -vxE 'sim|pd_.*|starve_.*|symbols|check_.*|shared')
meson test -C build-cov --no-rebuild --timeout-multiplier 10 "${tests[@]}" >"$LIB_TMP/test.log" ||
	{ tail -40 "$LIB_TMP/test.log"; die "a test failed: its counts would be missing"; }
# it asks how fast the library is and where its variables lie, too, which is not what it was before: here only what it reaches counts
meson test -C build-cov --no-rebuild shared >"$LIB_TMP/test.log" || true

find build-cov -name '*.gcda' | grep -E 'tern_all|terncheck|fail_lib|fail_check' >"$LIB_TMP/files" || die "nothing was counted"
python3 - "$LIB_TMP/files" "${1:-}" "${COVERAGE_MIN:-0}" "${COVERAGE_MIN_FILE:-0}" <<'EOF'
import collections, json, os, subprocess, sys

names = open(sys.argv[1]).read().split()
lines = collections.defaultdict(lambda: collections.defaultdict(int))
for name in names:
    # of the directory that the compiler ran in, from which the sources are named
    out = subprocess.run(["gcov", "--json-format", "--stdout", os.path.relpath(name, "build-cov")], cwd="build-cov",
                         capture_output=True, text=True, check=True).stdout
    for one in filter(None, out.splitlines()):
        for f in json.loads(one)["files"]:
            path = os.path.relpath(os.path.normpath(os.path.join("build-cov", f["file"])))
            if path.startswith("lib/"):
                for l in f["lines"]:
                    lines[path][l["line_number"]] += l["count"]

def ranges(missed):
    out = []
    for n in missed:
        if out and n == out[-1][1] + 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return " ".join(f"{a}-{b}" if a != b else f"{a}" for a, b in out)

rows = sorted((100 * sum(map(bool, l.values())) / len(l), path) for path, l in lines.items())
total = sum(len(l) for l in lines.values())
hit = sum(sum(map(bool, l.values())) for l in lines.values())
if sys.argv[2] == "-t":
    short = lambda p: p.removeprefix("lib/")
    print(", ".join(f"{short(path)} {percent:.1f}" for percent, path in rows if percent < 100))
    print("\n100:", ", ".join(sorted(short(path) for percent, path in rows if percent == 100)))
for percent, path in rows if sys.argv[2] != "-t" else []:
    l = lines[path]
    print(f"{percent:6.1f} % of {len(l):5} lines  {path}")
    if sys.argv[2] == "-v" and percent < 100:
        print("        not reached:", ranges(sorted(n for n, c in l.items() if not c)))
low = [path for percent, path in rows if percent < float(sys.argv[4])]
print(f"coverage of lib/: {100 * hit / total:.1f} % of {total} lines, {sum(p < 95 for p, _ in rows)} of {len(rows)} files below 95 %")
if low:
    print("below", sys.argv[4], "%:", *low)
sys.exit(100 * hit / total < float(sys.argv[3]) or bool(low))
EOF
