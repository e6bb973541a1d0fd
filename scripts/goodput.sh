#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# goodput.sh [SECONDS [ROUNDS [CONNS]]]: what bulk connections carry over a bad wire, tern's end beside the kernel's in the
# same run: the kernel's client, --role wire, and as the server in turn the kernel (a second tap) and tern (shared memory). CUBIC
# at every end. Each cell of loss x round trip x reordering, bytes going down from the server under test and up to it. A round
# has its own seeds, and CONNS connections run side by side: which frames are lost decides more than who sends them. Prints
# the table and writes it into docs/goodput.md. LOSSES, DELAYS, REORDERS choose cells; BUILD a build directory.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
SECS=${1:-4} ROUNDS=${2:-3} CONNS=${3:-8}
LOSSES=${LOSSES:-0 0.1 1 3} DELAYS=${DELAYS:-1 20 100} REORDERS=${REORDERS:-0 1}
RATE=${RATE:-100m} # below what two shared cores carry: the wire decides, not the scheduler
BUILD=${BUILD:-build}
TERN=$BUILD/app/tern
PEER=tests/bench/goodput.py
NEAR=tern-gput$$ FAR=tern-gput${$}f

need_root
[ -x "$TERN" ] || die "$TERN is missing: build first"
lib_init
EAL=(--no-huge --no-shconf --no-pci --no-telemetry --log-level=lib.eal:error --log-level=pmd.net.tap:critical)

end_up() { # NETNS DEV N
	ip -n "$1" link set "$2" address "02:00:00:00:00:0$3" up
	ip -n "$1" addr add "192.0.2.$3/24" dev "$2"
}

# wire_start LOSS DELAY REORDER VDEV...: sets WIRE
wire_start() {
	local loss=$1 half_us=$(($2 * 500)) reorder=$3 profile
	shift 3
	profile="loss=$loss%,delay=${half_us}us,reorder=$reorder%/1ms,rate=$RATE,queue=300"
	bg wire ip netns exec $NEAR "$TERN" "${EAL[@]}" -m 256 --file-prefix wire -l 0 --vdev net_tap0,iface=dtap0 "$@" -- --role wire \
		--wire-idle-us 20 --stats-interval 0 --wire-a "$profile,seed=$((11 + 2 * r))" --wire-b "$profile,seed=$((12 + 2 * r))"
	WIRE=$BG_PID
	wait_for 15 grep -q '^wire: a is' "$LIB_TMP/wire.out" || die "the wire did not start: $(tail -3 "$LIB_TMP/wire.err")"
	end_up $NEAR dtap0 2
}

stop() { # PID
	kill -TERM "$1"
	wait_exit 20 "$1" >/dev/null
}

measure() { # WHO WAY CELL...
	local who=$1 way=$2 mbit
	shift 2
	wait_for 20 ip netns exec $NEAR ping -c 1 -W 1 -q 192.0.2.1 || die "$who does not answer through the wire"
	mbit=$(ip netns exec $NEAR timeout $((SECS + 60)) python3 $PEER "$way" 192.0.2.1 "$SECS" cubic "$CONNS") ||
		{ say "$* $way $who: no figure"; return; }
	echo "$* $way $who $mbit" | tee -a "$LIB_TMP/runs"
}

tern_cell() { # WAY ROLE-ARGS... -- CELL...
	local tern way=$1 role=()
	shift
	while [ "$1" != -- ]; do role+=("$1"); shift; done
	shift
	# its memif first: it makes the socket, in the abstract namespace of this network namespace
	bg tern ip netns exec $NEAR "$TERN" "${EAL[@]}" -m 320 --file-prefix tern -l 1 --vdev net_memif0,role=server,rsize=12 -- \
		"${role[@]}" --addr 192.0.2.1/24 --snd-buf 4194304 --rcv-buf 4194304 --stats-interval 0 --mbufs 65536 \
		--max-conns 64 --drain-ms 100 ${TERN_ARGS:-}
	tern=$BG_PID
	wait_for 10 grep -q '^ready' "$LIB_TMP/tern.out" || die "tern did not start: $(tail -3 "$LIB_TMP/tern.err")"
	wire_start "$@" --vdev net_memif0,role=client,rsize=12
	measure tern "$way" "$@"
	stop $WIRE
	stop $tern
	[ -z "${KEEP:-}" ] || cp "$LIB_TMP/tern.out" "$KEEP.$way"
}

cell() { # LOSS DELAY REORDER
	wire_start "$@" --vdev net_tap1,iface=dtap1
	ip -n $NEAR link set dtap1 netns $FAR
	end_up $FAR dtap1 1
	measure kernel down "$@"
	measure kernel up "$@"
	stop $WIRE
	tern_cell down --role serve --port 80 --request-size 18 --response-size 1073741824 -- "$@"
	tern_cell up --role discard --port 9 -- "$@"
}

netns_make $NEAR
netns_make $FAR
ip netns exec $FAR python3 $PEER serve cubic &
LIB_PIDS+=($!)
for ((r = 0; r < ROUNDS; r++)); do
	for reorder in $REORDERS; do
		for delay in $DELAYS; do
			for loss in $LOSSES; do
				cell "$loss" "$delay" "$reorder"
			done
		done
	done
done
python3 $PEER table "$LIB_TMP/runs" "${OUT:-docs/goodput.md}"
