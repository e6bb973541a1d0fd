#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# tsan.sh [FRAMES [ROUNDS [SEED]]]: ThreadSanitizer looks at workers on threads of their own, and at the threads that
# may call them: tests/stress [60000 frames, 6 rounds], pinned and not, and the unit tests that start threads. In a build
# of its own, build-tsan, with the rings of DPDK's headers in C11 atomics, which the sanitizer understands (x86-64 has
# them in plain loads, stores and barriers for the compiler). What it is told to pass over: tests/stress/tsan.supp.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
lib_init
FRAMES=${1:-60000}
ROUNDS=${2:-6}
UNIT=(call worker_api)

[ -f build-tsan/build.ninja ] || meson setup build-tsan -Dtests=enabled -Dwerror=false -Doptimization=1 \
	-Db_sanitize=thread -Db_lundef=false -Dc_args=-DRTE_USE_C11_MEM_MODEL >"$LIB_TMP/setup.log" ||
	{ cat "$LIB_TMP/setup.log"; die "meson setup build-tsan"; }
ninja -C build-tsan tests/stress/stress "${UNIT[@]/#/tests/unit/test_}" >"$LIB_TMP/ninja.log" ||
	{ tail -40 "$LIB_TMP/ninja.log"; die "ninja -C build-tsan"; }

# seen NAME COMMAND...: it ends well, and nothing is reported.
seen() {
	local name=$1 log=$LIB_TMP/tsan.log rc=0
	shift
	TSAN_OPTIONS="suppressions=$PWD/tests/stress/tsan.supp history_size=7 exitcode=66" timeout 900 "$@" >"$log" 2>&1 || rc=$?
	[ $rc = 0 ] || { grep -v '^EAL\|^USER1' "$log" | head -200; die "$name: status $rc"; }
	say "tsan: $name: nothing to report"
	grep 'frames:\|asserts' "$log" || :
}
seen "stress pinned" build-tsan/tests/stress/stress '0@0,1@1,2@(0,1)' "$FRAMES" "$ROUNDS" ${3:-}
seen "stress unpinned" build-tsan/tests/stress/stress '(0-2)@(0,1)' "$FRAMES" "$ROUNDS" ${3:-}
for t in "${UNIT[@]}"; do seen "$t" "build-tsan/tests/unit/test_$t"; done
