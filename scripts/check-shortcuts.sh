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
OTHER='shared|abi_.*|symbols|starve_.*|fuzz_.*' # what a program links, how long a server is starved: nothing of shortcuts; and what takes long
mapfile -t cpus < <(allowed_cpus)

build() { # DIR TARGET OPTIONS...
	local dir=$1 target=$2
	shift 2
	[ -f "$dir/build.ninja" ] || meson setup "$dir" -Dtests=enabled "$@" >"$LIB_TMP/setup.log" || { cat "$LIB_TMP/setup.log"; die "meson setup $dir"; }
	ninja -C "$dir" "$target" >"$LIB_TMP/ninja.log" || { tail -40 "$LIB_TMP/ninja.log"; die "ninja -C $dir"; }
}

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

build build-test tests/sim/sim
# quick to build: what is asked is whether it is right
build build-plain meson-test-prereq -Dshortcuts=false -Dchecks=true -Doptimization=1 -Ddebug=false
self_check
# the simulation of the suites is short: the long one follows
# shellcheck disable=SC2046
SIM_CONNS=60 meson test -C build-plain --no-rebuild --print-errorlogs $(meson test -C build-plain --no-rebuild --list 2>/dev/null | grep -vxE "$OTHER") \
	>"$LIB_TMP/unit.log" || { tail -60 "$LIB_TMP/unit.log"; die "without shortcuts"; }
awk '/^Ok:/ { print "without shortcuts: " $2 " test programs pass" }' "$LIB_TMP/unit.log"
sim "$LIB_TMP/with" build-test "${cpus[0]}" "$SEEDS" &
LIB_PIDS+=($!)
sim "$LIB_TMP/without" build-plain "${cpus[-1]}" "$SEEDS" || die "the simulation fails without shortcuts"
wait "${LIB_PIDS[0]}" || die "the simulation fails with shortcuts"
LIB_PIDS=()
equal "$LIB_TMP/with" "$LIB_TMP/without" "$SEEDS"
