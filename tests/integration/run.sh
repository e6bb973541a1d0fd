#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# run.sh [-v] [TEST...]: the program against the kernel's TCP, nginx, curl, ab and tcpdump, over a tap device.
# Every test is a function test_*() of the test_*.sh files here, runs alone in a network namespace of its own and has
# TEST_TIMEOUT_S seconds. BUILD names the meson build directory [build]. The last line is "N passed, N failed".
set -uo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
. "$TOP/scripts/lib.sh"
for f in "$HERE"/test_*.sh; do . "$f"; done

BUILD=${BUILD:-$TOP/build}
TERN=$BUILD/app/tern
PEER=$HERE/peer.py
TEST_TIMEOUT_S=${TEST_TIMEOUT_S:-240} # the demo builds, too
HOST=192.0.2.1
HOST6=2001:db8::1
LCORES=0

# fail WHY...: the test ends here; the logs tell the rest.
fail() {
	printf '  why: %s\n' "$*"
	for log in "$LIB_TMP"/*.out "$LIB_TMP"/*.err; do
		[ -s "$log" ] && printf '  --- %s\n' "$(basename "$log")" && tail -n 15 "$log" | sed 's/^/  | /'
	done
	exit 1
}

# not for what runs in the background: $! would be the pid of a subshell
in_ns() { ip netns exec "$NS" "$@"; }

# tern_bg ARGS...: tern on a tap of the test's namespace, both its addresses; the kernel's end is up on return.
tern_bg() {
	ip netns exec "$NS" "$TERN" "${EAL_TAP[@]}" -l $LCORES --vdev net_tap0,iface=dtap0 -- \
		--addr $HOST/24 --addr6 $HOST6/64 "$@" >"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err" &
	TERN_PID=$!
	LIB_PIDS+=($TERN_PID)
	tap_up "$NS" || fail "the tap device did not appear"
}

# tern_serve ARGS...: as above, and it answers.
tern_serve() {
	tern_bg "$@"
	wait_for 10 ip netns exec "$NS" ping -c 1 -W 1 -q $HOST || fail "no answer to ping"
}

# tern_end: what a clean end is: SIGINT, exit 0, and the end report finds every pool full and every queue empty.
tern_end() {
	local rc
	kill -INT $TERN_PID 2>/dev/null
	wait_exit 12 $TERN_PID
	rc=$?
	[ $rc = 0 ] || fail "exit status $rc after SIGINT, expected 0 (124: it did not leave)"
	pools_clean
}

pools_clean() {
	grep -q 'pools: all full, queues: empty' "$LIB_TMP/tern.out" || fail "the end report does not say that all pools are full"
}

# counter NAME: its sum in the end report, 0 when it is not listed.
counter() { awk -v n="$1" '$1 == n { v = $2 } END { print v + 0 }' "$LIB_TMP/tern.out"; }

want_counter() { # NAME OP VALUE
	local v
	v=$(counter "$1")
	[ "$v" "$2" "$3" ] || fail "$1 is $v, expected $2 $3"
}

# drop_first N in|out MATCH...: lose the first N matching packets to (in) or from (out) the kernel.
drop_first() {
	local n=$1 hook=input dir=iifname
	[ "$2" = out ] && hook=output dir=oifname
	shift 2
	in_ns nft -f - <<EOF || fail "nft refused the rule"
table inet lose {
	chain c {
		type filter hook $hook priority 0; policy accept;
		$dir dtap0 $* limit rate 1/hour burst $n packets counter drop
	}
}
EOF
}
dropped() { in_ns nft list table inet lose | sed -nE 's/.*counter packets ([0-9]+).*/\1/p'; }

same_sha() { [ "$(sha "$1")" = "$(sha "$2")" ] || fail "$2 differs from $1"; }

run_one() { # in a process of its own
	NS=tern-t$$
	lib_init
	mkdir -p "$LIB_TMP/www"
	printf '<html><body>tern</body></html>\n' >"$LIB_TMP/www/index.html"
	random_file "$LIB_TMP/www/10m.bin" 10
	netns_make "$NS"
	"$1"
}

main() {
	local passed=0 failed=0 t out rc start tests=() verbose=0
	[ "${1:-}" = -v ] && verbose=1 && shift
	need_root
	[ -x "$TERN" ] || die "$TERN is missing: build first (meson setup build && ninja -C build)"
	tests=("$@")
	[ $# = 0 ] && mapfile -t tests < <(declare -F | awk '$3 ~ /^test_/ { print $3 }')
	out=$(mktemp)
	trap "rm -f $out" EXIT
	for t in "${tests[@]}"; do
		start=$SECONDS
		timeout --kill-after=20 "$TEST_TIMEOUT_S" bash "$HERE/run.sh" --one "$t" >"$out" 2>&1
		rc=$?
		if [ $rc = 0 ]; then
			passed=$((passed + 1))
			say "ok   $t ($((SECONDS - start)) s)"
			[ $verbose = 1 ] && sed 's/^/  /' "$out"
		else
			failed=$((failed + 1))
			say "FAIL $t ($((SECONDS - start)) s, status $rc)"
			cat "$out"
		fi
	done
	say "$passed passed, $failed failed"
	[ $failed = 0 ]
}

if [ "${1:-}" = --one ]; then
	declare -F "$2" >/dev/null || die "no test $2"
	run_one "$2"
else
	main "$@"
fi
