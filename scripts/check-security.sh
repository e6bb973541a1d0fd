#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# docs/security.md tells the truth: every bad input B01..B46 and every resource M01.. has a row, every row names a test that its program registers and
# counters that exist, and every program is built.
set -euo pipefail
cd "$(dirname "$0")/.."
bad=0 rows=0
complain() {
	echo "docs/security.md: $*" >&2
	bad=1
}
trim() { sed 's/^ *//; s/ *$//' <<<"$1"; }

while IFS='|' read -r _ row _ _ counters program name _; do
	row=$(trim "$row") program=$(trim "$program") name=$(trim "$name")
	rows=$((rows + 1))
	want=$(printf 'B%02d' "$rows")
	[ "$row" = "$want" ] || complain "row $row where $want should be"
	grep -qF "{\"$name\", test_" "tests/unit/$program.c" || complain "$row: no test \"$name\" in $program"
	grep -qF "'${program#test_}'" tests/unit/meson.build || complain "$row: $program is not built"
	for c in $(grep -oE '\b[A-Z][A-Za-z0-9]{3,}' <<<"$counters" || true); do
		grep -qF "\"$c\"" lib/base/stats.h || complain "$row: no counter $c"
	done
done < <(grep -E '^\| B[0-9]+ ' docs/security.md)

mems=0
while IFS='|' read -r _ row _ _ _ _ counters program name _; do
	row=$(trim "$row") program=$(trim "$program") name=$(trim "$name")
	mems=$((mems + 1))
	[ "$row" = "$(printf 'M%02d' "$mems")" ] || complain "row $row is out of order"
	grep -qF -e "{\"$name\", test_" -e "CU_ADD_TEST(suite, $name);" "tests/unit/$program.c" || complain "$row: no test \"$name\" in $program"
	grep -qF "'${program#test_}'" tests/unit/meson.build || complain "$row: $program is not built"
	for c in $(grep -oE '\b[A-Z][A-Za-z0-9]{3,}' <<<"$counters" || true); do
		grep -qF "\"$c\"" lib/base/stats.h || complain "$row: no counter $c"
	done
done < <(grep -E '^\| M[0-9]+ ' docs/security.md)
[ "$mems" -gt 20 ] || complain "$mems resources"
[ "$rows" = 46 ] || complain "$rows rows, not 46"
[ $bad = 0 ] && echo "docs/security.md: $rows bad inputs and $mems resources, each with its test"
exit $bad
