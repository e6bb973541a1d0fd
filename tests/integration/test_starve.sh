# SPDX-License-Identifier: BSD-3-Clause
# A worker whose packet buffers are taken: what the device does then, and afterwards.

unanswered() { ! in_ns ping -c 1 -W 1 -q $HOST; }

# Twice as many packets as the tap's queue holds come while there is nothing to receive into; then there is again.
test_tap_refill() {
	[ -x "$BUILD/tests/starve/hold" ] || fail "$BUILD/tests/starve/hold is missing: build with -Dtests=enabled"
	bg tern ip netns exec "$NS" "$BUILD/tests/starve/hold" "${EAL_TAP[@]}" -l $LCORES --vdev net_tap0,iface=dtap0
	TERN_PID=$BG_PID
	tap_up "$NS" || fail "the tap device did not appear"
	wait_for 10 ip netns exec "$NS" ping -c 1 -W 1 -q $HOST || fail "no answer to ping"
	for round in 1 2; do
		kill -USR1 $TERN_PID
		wait_for 5 unanswered # when it has come to the signal
		in_ns ping -c 2 -i 0.5 -W 1 -q $HOST && fail "ping is answered, and there are no buffers"
		in_ns ping -f -c 2000 -w 2 -l 2000 -q $HOST >"$LIB_TMP/flood.out"
		kill -USR2 $TERN_PID
		wait_for 2 ip netns exec "$NS" ping -c 1 -W 1 -q $HOST || fail "round $round: buffers are back, and no packet is received"
		in_ns ping -c 20 -i 0.05 -W 1 -q $HOST >"$LIB_TMP/after.out" || fail "round $round: ping"
		grep -q ' 0% packet loss' "$LIB_TMP/after.out" || fail "round $round: packets are lost afterwards"
	done
	kill -TERM $TERN_PID
	wait_exit 12 $TERN_PID || fail "it ended with status $?"
	want_counter rx_nombuf -eq 0 # nothing was read and lost: what waited was left with the kernel
	want_counter TernRxHeld -ge 1
}

# The short form of scripts/starve.sh: who does not read, and who sends beyond holes, takes no buffer that others need.
# The latency of a busy machine says nothing, so it is not judged here but in virtual time: meson's tests starve_ring_*.
test_starve() {
	DEVICES=tap COUNTS=150 CELLS="http:get echo:send discard:holes serve:send" REQUESTS=300 GATHER_S=15 RATIO_MAX=1000000 BUILD=$BUILD \
		"$TOP/scripts/starve.sh" || fail "the lively client was starved"
}
