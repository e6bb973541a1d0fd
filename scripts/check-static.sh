#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# check-static.sh [--deep] [FILE...]: what gcc -fanalyzer, clang-tidy (bugprone, analyzer: .clang-tidy) and cppcheck find in the .c files of
# lib/, app/ and run/, as build-test compiles them ($BUILD). Fails with any finding that is not excused at its line, prints those that are, and
# fails when one has no reason. TOOLS="cppcheck gcc tidy": which. --deep: the analyzer of clang follows every call, which takes long.
# check-static.sh --self-test: a fault planted for each tool is found, and an excuse without a reason is.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
lib_init

BUILD=${BUILD:-build-test}
[ -z "$(missing gcc clang-tidy cppcheck python3)" ] || die "$(missing gcc clang-tidy cppcheck python3)is missing: run scripts/setup.sh"
depth=shallow self=
case "${1:-}" in
--deep) depth=deep; shift ;;
--self-test) self=1; shift ;;
esac

# The commands of the wanted files, each once, as the tools understand them: for clang-tidy, for cppcheck without the headers of
# DPDK, in which it gets lost, and for gcc a line of a shell each.
commands() { # FILE...
	mkdir -p "$LIB_TMP/tidy"
	python3 - "$BUILD" "$LIB_TMP" "$@" <<'EOF'
import json, os, shlex, sys

build, tmp, wanted = sys.argv[1], sys.argv[2], set(sys.argv[3:])
alien = ("-mmemset-strategy", "-fdiagnostics", "-Werror")
tidy, check, gcc, seen = [], [], [], set()
for one in json.load(open(f"{build}/compile_commands.json")):
    path = os.path.relpath(os.path.join(one["directory"], one["file"]))
    if path in seen or not (path in wanted if wanted else path.startswith(("lib/", "app/", "run/")) and "examples" not in path):
        continue
    seen.add(path)
    args = shlex.split(one["command"])
    args = args[:args.index("-MD")] # what is made, and where: not ours
    src, tail = os.path.abspath(path), ["-c", os.path.abspath(path)]
    for out, a in ((tidy, [x for x in args if not x.startswith(alien)]),
                   (check, [x for x in args if not x.startswith(alien + ("-I/usr",))])):
        out.append({"directory": one["directory"], "file": src, "command": shlex.join(a + tail)})
    gcc.append(shlex.join([x for x in args if x not in ("-c", "-g", "-Werror")] + ["-g0", "-S", "-o", "/dev/null", "-fanalyzer",
               "-fdiagnostics-plain-output", src]))
if wanted - seen:
    sys.exit(f"error: not compiled in {build}: {' '.join(wanted - seen)}")
json.dump(tidy, open(f"{tmp}/tidy/compile_commands.json", "w"))
json.dump(check, open(f"{tmp}/cppcheck.json", "w"))
open(f"{tmp}/gcc.sh", "w").write("".join(x + "\n" for x in gcc))
open(f"{tmp}/files", "w").write("".join(x["file"] + "\n" for x in tidy))
EOF
}

each() { xargs -P "$(nproc)" "$@" || true; } # what is found is read, not told by the status

# Style as far as it tells of faults. Not asked: variables declared at the head of a function, as they are here; usleep(), which
# POSIX has no more and Linux has; members of layouts that the kernel or sys/queue.h has made.
run_cppcheck() {
	gcc -march=corei7 -dM -E - </dev/null >"$LIB_TMP/predefined.h"
	cppcheck -q -j "$(nproc)" --project="$LIB_TMP/cppcheck.json" --include="$LIB_TMP/predefined.h" \
		--include=/usr/include/x86_64-linux-gnu/sys/queue.h --enable=warning,style,performance,portability \
		--inline-suppr --suppress=variableScope --suppress=usleepCalled --suppress=unusedStructMember \
		--template='{file}:{line}: warning: {message} [{id}]' 2>&1 || true
}
run_tidy() { # each file a process of its own: the analyzer of LLVM 14 forgets va_start() from one to the next
	each -n 1 clang-tidy -p "$LIB_TMP/tidy" --config-file=.clang-tidy --quiet --extra-arg=-Xclang --extra-arg=-analyzer-config \
		--extra-arg=-Xclang --extra-arg=mode=$depth <"$LIB_TMP/files" 2>"$LIB_TMP/tidy.err"
	grep 'error:' "$LIB_TMP/tidy.err" || true
}
run_gcc() { (cd "$BUILD" && each -d '\n' -n 1 sh -c <"$LIB_TMP/gcc.sh" 2>&1); }

# check TOOL...: what they find, a line each and each once, however many files a header is in. @return false: something.
check() {
	local t n sum=0
	for t in "$@"; do
		"run_$t" >"$LIB_TMP/$t.log"
		grep -E '(warning|error):' "$LIB_TMP/$t.log" | sed -E "s|^$PWD/||; s|^[^ ]*\.\./||" | sort -u >"$LIB_TMP/$t.found" || true
		n=$(wc -l <"$LIB_TMP/$t.found")
		[ "$n" = 0 ] || head -200 "$LIB_TMP/$t.log"
		say "$t: $n findings in $(wc -l <"$LIB_TMP/files") files"
		sum=$((sum + n))
	done
	[ $sum = 0 ]
}

# Each bears its reason behind a colon.
excuses() { # DIR...
	local marks='NOLINT|cppcheck-suppress|ignored "-Wanalyzer' n bad
	grep -rnE "$marks" --include='*.[ch]' "$@" | sed -E 's/^([^:]*:[0-9]+):[ \t]*/excused: \1: /' >"$LIB_TMP/excuses" || true
	n=$(wc -l <"$LIB_TMP/excuses")
	bad=$(grep -vcE '(NOLINT(NEXTLINE|BEGIN|END)?\([-a-zA-Z.]+\): |cppcheck-suppress [a-zA-Z]+ ; |"-Wanalyzer[-a-z]*" /\* )[a-zA-Z]' "$LIB_TMP/excuses" || true)
	cat "$LIB_TMP/excuses"
	say "$n excuses, $bad without a reason"
	[ "$bad" = 0 ]
}

self_test() {
	local dir=$LIB_TMP/plant id tool
	mkdir "$dir"
	printf '#include <stdlib.h>\nvoid twice(char *p);\nvoid twice(char *p)\n{\n\tfree(p);\n\tfree(p); /* NOLINT(all) */\n}\n' >"$dir/excused.c"
	sed 's/ .. NOLINT.*//; $d' "$dir/excused.c" >"$dir/plant.c"
	printf '\tif (*p)\n\t\t*p = 1;\n\telse\n\t\t*p = 1;\n}\n' >>"$dir/plant.c"
	printf '[{"directory": "%s", "file": "plant.c", "command": "cc -O2 -MD -c plant.c"}]' "$dir" >"$dir/compile_commands.json"
	BUILD=$dir
	commands "$(realpath --relative-to=. "$dir/plant.c")"
	for id in gcc:-Wanalyzer-double-free tidy:clang-analyzer-unix.Malloc tidy:bugprone-branch-clone cppcheck:doubleFree; do
		tool=${id%%:*}
		! check "$tool" >/dev/null || die "check-static: $tool finds nothing"
		grep -qF -e "[${id#*:}]" "$LIB_TMP/$tool.found" || die "check-static: no ${id#*:} of $tool's"
	done
	! excuses "$dir" >/dev/null || die "check-static: an excuse without a reason was taken"
	say "check-static: faults planted for gcc, clang-tidy and cppcheck are found, an excuse without a reason is"
}

if [ -n "$self" ]; then
	self_test
	exit
fi
[ -f "$BUILD/compile_commands.json" ] || meson setup "$BUILD" -Dtests=enabled >/dev/null
commands "$@"
status=0
# shellcheck disable=SC2086
check ${TOOLS:-cppcheck gcc tidy} || status=1
excuses lib app run || status=1
exit $status
