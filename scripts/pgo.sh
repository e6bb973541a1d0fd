#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# pgo.sh [DIRECTORY]: a release build in build-pgo/ or DIRECTORY, compiled with a profile of itself: built with counters, run
# under the loads of the benchmarks (no huge pages, no root), built again with what they counted. Then
# BUILD=build-pgo scripts/bench.sh ... measures it. Options for meson go to MESON_ARGS (-Dmarch=native).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
lib_init

DIR=${1:-build-pgo}
mapfile -t cpus < <(allowed_cpus)
[ "${#cpus[@]}" -ge 2 ] || die "two cores are needed, one for each end"

compile() {
	ninja -C "$DIR" app/tern >"$LIB_TMP/log" 2>&1 || { tail -20 "$LIB_TMP/log"; die "the build failed"; }
}

train() { # LCORES OPTIONS...
	timeout 60 "$DIR/app/tern" --no-huge --no-shconf -m 1024 --no-pci --no-telemetry --log-level=lib.eal:error -l "$1" -- \
		--role bench --duration 1 --stats-interval 0 --ring-size 4096 --max-timewait 200000 "${@:2}" >"$LIB_TMP/log" 2>&1 ||
		{ tail -20 "$LIB_TMP/log"; die "the load ${*:2} failed"; }
}

short=("${cpus[0]}" --one-lcore --concurrency 512)
rm -rf "$DIR"
# werror: what was never run has no profile
# shellcheck disable=SC2086 # several arguments
meson setup "$DIR" --buildtype=release -Db_lto=true -Dtests=disabled -Dwerror=false -Db_pgo=generate ${MESON_ARGS:-} \
	>"$LIB_TMP/log" || { tail -20 "$LIB_TMP/log"; die "the set-up failed"; }
compile
for packets in 8 7 6; do train "${short[@]}" --packets $packets; done
train "${short[@]}" --packets 6 --no-timestamps
train "${short[@]}" --packets 8 --bench-ipv6
train "${short[@]}" --requests-per-conn 1000000
train "${cpus[0]}" --one-lcore --concurrency 1 --requests-per-conn 1000000 --response-size 1048576
train "${cpus[0]},${cpus[1]}" --concurrency 1 --cps 1 --syn-flood 100000000 --syn-cookies always
meson configure "$DIR" -Db_pgo=use
compile
say "pgo: $DIR/app/tern"
