#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# bench.sh [--quick] [--runs N] [--seconds N] [NAME...]: build a release and run the benchmarks of these names, or all
# (--list), each several times in turn with what it is compared to: median and spread, JSON with every run and an SVG
# chart in build/bench/. See docs/performance.md.
# bench.sh SECONDS [OPTIONS...]: one run of two workers, each on an lcore of its own, joined by an in-memory cable
# (net_ring) in one process; no NIC, no root. OPTIONS go to the program (build/app/tern --help), or to that which TERN names.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

one_run() {
	local seconds=$1 cpus mem tern=${TERN:-build/app/tern}
	shift
	[ -x "$tern" ] || die "$tern is missing: meson setup build --buildtype=release -Db_lto=true && ninja -C build"
	[ "$(nproc)" -ge 2 ] || die "two cores are needed, one for each end"
	mapfile -t cpus < <(allowed_cpus)

	# 1 GB of huge pages holds the packet buffers of both ends
	mem=(--no-huge --no-shconf -m 1024)
	if [ "$(huge_free)" -ge 512 ] && [ "$(id -u)" = 0 ]; then
		mem=(--in-memory -m 1024)
	else
		say "bench: too few huge pages, or not root: --no-huge, slower"
	fi
	exec timeout $((seconds + 60)) "$tern" "${mem[@]}" --no-pci --no-telemetry --log-level=lib.eal:error \
		-l "${cpus[0]},${cpus[1]}" -- --role bench --duration "$seconds" "$@"
}

[[ "${1:-}" =~ ^[0-9]+$ ]] && one_run "$@"
[ "$(nproc)" -ge 2 ] || die "two cores are needed, one for each end"
BUILD=${BUILD:-build}
export BUILD
[ -f "$BUILD/build.ninja" ] || meson setup "$BUILD" --buildtype=release -Db_lto=true -Dtests=disabled >/dev/null
meson introspect --buildoptions "$BUILD" | grep -q '"value": "release"' ||
	die "$BUILD is not a release build: meson configure $BUILD --buildtype=release"
log=$(mktemp)
if ! ninja -C "$BUILD" all bench-tools >"$log" 2>&1; then
	grep -q coverage-mismatch "$log" && rm -f "$log" && die "$BUILD has the profile of other sources: scripts/pgo.sh makes a new one"
	tail -20 "$log"
	rm -f "$log"
	die "the build failed"
fi
rm -f "$log"
if ! command -v gnuplot >/dev/null; then
	{ [ "$(id -u)" = 0 ] && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install gnuplot-nox \
		>/dev/null 2>&1; } || say "bench: no gnuplot, so no charts"
fi
[ "$(id -u)" != 0 ] || netns_sweep
exec python3 tests/bench/bench.py "$@"
