#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# bench-compare.sh            instructions of a connection, now, beside the last rows of docs/perf-history.csv
# bench-compare.sh --record   and add them there as a row
# Instructions are counted by valgrind (callgrind) in virtual time, so they are the same however busy the machine is;
# tests/bench/insn.c runs N short connections and then 2 N: the difference is without start and end. tests/bench/held.c
# does so with many open: far, 4,096 of 8 packets; loss, the same and one frame in a hundred is lost; bulkmany, 64 KiB
# on 1,000. It reports and does not judge.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
. scripts/lib.sh
lib_init

HISTORY=docs/perf-history.csv
BUILD=${BUILD:-build}

[ -z "$(missing valgrind)" ] || die "valgrind is missing: apt-get install valgrind"
[ -f "$BUILD/build.ninja" ] || meson setup "$BUILD" --buildtype=release -Db_lto=true -Dtests=disabled >/dev/null
ninja -C "$BUILD" bench-tools >"$LIB_TMP/ninja.log" || { tail -20 "$LIB_TMP/ninja.log"; die "the build failed"; }

instructions() { # server|client PROGRAM ARGUMENT...
	local end=$1 program=$2
	shift 2
	timeout 300 valgrind --tool=callgrind --callgrind-out-file="$LIB_TMP/callgrind" --collect-atstart=no \
		--toggle-collect="${end}_turn" "$BUILD/tests/bench/$program" --no-huge --no-shconf -m 128 --no-pci --no-telemetry \
		--log-level=lib.eal:error -l "$(allowed_cpus | sed -n 1p)" -- "$@" >"$LIB_TMP/run" 2>&1 ||
		{ tail -20 "$LIB_TMP/run" >&2; die "the run failed"; }
	awk '/Collected/ { print $4 }' "$LIB_TMP/run"
}

per_one() { # server|client PROGRAM N ARGUMENT...: of one more than N
	local end=$1 program=$2 n=$3 once twice
	shift 3
	once=$(instructions "$end" "$program" "$n" "$@")
	twice=$(instructions "$end" "$program" $((2 * n)) "$@")
	echo $(((twice - once) / n))
}

WHAT=(8_packets 6_packets far loss bulkmany)
declare -A RUN=([8_packets]="insn 3000 8" [6_packets]="insn 3000 6" [far]="held 4000 4096 64 short"
	[loss]="held 4000 4096 64 short lose=10000" [bulkmany]="held 300 1000 65536")
columns=commit,date
for what in "${WHAT[@]}"; do columns+=",server_$what,client_$what"; done
[ -f $HISTORY ] || echo "$columns" >$HISTORY
[ "$(head -1 $HISTORY)" = "$columns" ] || die "$HISTORY has other columns than $columns"
commit=$(git rev-parse --short=10 HEAD)
[ -z "$(git status --porcelain -uno lib)" ] || commit+="+"
row="$commit,$(git log -1 --format=%cs)"
for what in "${WHAT[@]}"; do
	for end in server client; do
		# shellcheck disable=SC2086
		n=$(per_one $end ${RUN[$what]})
		row+=",$n"
	done
done
say "instructions of a connection, or an answer, at server and client: ${WHAT[*]}"
{ tail -n +2 $HISTORY | tail -n 8; echo "$row"; } | awk -F, '{
	printf "%-12s %s", $1, $2
	for (i = 3; i <= NF; i++) {
		printf " %9s", $i
		if ($i && before[i]) printf " %+6.1f%%", 100 * ($i - before[i]) / before[i]; else printf "%8s", ""
		before[i] = $i
	}
	print ""
}'
[ "${1:-}" = --record ] && echo "$row" >>$HISTORY
exit 0
