# SPDX-License-Identifier: BSD-3-Clause
# Large transfers between tern and real programs, both ways, one packet in a hundred lost each way by the wire role: BULK_MB megabytes [30],
# the whole file compared. And clean bulk, with what tshark thinks of it.
BULK_MB=${BULK_MB:-30}
BULK_S=$((100 + BULK_MB * 2)) # TEST_TIMEOUT_S must be more

BAD=(--wire-a loss=1%,seed=1 --wire-b loss=1%,seed=2) # b is the way from tern

# bad_bg ARGS...: tern on shared memory behind a wire with these faults, the kernel at its other end.
bad_bg() {
	local eal=(--no-huge --no-shconf --no-pci --no-telemetry --log-level=lib.eal:error --log-level=pmd.net.tap:critical)

	bg wire ip netns exec "$NS" "$TERN" "${eal[@]}" -m 256 --file-prefix wire -l 0 --vdev net_tap0,iface=dtap0 \
		--vdev net_memif0,role=server,rsize=12 -- --role wire "${BAD[@]}" --wire-idle-us 20
	WIRE_PID=$BG_PID
	wait_for 15 grep -q '^wire: a is' "$LIB_TMP/wire.out" || fail "the wire did not start"
	tap_up "$NS" || fail "the tap device did not appear"
	bg tern ip netns exec "$NS" "$TERN" "${eal[@]}" -m 256 --file-prefix tern -l 1 --vdev net_memif0,role=client,rsize=12 -- \
		--addr $HOST/24 "$@"
	TERN_PID=$BG_PID
}

# wire_end COUNTER LEAST: what the wire did.
wire_end() {
	kill -INT $WIRE_PID
	wait_exit 12 $WIRE_PID || fail "the wire ended with $?"
	local n=$(awk -v n="$1" '$1 == n { print $2 }' "$LIB_TMP/wire.out")
	[ "${n:-0}" -ge "$2" ] || fail "the wire's $1 is ${n:-0}, expected $2 or more"
}

lost_some() { # WAY: half of what a file in full segments must have lost on it
	wire_end "$1-lost-random" $((BULK_MB * 3))
}

test_bulk_from_server() {
	random_file "$LIB_TMP/www/bulk.bin" "$BULK_MB"
	bad_bg --role http --root "$LIB_TMP/www"
	wait_for 10 ip netns exec "$NS" ping -c 1 -W 1 -q $HOST || fail "no answer to ping"
	in_ns curl -sS --max-time $BULK_S -w '%{speed_download} B/s\n' -o "$LIB_TMP/got" "http://$HOST/bulk.bin" || fail "curl under loss"
	same_sha "$LIB_TMP/www/bulk.bin" "$LIB_TMP/got"
	tern_end
	lost_some b
	want_counter TcpRetransSegs -ge "$BULK_MB"
}

# A queue that marks: DCTCP keeps it short, so nothing is lost in it, to a kernel that echoes as RFC 3168 says.
test_bulk_dctcp() {
	local BAD=(--wire-b rate=50m,queue=1000,mark=20,delay=1ms)
	in_ns sysctl -qw net.ipv4.tcp_ecn=1
	bad_bg --role http --root "$LIB_TMP/www" --cc dctcp
	wait_for 10 ip netns exec "$NS" ping -c 1 -W 1 -q $HOST || fail "no answer to ping"
	in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" "http://$HOST/10m.bin" || fail "curl"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	tern_end
	wire_end b-marked 10
	grep -q '^b-dropped-queue' "$LIB_TMP/wire.out" && fail "the queue overflowed"
	want_counter TernEceIn -ge 3
	want_counter TcpRetransSegs -eq 0
}

test_bulk_to_client() {
	random_file "$LIB_TMP/www/bulk.bin" "$BULK_MB"
	nginx_start "$NS" 8080 "$LIB_TMP/www" || fail "nginx did not start"
	bad_bg --role client --connect 192.0.2.2:8080 --http /bulk.bin --output "$LIB_TMP/got" --total 1 --concurrency 1
	wait_exit $BULK_S $TERN_PID || fail "the client ended with $?"
	same_sha "$LIB_TMP/www/bulk.bin" "$LIB_TMP/got"
	pools_clean
	lost_some a
	want_counter TcpExtTCPOFOQueue -ge "$BULK_MB"
}

# As iperf3 does it, which wants to be the listener or to open twice: one stream into tern's sink, nothing lost.
test_bulk_to_sink() {
	local bytes=$((BULK_MB * 1048576))
	tern_serve --role discard --port 9 --enable-lro
	grep -q 'port 0 .*: the device has no LRO' "$LIB_TMP/tern.err" || fail "no word about LRO"
	in_ns sh -c "head -c $bytes /dev/zero | timeout $BULK_S nc -N $HOST 9" || fail "nc"
	sleep 1
	tern_end
	want_counter TernGro -ge 100
	grep -q "^discard: 1 connections, $bytes bytes, 0 ended by an error" "$LIB_TMP/tern.out" || fail "the sink did not count $bytes bytes"
}

# tern as the client on a clean path: nothing that tshark remarks on in what tern sends, every checksum right. (The kernel
# repeats its tail when tern's lcore is not scheduled in time.)
test_bulk_client_is_clean() {
	local bad good
	nginx_start "$NS" '8080; listen [::]:8080' "$LIB_TMP/www" || fail "nginx did not start"
	# the device is not there yet: captured on every interface
	capture clean -i any -w "$LIB_TMP/clean.pcap" tcp
	tern_bg --role client --connect 192.0.2.2:8080 --http /10m.bin --output "$LIB_TMP/got" --total 1 --concurrency 1
	wait_exit 40 $TERN_PID || fail "the client ended with $?"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	pools_clean
	capture_end "$LIB_TMP/clean.pcap"
	bad=$(shark_remarks "$LIB_TMP/clean.pcap" 'ip.src == 192.0.2.1 && !tcp.analysis.duplicate_ack')
	[ -z "$bad" ] || fail "tshark: $(head -5 <<<"$bad")"
	good=$(tshark -n -o tcp.check_checksum:TRUE -r "$LIB_TMP/clean.pcap" -Y 'ip.src == 192.0.2.1 && tcp.checksum.status == "Good"' 2>/dev/null | wc -l)
	bad=$(tshark -n -o tcp.check_checksum:TRUE -r "$LIB_TMP/clean.pcap" -Y 'ip.src == 192.0.2.1 && tcp.checksum.status == "Bad"' 2>/dev/null)
	[ -z "$bad" ] || fail "bad checksum: $(head -3 <<<"$bad")"
	[ "$good" -ge 50 ] || fail "only $good segments of tern with a checksum to check"
}
