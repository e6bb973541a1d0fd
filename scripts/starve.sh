#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# starve.sh: clients that take a server's packet buffers and do not give them back, beside one that wants nothing unusual.
# For each device, kind, role and count: the lively client's requests alone; then the crowd comes (kind send: sends and never
# reads; get: asks for 10 MB and never reads; holes: HOLE_SEGS segments, each behind an octet that never comes), and the lively
# client works again; the crowd leaves all at once. A row of a table each: the lively client's requests done/failed in both, its
# p50/p99 in us, the ratio of the p99s, pings answered/sent, mbufs free before, the least seen, 5 s after the crowd left; MiB
# resident before/after; how many of the crowd were connected; what was refused. "ok" when nothing failed, p99 stayed below
# RATIO_MAX times the quiet one, every ping was answered but for as many as the kernel's queue to the device lost, and every
# buffer came back. Device ring needs no kernel and no root: tests/starve/ring.c, in virtual time, where us count polls; it also
# wants that no heap grew, that some mbufs were always left, and that the crowd's pool is whole again.
# Exit status: cells that are not ok. Choose with DEVICES (tap af_packet ring), COUNTS, CELLS (role:kind), REQUESTS, HOLE_SEGS,
# RATIO_MAX; BUILD: a build directory with -Dtests=enabled; TERN_ARGS: more options of the server.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
DEVICES=${DEVICES:-tap af_packet ring} COUNTS=${COUNTS:-150 1000 10000}
CELLS=${CELLS:-http:get http:holes echo:send echo:holes discard:holes serve:send serve:holes}
REQUESTS=${REQUESTS:-1000} HOLE_SEGS=${HOLE_SEGS:-180} RATIO_MAX=${RATIO_MAX:-10}
GATHER_S=${GATHER_S:-60} BACK_S=5 STAY_S=${STAY_S:-2}
BUILD=${BUILD:-build-test}
TERN=$BUILD/app/tern CROWD=$BUILD/tests/starve/crowd HOLES=$BUILD/tests/starve/holes RING=$BUILD/tests/starve/ring
NS=tern-starve$$ HOST=192.0.2.1
declare -A PORT=([http]=80 [echo]=7 [discard]=9 [serve]=5000)

[ "$DEVICES" = ring ] || need_root
for f in $([ "$DEVICES" = ring ] || echo "$TERN" "$CROWD" "$HOLES") "$RING"; do [ -x "$f" ] || die "$f is missing: build with -Dtests=enabled"; done
lib_init
mkdir -p "$LIB_TMP/www"
printf '<html><body>tern, a page of more than sixty-four bytes with its head</body></html>\n' >"$LIB_TMP/www/index.html"
random_file "$LIB_TMP/www/10m.bin" 10
if [ "$DEVICES" != ring ]; then
	netns_make $NS
	ip netns exec $NS sysctl -qw net.ipv4.ip_local_port_range="1024 65000" net.ipv4.icmp_ratelimit=0
fi

in_ns() { ip netns exec $NS "$@"; }

# server DEVICE ROLE: sets TERN_PID and DEV, the kernel's end
server() {
	local vdev=net_tap0,iface=dtap0
	DEV=dtap0
	if [ "$1" = af_packet ]; then
		# its own queue has 512 frames, and the resets of a crowd that leaves would be lost
		DEV=veth0 vdev=net_af_packet0,iface=veth1,blocksz=4096,framesz=2048,framecnt=16384
		ip -n $NS link add veth0 type veth peer name veth1
		ip -n $NS link set veth1 up
		in_ns ethtool -K veth0 tx off tso off gso off gro off >/dev/null 2>&1
	fi
	bg tern ip netns exec $NS "$TERN" "${EAL_TAP[@]}" -l 0 --vdev $vdev -- --addr $HOST/24 --role "$2" --port "${PORT[$2]}" \
		$([ "$2" = http ] && echo --root "$LIB_TMP/www") --drain-ms 2000 ${TERN_ARGS:-}
	TERN_PID=$BG_PID
	if [ "$1" = tap ]; then
		tap_up $NS || die "no tap device: $(tail -3 "$LIB_TMP/tern.err")"
		ip -n $NS link set $DEV txqueuelen 20000 # or the resets of a crowd that leaves are lost before the server sees them
	else
		ip -n $NS link set $DEV address 02:00:00:00:00:02 up
		ip -n $NS addr add 192.0.2.2/24 dev $DEV
	fi
	wait_for 10 ip netns exec $NS ping -c 1 -W 1 -q $HOST || die "no answer to ping: $(tail -3 "$LIB_TMP/tern.err")"
}

server_end() { # DEVICE
	kill -INT $TERN_PID
	wait_exit 15 $TERN_PID
	STATUS=$?
	[ $STATUS != 124 ] || { kill -KILL $TERN_PID; wait $TERN_PID 2>/dev/null; }
	[ "$1" = tap ] || ip -n $NS link del veth0
}

mbufs_free() { sed -nE 's/.* mbufs free ([0-9]+) .*/\1/p' "$LIB_TMP/tern.out"; }
resident() { awk '/^VmRSS/ { printf "%d", $2 / 1024 }' /proc/$TERN_PID/status; }
field() { sed -nE "s/.*\\b$1 ([0-9]+).*/\\1/p" <<<"$2" | tail -1; }
lively() { in_ns timeout $((REQUESTS / 2 + 30)) "$CROWD" live "$1" $HOST "${PORT[$1]}" "$REQUESTS"; }

# refusals: the counters that say so
refusals() {
	awk '/rx_nombuf [1-9]/ && /^port/ { for (i = 1; i < NF; i++) if ($i ~ /^rx_/ && $(i + 1)) printf "%s=%s ", $i, $(i + 1) }
		/^(Drop|TernMbuf|TernRxHeld|TcpExtTCPOFODrop|TcpExtTCPAbortOnMemory|TcpExtTCPMemoryPressures|TcpExtListen|TernConnPool|TernReqPool|TcpExtTCPReqQ|TernOrphan|TcpExtTCPRcvQDrop|TcpExtTCPZeroWindowDrop|TcpExtPrune|TcpExtRcvPruned|TcpExtOfoPruned|TernPrune|TernRefuse|TernMem|TernCharge)/ &&
		$2 > 0 { printf "%s=%s ", $1, $2 }' "$LIB_TMP/tern.out"
}

# A cell is measured into: quiet busy (what the lively client says), before least after, rss0 rss1, sent pongs lost, who, extra (faults).
measure_kernel() { # DEVICE ROLE KIND COUNT
	local ping crowd
	server "$1" "$2"
	quiet=$(lively "$2")
	sleep 1.1
	before=$(mbufs_free | tail -1) rss0=$(resident)
	bg ping ip netns exec $NS ping -q -i 0.1 -W 1 $HOST
	ping=$BG_PID
	if [ "$3" = holes ]; then
		bg crowd ip netns exec $NS "$HOLES" $DEV $HOST "${PORT[$2]}" "$4" "$HOLE_SEGS"
	else
		bg crowd ip netns exec $NS "$CROWD" "$3" $HOST "${PORT[$2]}" "$4"
	fi
	crowd=$BG_PID
	wait_for "$GATHER_S" grep -q ^all "$LIB_TMP/crowd.out"
	sleep "$STAY_S"
	busy=$(lively "$2")
	kill -TERM $crowd
	wait_exit 30 $crowd
	who=$(grep -E '^(all|connected|left)' "$LIB_TMP/crowd.out" | tail -1)
	sleep $BACK_S
	kill -INT $ping
	wait_exit 5 $ping
	read -r sent pongs < <(sed -nE 's/^([0-9]+) packets transmitted, ([0-9]+) received.*/\1 \2/p' "$LIB_TMP/ping.out")
	sent=$((sent - (sent > pongs))) # the last one may be under way
	after=$(mbufs_free | tail -1) least=$(mbufs_free | sort -n | head -1) rss1=$(resident)
	lost=$(in_ns cat /sys/class/net/$DEV/statistics/tx_dropped)
	server_end "$1"
	[ "$STATUS" = 0 ] || extra="status-$STATUS "
}

measure_ring() { # ring ROLE KIND COUNT
	local out
	"$RING" "$2" "$3" "$4" "$REQUESTS" "$HOLE_SEGS" >"$LIB_TMP/tern.out" 2>&1 || extra="status-$? "
	quiet=$(grep ^quiet "$LIB_TMP/tern.out") busy=$(grep ^busy "$LIB_TMP/tern.out") who=$(grep ^all "$LIB_TMP/tern.out")
	out=$(grep ^pings "$LIB_TMP/tern.out")
	sent=$(field sent "$out") pongs=$(field answered "$out") lost=0
	before=$(field before "$out") least=$(field least "$out") after=$(field after "$out")
	rss0=0 rss1=$(($(field heap-grew "$out") / 1048576))
	[ "$(field lacks "$out")" = 0 ] || extra+="crowd-buffers "
	[ "$(field charged "$out")" = 0 ] || extra+="charges "
	[ "${least:-0}" -ge 32 ] || extra+="reserve "
	[ "$(field heap-grew "$out")" = 0 ] || extra+="heap "
}

# judge: what is wrong with the cell, empty when nothing is
judge() {
	[ "$(field failed "$quiet")" = 0 ] && [ "$(field failed "$busy")" = 0 ] || printf 'requests '
	[ "$ratio" -lt $((RATIO_MAX * 10)) ] || printf 'p99 '
	[ "${pongs:-0}" -gt 0 ] && [ $((sent - pongs)) -le "$lost" ] || printf 'ping '
	[ "${after:-0}" -ge $((before - 64)) ] || printf 'buffers '
	[ "$rss1" -le $((rss0 + 64)) ] || printf 'memory '
	printf '%s' "$extra"
}

cell() { # DEVICE ROLE KIND COUNT
	local quiet busy before least after rss0 rss1 sent pongs lost who extra="" ratio bad
	if [ "$1" = ring ]; then measure_ring "$@"; else measure_kernel "$@"; fi
	ratio=$(awk -v q="$(field p99 "$quiet")" -v b="$(field p99 "$busy")" 'BEGIN { printf "%d", q ? 10 * b / q : 0 }')
	[ "$(field done "$busy")" -gt 0 ] 2>/dev/null || ratio=999990
	bad=$(judge)
	FAILED=$((FAILED + (${#bad} > 0)))
	say "| $1 | $2:$3 | $4 | $(field done "$quiet")/$(field failed "$quiet") $(field done "$busy")/$(field failed "$busy") |" \
		"$(field p50 "$quiet")/$(field p99 "$quiet") $(field p50 "$busy")/$(field p99 "$busy") | x$((ratio / 10)).$((ratio % 10)) |" \
		"$pongs/$sent | $before $least $after | $rss0 $rss1 | ${bad:-ok} | $who | $([ "$lost" = 0 ] || echo "kernel's queue=$lost ")$(refusals)|"
	[ -z "${KEEP:-}" ] || cp "$LIB_TMP/tern.out" "$KEEP.$1.$2.$3.$4"
}

FAILED=0
say "| device | role:kind | count | requests done/failed, quiet busy | p50/p99 us, quiet busy | ratio | pings | mbufs free before, least, after | MiB | verdict | crowd | refused |"
say "|---|---|---|---|---|---|---|---|---|---|---|---|"
for device in $DEVICES; do
	for c in $CELLS; do
		for n in $COUNTS; do
			cell "$device" "${c%%:*}" "${c##*:}" "$n"
		done
	done
done
say "$FAILED cells are not as they should be"
exit $((FAILED > 125 ? 125 : FAILED))
