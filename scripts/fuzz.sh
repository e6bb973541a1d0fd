#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# fuzz.sh [all | NAME...]: each target of tests/fuzz for FUZZ_SECONDS (60; 36000 is a night), FUZZ_JOBS (1) at a time, from its corpus in
# the repository and what earlier runs found; CI runs it so beside the integration tests. Needs clang; FUZZ_ENGINE=afl needs afl++ (scripts/setup.sh fuzz).
# Nothing else: no root, no device.
# fuzz.sh merge [NAME...]: what was found since and is worth keeping goes into the repository's corpus.
# fuzz.sh replay NAME FILE: one input with all that it does, from the build that the tests use.
# A fault ends the target that found it, and leaves its input in build-fuzz/found/NAME; it is printed, too, as base64.
# Build directories: build-fuzz (libFuzzer, with ASan and UBSan), build-afl (AFL++).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
lib_init

TARGETS=(stateful frame opt conf http roles engine)
SECONDS_EACH=${FUZZ_SECONDS:-60}
ENGINE=${FUZZ_ENGINE:-libfuzzer}
CORPUS=tests/fuzz/corpus
CORPUS_MAX=80000 CORPUS_FILES=200 # bytes and files of one target in the repository
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:symbolize=1 # DPDK keeps its memory; leaks of ours the targets count
export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1

max_len() { case "$1" in stateful | roles | engine) echo 2048 ;; frame) echo 1024 ;; opt) echo 41 ;; *) echo 4096 ;; esac; }

build() { # DIR COMPILER OPTIONS...: its targets
	local dir=$1 cc=$2 t
	shift 2
	[ -z "$(missing "$cc")" ] || die "$cc is missing: run scripts/setup.sh fuzz"
	[ -f "$dir/build.ninja" ] || CC=$cc meson setup "$dir" -Dfuzz=true -Dtests=enabled -Dwerror=false -Db_lundef=false "$@" \
		>"$LIB_TMP/setup.log" 2>&1 || { cat "$LIB_TMP/setup.log"; die "meson setup $dir"; }
	ninja -C "$dir" $(for t in "${TARGETS[@]}"; do echo "tests/fuzz/fuzz_$t"; done) >"$LIB_TMP/ninja.log" ||
		{ tail -40 "$LIB_TMP/ninja.log"; die "ninja -C $dir"; }
}

# The input that a run found, for who has only what was printed.
tell_found() { # NAME LOG
	local file
	file=$(sed -n 's/^.*Test unit written to //p' "$2" | tail -1)
	[ -f "$file" ] || return 0
	say "fuzz $1: the input is $file; where that is gone, its base64 is"
	say "$(base64 -w 0 "$file")"
	say "fuzz $1: replay it: echo BASE64 | base64 -d >input; scripts/fuzz.sh replay $1 input"
}

by_libfuzzer() { # NAME
	local found=build-fuzz/found/$1 log=build-fuzz/found/$1.log rc=0
	mkdir -p "$found/new"
	# Without entropic power schedule: with so many features per input that takes most of the time. Hangs: an input takes
	# milliseconds, but the clock is the wall's, and CI leaves little time.
	build-fuzz/tests/fuzz/fuzz_"$1" -max_total_time="$SECONDS_EACH" -max_len="$(max_len "$1")" -timeout=120 -entropic=0 \
		-artifact_prefix="$found/" -print_final_stats=1 "$found/new" "$CORPUS/$1" >"$log" 2>&1 || rc=$?
	if [ $rc != 0 ]; then
		say "fuzz $1: a fault"
		grep -E "^FUZZ|runtime error|ERROR:" "$log" || tail -20 "$log"
		tell_found "$1" "$log"
		return 1
	fi
	awk -v name="$1" 'match($0, /cov: [0-9]+/) { cov = substr($0, RSTART + 5, RLENGTH - 5) }
		/number_of_executed_units/ { n = $2 } END { printf "fuzz %s: %d inputs, %d branches: no fault\n", name, n, cov }' "$log"
}

by_afl() { # NAME
	local out=build-afl/found/$1
	mkdir -p "$out"
	env -u ASAN_OPTIONS -u UBSAN_OPTIONS AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_AUTORESUME=1 \
		afl-fuzz -i "$CORPUS/$1" -o "$out" -V "$SECONDS_EACH" -m none -t 5000+ -G "$(max_len "$1")" \
		-- "build-afl/tests/fuzz/fuzz_$1" >"$out.log" 2>&1 || { tail -20 "$out.log"; return 1; }
	awk -F ' *: *' -v name="$1" '{ v[$1] = $2 } END { printf "fuzz %s (afl): %d inputs, %s edges, %d crashes, %d hangs\n", name,
		v["execs_done"], v["edges_found"], v["saved_crashes"], v["saved_hangs"]; exit v["saved_crashes"] + v["saved_hangs"] > 0 }' \
		"$out/default/fuzzer_stats" || { ls "$out/default/crashes" "$out/default/hangs"; return 1; }
}

# The smallest inputs that reach all that the found ones reach; of too many the shortest and, evenly, longer ones.
merge() { # NAME
	local found=build-fuzz/found/$1 all=$LIB_TMP/merged sum=0 n step size f
	rm -rf "$all" && mkdir -p "$all" "$found/new" "$CORPUS/$1"
	build-fuzz/tests/fuzz/fuzz_"$1" -merge=1 -max_len="$(max_len "$1")" "$all" "$CORPUS/$1" "$found/new" >"$LIB_TMP/merge.log" 2>&1 ||
		{ tail -20 "$LIB_TMP/merge.log"; die "merge of $1"; }
	n=$(find "$all" -type f | wc -l)
	step=$(((n + CORPUS_FILES - 1) / CORPUS_FILES))
	rm -f "$CORPUS/$1"/*
	while read -r size f; do
		[ $((sum += size)) -le $CORPUS_MAX ] || break
		cp "$f" "$CORPUS/$1/$(sha1sum <"$f" | cut -c1-12)"
	done < <(find "$all" -type f -printf '%s %p\n' | sort -n | awk -v step="$step" 'NR % step == 0')
	say "corpus of $1: $(find "$CORPUS/$1" -type f | wc -l) files of $n, $(cat "$CORPUS/$1"/* | wc -c) bytes"
}

mode=run
case "${1:-all}" in
merge) mode=merge; shift ;;
replay)
	[ $# = 3 ] || die "which input? fuzz.sh replay NAME FILE"
	ninja -C build-test "tests/fuzz/fuzz_$2" >/dev/null || die "no build-test: meson setup build-test -Dtests=enabled"
	exec "build-test/tests/fuzz/fuzz_$2" -v "$3" ;;
all) shift $(($# > 0)) ;;
esac
[ $# = 0 ] || TARGETS=("$@")
for t in "${TARGETS[@]}"; do [ -f "tests/fuzz/$t.c" ] || die "$t: no such target; there are stateful, frame, opt, conf, http, roles, engine"; done

bad=0
if [ "$ENGINE" = afl ] && [ $mode = run ]; then
	# no sanitizer: AFL finds more in the time, and libFuzzer's build has them
	build build-afl afl-clang-fast
	for t in "${TARGETS[@]}"; do by_afl "$t" || bad=1; done
else
	build build-fuzz clang -Doptimization=1 -Db_sanitize=address,undefined
	for t in "${TARGETS[@]}"; do
		[ $mode = run ] || { merge "$t"; continue; }
		[ "$(jobs -rp | wc -l)" -lt "${FUZZ_JOBS:-1}" ] || wait -n || true
		by_libfuzzer "$t" || touch "$LIB_TMP/bad" &
		LIB_PIDS+=($!)
	done
	wait
	[ ! -e "$LIB_TMP/bad" ] || bad=1
fi
exit $bad
