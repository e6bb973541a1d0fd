#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Everything CI runs, in under 30 minutes on two cores: unit tests plain, without shortcuts, and under ASan and UBSan, the
# checkers, the examples built against the installed library, the integration tests and, beside them, libFuzzer. "test.sh unit" stops
# before these, of which the first need root. Build directories: build-test, build-plain, build-asan, build-fuzz. The last line is the
# integration suite's.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
lib_init

unit_tests() { # DIR TEST...
	local log=$LIB_TMP/unit.log
	meson test -C "$1" --no-rebuild --print-errorlogs "${@:2}" >"$log" || {
		grep -Ev '[0-9] (OK|EXPECTEDFAIL) ' "$log"
		die "unit tests of $1"
	}
	tail -40 "$log"
	# CUnit's own count, over all programs of the directory
	awk '/^ +asserts/ { n += $2; failed += $5 } END { printf "CUnit: %d asserts, %d failed\n", n, failed }' \
		"$1/meson-logs/testlog.txt"
	awk '/^(sim: [0-9]+ )?invariants(: [0-9]+)?, checked/ { if ($1 == "sim:") { n = $2; sim = $5 } else { n = $2 + 0; sum += $4 } }
		END { printf "invariants: %d, checked %.0f times in the simulation and %.0f times in unit tests\n", n, sim, sum }' \
		"$1/meson-logs/testlog.txt"
}

# The library as a stranger sees it: headers and .pc file of a temporary prefix, nothing of the checkout.
examples() {
	local prefix=$PWD/build-test/prefix pc
	meson install -C build-test --no-rebuild >"$LIB_TMP/install.log" || { cat "$LIB_TMP/install.log"; die "meson install"; }
	pc=$(dirname "$(find "$prefix" -name libtern.pc)")
	for f in app/examples/*.c; do
		[ -e "$f" ] || die "no examples"
		# word splitting of the flags is wanted
		PKG_CONFIG_PATH=$pc sh -c 'gcc -Wall -Wextra -Werror -Wno-unused-parameter -O2 -o "$1" "$2" \
			$(pkg-config --cflags libtern) $(pkg-config --libs libtern)' - "$LIB_TMP/$(basename "$f" .c)" "$f"
		say "built $f against the installed library"
	done
}

# What runs beside the rest, with the time that it leaves; a group of its own, which ends with this script.
beside() { # NAME SECONDS COMMAND...
	nice -n 19 timeout "$2" "${@:3}" >"$LIB_TMP/$1.log" 2>&1 &
	LIB_PIDS+=($!)
	BESIDE[$1]=$!
}

declare -A BESIDE
joined() { # NAME: its output, or the end
	local i
	wait "${BESIDE[$1]}" || { cat "$LIB_TMP/$1.log"; die "$1"; }
	for i in "${!LIB_PIDS[@]}"; do [ "${LIB_PIDS[i]}" != "${BESIDE[$1]}" ] || unset "LIB_PIDS[i]"; done
	cat "$LIB_TMP/$1.log"
}

say "== layers"
scripts/check-layers.sh
scripts/check-size.py
scripts/check-security.sh
say "== build and unit tests"
meson_setup build-test --prefix "$PWD/build-test/prefix" -Dtests=enabled
suites=$(meson_tests build-test 'fail.*' all) # those with sanitizers only
# shellcheck disable=SC2086
ninja_quiet build-test ${suites#* -- }
scripts/check-calls.py build-test
scripts/check-static.sh --self-test
beside check-static.sh 1200 scripts/check-static.sh
# shellcheck disable=SC2086
unit_tests build-test ${suites% -- *}
say "== shortcuts"
scripts/check-shortcuts.sh
say "== requirements"
scripts/check-requirements.py build-test/meson-logs/testlog.txt
# gcc warns of things it only imagines when it instruments: no -Werror here
say "== unit tests under AddressSanitizer and UndefinedBehaviorSanitizer"
meson_setup build-asan -Dtests=enabled -Dwerror=false -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false
ninja_quiet build-asan meson-test-prereq
# DPDK keeps its memory until exit, which is no leak; anything else ends the program.
# The simulation was whole before: a short one shows what a sanitizer sees.
SIM_CONNS=60 ASAN_OPTIONS=detect_leaks=0:abort_on_error=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 unit_tests build-asan
say "== examples"
examples
say "== static analysis"
joined check-static.sh
[ "${1:-}" = unit ] && exit 0
say "== integration"
meson_setup build --buildtype=release -Db_lto=true -Dtests=disabled # what demo.sh and bench.sh run
ninja_quiet build
beside fuzz.sh 1500 env FUZZ_JOBS=2 scripts/fuzz.sh # a minute of each target
BUILD=$PWD/build-test tests/integration/run.sh | tee "$LIB_TMP/integration.log"
say "== fuzzing"
joined fuzz.sh
tail -1 "$LIB_TMP/integration.log"
