#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# run.sh [-v] [--pauses SEED] [TEST...]: the program against the kernel's TCP, nginx, curl, ab and tcpdump, over a tap device.
# Every test is a function test_*() of the test_*.sh files here, runs alone in a network namespace of its own and has
# TEST_TIMEOUT_S seconds. Two run at a time, each with its lcore, but for those that need both, or look at the time (alone()).
# --pauses: on a machine whose CPUs are another's for up to 60 ms at a time (pauses.py), which finds who takes a pause for a fault.
# BUILD names the meson build directory [build]. The last line is "N passed, N failed".
set -uo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
. "$TOP/scripts/lib.sh"
for f in "$HERE"/test_*.sh; do . "$f"; done

BUILD=${BUILD:-$TOP/build}
TERN=$BUILD/app/tern
PEER=$HERE/peer.py
TEST_TIMEOUT_S=${TEST_TIMEOUT_S:-400} # the demo builds, too; and the machine may be busy
HOST=192.0.2.1
HOST6=2001:db8::1
LCORES=${LCORES:-0}
PATIENCE=4 # two tests at a time, and fuzzers beside them

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
tern_bg() { tern_tap --addr $HOST/24 --addr6 $HOST6/64 "$@"; }

# tern_tap ARGS...: as above, without an address.
tern_tap() {
	bg tern ip netns exec "$NS" "$TERN" "${EAL_TAP[@]}" -l $LCORES --vdev net_tap0,iface=dtap0 -- "$@"
	TERN_PID=$BG_PID
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

# capture NAME TCPDUMP-ARGS...: it listens on return; what it says or writes goes to $LIB_TMP/NAME.out.
capture() {
	bg "$1" ip netns exec "$NS" tcpdump -n -B 65536 -U "${@:2}"
	DUMP_PID=$BG_PID
	wait_for 20 grep -q listening "$LIB_TMP/$1.err" || fail "tcpdump did not start"
}

# capture_end FILE: when it has not grown for two seconds; the kernel hands tcpdump its last block of packets within one.
capture_end() {
	local size=-1 i
	for i in {1..30}; do
		[ "$size" != "$(stat -c %s "$1")" ] || break
		size=$(stat -c %s "$1")
		sleep 2
	done
	kill -TERM $DUMP_PID && wait $DUMP_PID
}

# shark_remarks FILE FILTER: what Wireshark's analysis remarks on in the packets of the filter and no pause explains: who
# heard nothing for 2 ms may send again (RFC 8985 7.2), and is then told that once was enough.
shark_remarks() {
	tshark -n -r "$1" -Y tcp -T fields -E separator=/t -e frame.number -e frame.time_epoch -e tcp.stream -e tcp.srcport \
		-e tcp.analysis.retransmission -e tcp.analysis.spurious_retransmission -e tcp.analysis.out_of_order \
		-e tcp.analysis.duplicate_ack 2>"$LIB_TMP/shark.err" >"$LIB_TMP/shark.all"
	tshark -n -r "$1" -Y "($2) && (tcp.analysis.retransmission || tcp.analysis.out_of_order || tcp.analysis.duplicate_ack ||
		tcp.analysis.zero_window || tcp.analysis.ack_lost_segment || tcp.flags.reset == 1)" 2>>"$LIB_TMP/shark.err" |
		awk 'NR == FNR {
			split($0, f, "\t")
			for (k in heard)
				if (k != f[3] " " f[4] && index(k, f[3] " ") == 1 && f[2] - heard[k] >= 0.002 && (f[5] f[7]) && !f[6]) {
					explained[f[1]]
					again[f[3]]++
				}
			if (f[8] && again[f[3]]-- > 0)
				explained[f[1]]
			heard[f[3] " " f[4]] = f[2]
			next
		}
		!($1 in explained)' "$LIB_TMP/shark.all" -
}

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

alone() {
	case $1 in
	test_bench* | test_bulk_* | test_capture_two_workers | test_config_ring_bench | test_ctl_rss | test_demo* | test_metrics_workers | test_pgo | test_two_workers) ;; # two lcores, or a build
	test_run_reload | test_starve | test_tx_wait | test_wire_perfect | test_wireshark_is_content) ;; # nothing may be late
	*) false ;;
	esac
}

# run_bg LCORE TEST: in the background.
run_bg() {
	LCORES=$1 timeout --kill-after=20 "$TEST_TIMEOUT_S" bash "$HERE/run.sh" --one "$2" >"$LIB_TMP/$2.out" 2>&1 &
	ON[$!]=$1 TEST[$!]=$2 START[$!]=$SECONDS
	LIB_PIDS=("${PAUSES[@]}" "${!TEST[@]}")
}

# run_wait: until one of them ends. Says how it went; its LCORE is free again.
run_wait() {
	local pid rc t took
	wait -n -p pid "${!TEST[@]}"
	rc=$? t=${TEST[$pid]} took=$((SECONDS - ${START[$pid]}))
	LCORE=${ON[$pid]}
	unset "TEST[$pid]"
	LIB_PIDS=("${PAUSES[@]}" "${!TEST[@]}")
	if [ $rc = 0 ]; then
		PASSED=$((PASSED + 1))
		say "ok   $t ($took s)"
		[ $VERBOSE = 0 ] || sed 's/^/  /' "$LIB_TMP/$t.out"
	else
		FAILED=$((FAILED + 1))
		say "FAIL $t ($took s, status $rc)"
		cat "$LIB_TMP/$t.out"
	fi
}

# run_all LCORES TEST...: as many at a time as there are lcores.
run_all() {
	local free=($1) t
	for t in "${@:2}"; do
		if [ ${#free[@]} = 0 ]; then
			run_wait
			free=("$LCORE")
		fi
		run_bg "${free[0]}" "$t"
		free=("${free[@]:1}")
	done
	while [ ${#TEST[@]} -gt 0 ]; do run_wait; done
}

main() {
	local t cpus all pauses= one=() two=()
	declare -gA ON=() TEST=() START=()
	declare -ga PAUSES=()
	PASSED=0 FAILED=0 VERBOSE=0
	need_root
	while [[ ${1:-} == -* ]]; do
		case $1 in
		-v) VERBOSE=1 ;;
		--pauses)
			pauses=${2:?a seed}
			shift
			;;
		*) die "no option $1" ;;
		esac
		shift
	done
	all=("$@")
	t=$(grep -hoE '^[a-z_0-9]+\(\)' "$TOP/scripts/lib.sh" "$HERE"/*.sh | sort | uniq -d)
	[ -z "$t" ] || die "two functions of one name, of which only the last is one: $t"
	[ -x "$TERN" ] || die "$TERN is missing: build first (meson setup build && ninja -C build)"
	lib_init
	if [ -n "$pauses" ]; then
		python3 "$HERE/pauses.py" "$pauses" &
		PAUSES=($!)
	fi
	[ ${#all[@]} -gt 0 ] || mapfile -t all < <(declare -F | awk '$3 ~ /^test_/ { print $3 }')
	for t in "${all[@]}"; do if alone "$t"; then one+=("$t"); else two+=("$t"); fi; done
	mapfile -t cpus < <(allowed_cpus | head -2)
	run_all "${cpus[*]}" "${two[@]}"
	run_all "${cpus[0]}" "${one[@]}"
	say "$PASSED passed, $FAILED failed"
	[ $FAILED = 0 ]
}

if [ "${1:-}" = --one ]; then
	declare -F "$2" >/dev/null || die "no test $2"
	run_one "$2"
else
	main "$@"
fi
