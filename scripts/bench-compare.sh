#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# bench-compare.sh            instructions of a connection, now, beside the last rows of docs/perf-history.csv
# bench-compare.sh --record   and add them there as a row
# Instructions are counted by valgrind (callgrind) in virtual time, so they are the same however busy the machine is;
# tests/bench/insn.c runs N connections and then 2 N: the difference is without start and end. It reports and does not
# judge.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
. scripts/lib.sh
lib_init

HISTORY=docs/perf-history.csv
N=3000
BUILD=${BUILD:-build}

[ -z "$(missing valgrind)" ] || die "valgrind is missing: apt-get install valgrind"
[ -f "$BUILD/build.ninja" ] || meson setup "$BUILD" --buildtype=release -Db_lto=true -Dtests=disabled >/dev/null
ninja -C "$BUILD" bench-tools >"$LIB_TMP/ninja.log" || { tail -20 "$LIB_TMP/ninja.log"; die "the build failed"; }

instructions() { # CONNECTIONS PACKETS server|client
	timeout 200 valgrind --tool=callgrind --callgrind-out-file="$LIB_TMP/callgrind" --collect-atstart=no \
		--toggle-collect="$3_turn" "$BUILD/tests/bench/insn" --no-huge --no-shconf -m 128 --no-pci --no-telemetry \
		--log-level=lib.eal:error -l "$(allowed_cpus | sed -n 1p)" -- "$1" "$2" >"$LIB_TMP/run" 2>&1 ||
		{ tail -20 "$LIB_TMP/run" >&2; die "the run failed"; }
	awk '/Collected/ { print $4 }' "$LIB_TMP/run"
}

per_connection() { # PACKETS server|client
	local once twice
	once=$(instructions $N "$1" "$2")
	twice=$(instructions $((2 * N)) "$1" "$2")
	echo $(((twice - once) / N))
}

[ -f $HISTORY ] || echo "commit,date,server_8_packets,client_8_packets,server_6_packets,client_6_packets" >$HISTORY
commit=$(git rev-parse --short=10 HEAD)
[ -z "$(git status --porcelain -uno lib)" ] || commit+="+"
row="$commit,$(git log -1 --format=%cs)"
for packets in 8 6; do
	for end in server client; do
		n=$(per_connection $packets $end)
		row+=",$n"
	done
done
say "instructions of a connection: server and client at 8 packets, server and client at 6"
{ tail -n +2 $HISTORY | tail -n 8; echo "$row"; } | awk -F, '{
	printf "%-12s %s", $1, $2
	for (i = 3; i <= 6; i++) {
		printf " %9d", $i
		if (before[i]) printf " %+6.1f%%", 100 * ($i - before[i]) / before[i]; else printf "%8s", ""
		before[i] = $i
	}
	print ""
}'
[ "${1:-}" = --record ] && echo "$row" >>$HISTORY
exit 0
