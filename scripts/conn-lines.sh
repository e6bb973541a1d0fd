#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# conn-lines.sh          the cache lines of struct conn that each kind of segment reads and writes (tests/bench/lines.c)
# conn-lines.sh fields   and, below each, the bytes: offset, and r, w or rw
# conn-lines.sh packets  the lines of everything that a worker has, by what they belong to, and their 4 KB pages
# Counted in virtual time, one connection at a time: the same however busy the machine is.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
. scripts/lib.sh
lib_init

BUILD=${BUILD:-build}

[ -f "$BUILD/build.ninja" ] || meson setup "$BUILD" --buildtype=release -Db_lto=true -Dtests=disabled >/dev/null
ninja -C "$BUILD" tests/bench/lines >"$LIB_TMP/ninja.log" || { tail -20 "$LIB_TMP/ninja.log"; die "the build failed"; }
timeout 60 "$BUILD/tests/bench/lines" --no-huge --no-shconf -m 128 --no-pci --no-telemetry --log-level=lib.eal:error \
	-l "$(allowed_cpus | sed -n 1p)" -- "$@" 2>"$LIB_TMP/err" || { cat "$LIB_TMP/err" >&2; die "the run failed"; }
