# SPDX-License-Identifier: BSD-3-Clause
# What befalls a process and its link: killed at any moment and started again at once; a link that goes down and comes
# back; a process that does not run for two seconds. FAULT_SEED chooses the moments, FAULT_KILLS how many [2].
FAULT_SEED=${FAULT_SEED:-$$}
FAULT_KILLS=${FAULT_KILLS:-2}

# A connection with half a request; once told to go on it sends the rest. Prints how it ended.
HALF_REQUEST='
import socket, sys
s = socket.create_connection((sys.argv[1], 80), 10)
s.sendall(b"GET /index.html HTTP/1.1\r\n")
print("up", flush=True)
sys.stdin.readline()
s.settimeout(60)
try:
    s.sendall(b"Host: a\r\n\r\n")
    print("answered" if s.recv(100) else "closed")
except ConnectionResetError:
    print("reset")
except OSError as e:
    print(e)
'

no_tap() { ! ip -n "$NS" link show dtap0; }

# Nothing is left of who was killed but EAL's directory, which the next one takes over, and connections that peers still
# believe in: they are reset by the next one.
test_killed_and_started_again() {
	local i ab half EAL_TAP=("${EAL_TAP[@]/--no-shconf/--file-prefix=fault$$}")
	RANDOM=$FAULT_SEED
	printf 'FAULT_SEED=%s\n' "$FAULT_SEED"
	tern_serve --role http --root "$LIB_TMP/www"
	for ((i = 1; i <= FAULT_KILLS; i++)); do
		mkfifo "$LIB_TMP/go$i"
		ip netns exec "$NS" python3 -c "$HALF_REQUEST" $HOST <"$LIB_TMP/go$i" >"$LIB_TMP/half$i.out" 2>&1 &
		half=$!
		LIB_PIDS+=($half)
		exec 7>"$LIB_TMP/go$i"
		wait_for 10 grep -q up "$LIB_TMP/half$i.out" || fail "no connection before kill $i"
		ip netns exec "$NS" ab -q -r -s 20 -n 1000000 -c 20 "http://$HOST/10m.bin" >"$LIB_TMP/ab.out" 2>&1 &
		ab=$!
		LIB_PIDS+=($ab)
		sleep 0.$((RANDOM % 900 + 100))
		kill -KILL $TERN_PID
		wait $TERN_PID 2>/dev/null
		wait_for 2 no_tap || fail "the tap outlives its process"
		[ -z "$(find /dev/hugepages /dev/shm -name "*fault$$*" 2>/dev/null)" ] || fail "memory is left"
		tern_serve --role http --root "$LIB_TMP/www"
		in_ns curl -sS --max-time 60 -o "$LIB_TMP/page" "http://$HOST/" || fail "no page after kill $i"
		same_sha "$LIB_TMP/www/index.html" "$LIB_TMP/page"
		echo >&7
		exec 7>&-
		wait_exit 40 $half || fail "the connection of before hangs"
		grep -q reset "$LIB_TMP/half$i.out" || fail "the connection of before ended with: $(tail -n 1 "$LIB_TMP/half$i.out")"
		kill $ab 2>/dev/null
		wait $ab 2>/dev/null
	done
	wait_for 20 no_segments || fail "the kernel still has connections: $(in_ns ss -tan | head)"
	tern_end
	want_counter TcpOutRsts -ge 1
	rm -rf "/run/dpdk/fault$$" # EAL leaves it, killed or not
}
no_segments() { [ -z "$(in_ns ss -Htan state established)" ]; }

# echo_while COMMAND...: 5 MB go there and back in two seconds and more, while that happens, and are right.
echo_while() {
	local nc i
	head -c 5000000 "$LIB_TMP/www/10m.bin" >"$LIB_TMP/part"
	tern_serve --role echo --port 7
	for ((i = 0; i < 50; i++)); do
		dd if="$LIB_TMP/part" bs=100000 skip=$i count=1 status=none
		sleep 0.03
	done | ip netns exec "$NS" timeout 60 nc -N $HOST 7 >"$LIB_TMP/echoed" 2>"$LIB_TMP/nc.err" &
	nc=$!
	LIB_PIDS+=($nc)
	sleep 0.5
	"$@"
	wait_exit 60 $nc || fail "the transfer ended with $?"
	same_sha "$LIB_TMP/part" "$LIB_TMP/echoed"
	tern_end
	want_counter TcpEstabResets -eq 0
	want_counter TcpOutRsts -eq 0
	printf 'segments sent again: %s\n' "$(counter TcpRetransSegs)"
}

flap() {
	local s
	for s in 1 2; do
		in_ns ip link set dtap0 down
		sleep $s
		in_ns ip link set dtap0 up
		sleep 0.5
	done
}

test_link_flaps() { echo_while flap; }

# Text that was not acknowledged when it stopped is sent again at most once.
deschedule() {
	kill -STOP $TERN_PID
	sleep 2
	kill -CONT $TERN_PID
}

test_descheduled() {
	echo_while deschedule
	want_counter TcpRetransSegs -le 200
}
