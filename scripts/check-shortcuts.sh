#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# check-shortcuts.sh: shortcuts (lib/base/usual.h) change nothing but the speed. The unit suites of a build without any pass (with
# -Dchecks=true, so that this is built and run, too), and the simulation makes the same frames at the same times, and counts the same,
# with and without: seed by seed, 1 to SEEDS (200), each of CONNS (200) connections; its invariants are left to the suites. First
# proves that a bit of one frame would be noticed. Build directories: build-test, build-plain.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
. scripts/lib.sh
lib_init

SEEDS=${SEEDS:-200}
CONNS=${CONNS:-200}
# What a program links, how long a server is starved: nothing of shortcuts; and what takes long, or long to build.
OTHER='shared|abi_.*|symbols|starve_.*|attack.*|stress_.*|fuzz_.*|fail.*'
mapfile -t cpus < <(allowed_cpus)

sim() { # OUT DIR CPU SEEDS OPTIONS...: into OUT a line for each seed, its number and its hash
	local out=$1 dir=$2 cpu=$3 seeds=$4
	shift 4
	"$dir/tests/sim/sim" --seeds "$seeds" --conns "$CONNS" --cpu "$cpu" --unchecked "$@" >"$out.log" || { grep TERN_SEED "$out.log"; return 1; }
	sed -nE 's/^seed ([0-9]+):.* hash ([0-9a-f]{16}):.*/\1 \2/p' "$out.log" >"$out"
}

equal() { # WITH WITHOUT SEEDS: says in how many seeds the hashes are equal, or which is the first where they are not
	paste -d ' ' "$1" "$2" | awk -v want="$3" -v conns="$CONNS" '
		$1 != $3 || $2 != $4 || NF != 4 {
			print "seed " $1 ": " $2 " with shortcuts, " $4 " without; " n + 0 " seeds before it are equal. Where they part:"
			print "  diff <(build-test/tests/sim/sim --seed " $1 " --conns " conns " --frames) <(build-plain/tests/sim/sim --seed " $1 " --conns " conns " --frames) | head -3"
			bad = 1
			exit
		}
		{ n++ }
		END {
			if (!bad)
				print n + 0 " of " want " seeds: the same frames, times and counters with and without shortcuts"
			exit bad || n != want
		}'
}

self_check() {
	local a=$LIB_TMP/self b=$LIB_TMP/flip
	sim "$a" build-test "${cpus[0]}" 2
	sim "$b" build-test "${cpus[0]}" 2 --flip 500
	equal "$a" "$a" 2 >/dev/null || die "check-shortcuts: equal hashes were not found equal"
	! equal "$a" "$b" 2 >/dev/null || die "check-shortcuts: a flipped bit of a frame was not noticed"
	! equal "$a" "$a" 3 >/dev/null || die "check-shortcuts: a missing seed was not noticed"
}

meson_setup build-test -Dtests=enabled
ninja_quiet build-test tests/sim/sim
# quick to build: what is asked is whether it is right
meson_setup build-plain -Dtests=enabled -Dshortcuts=false -Dchecks=true -Doptimization=1 -Ddebug=false
suites=$(meson_tests build-plain "$OTHER")
# shellcheck disable=SC2086
ninja_quiet build-plain ${suites#* -- }
self_check
# the simulation of the suites is short: the long one follows
# shellcheck disable=SC2086
SIM_CONNS=60 meson test -C build-plain --no-rebuild --print-errorlogs ${suites% -- *} >"$LIB_TMP/unit.log" || { tail -60 "$LIB_TMP/unit.log"; die "without shortcuts"; }
awk '/^Ok:/ { print "without shortcuts: " $2 " test programs pass" }' "$LIB_TMP/unit.log"
sim "$LIB_TMP/with" build-test "${cpus[0]}" "$SEEDS" &
LIB_PIDS+=($!)
sim "$LIB_TMP/without" build-plain "${cpus[-1]}" "$SEEDS" || die "the simulation fails without shortcuts"
wait "${LIB_PIDS[0]}" || die "the simulation fails with shortcuts"
LIB_PIDS=()
equal "$LIB_TMP/with" "$LIB_TMP/without" "$SEEDS"
