#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# bench.sh [SECONDS] [OPTIONS...]: connections per second of two workers, each on an lcore of its own, joined by an
# in-memory cable (net_ring) in one process; no NIC, no root. OPTIONS go to the program (build/app/tern --help).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

seconds=${1:-10}
shift || true
[ -x build/app/tern ] || die "build/app/tern is missing: meson setup build --buildtype=release && ninja -C build"
[ "$(nproc)" -ge 2 ] || die "two cores are needed, one for each end"
mapfile -t cpus < <(taskset -cp $$ | sed 's/.*: //' | tr , '\n' | awk -F- '{ for (i = $1; i <= ($2 ? $2 : $1); i++) print i }')

# 1 GB of huge pages holds the packet buffers of both ends
mem=(--no-huge --no-shconf -m 1024)
if [ "$(huge_free)" -ge 512 ] && [ "$(id -u)" = 0 ]; then
	mem=(--in-memory -m 1024)
else
	say "bench: too few huge pages, or not root: --no-huge, slower"
fi
exec timeout $((seconds + 60)) build/app/tern "${mem[@]}" --no-pci --no-telemetry --log-level=lib.eal:error \
	-l "${cpus[0]},${cpus[1]}" -- --role bench --duration "$seconds" "$@"
