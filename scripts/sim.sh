#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# sim.sh [SEEDS [CONNECTIONS]]: the simulation over many seeds, 1000 of 200 connections without arguments. Needs neither root
# nor a device. A failing seed is printed; TERN_SEED=N replays it (with the same number of connections).
set -euo pipefail
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build-test}
[ -f "$BUILD/build.ninja" ] || meson setup "$BUILD" -Dtests=enabled >/dev/null
ninja -C "$BUILD" tests/sim/sim >/dev/null
exec "$BUILD/tests/sim/sim" --seeds "${1:-1000}" --conns "${2:-200}"
