# SPDX-License-Identifier: BSD-3-Clause
# Packets seen from within: captures, which tshark opens, and trace on.

# shark FILE FILTER FIELD...: of these packets.
shark() { tshark -n -r "$1" -Y "$2" -T fields "${@:3}" 2>"$LIB_TMP/shark.err"; }

# how_many FILE FILTER
how_many() { shark "$1" "$2" -e frame.number | wc -l; }

# A SYN with a wrong checksum.
send_bad_checksum() {
	in_ns python3 - <<'E'
import socket, struct
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, socket.inet_aton("192.0.2.2"), socket.inet_aton("192.0.2.1"))
tcp = struct.pack("!HHIIBBHHH", 1234, 80, 1, 0, 0x50, 2, 1000, 0xbeef, 0)
socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW).sendto(ip + tcp, ("192.0.2.1", 0))
E
}

drop_seen() { [ "$(ctl --json show stats "$1" | json counters 0 value)" -ge "$2" ]; }

test_capture_file() {
	local f=$LIB_TMP/all.pcapng sport said
	tern_serve --role http --root "$LIB_TMP/www" --ctl "$LIB_TMP/ctl"
	ctl capture "$f" || fail "capture"
	in_ns curl -sS --max-time 60 -o /dev/null -H 'Connection: close' "http://$HOST/index.html" || fail "curl"
	in_ns curl -sS --max-time 60 -g -o /dev/null "http://[$HOST6]/index.html" || fail "curl, IPv6"
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST:81/" 2>/dev/null
	send_bad_checksum
	wait_for 20 drop_seen DropTcpCsum 1 || fail "the wrong checksum is not dropped"
	ctl_fails 'all.pcapng is being written: capture stop' --socket "$LIB_TMP/ctl" capture "$f"
	[ "$(ctl --json show capture | json capture 0 state)" = writing ] || fail "show capture"
	said=$(ctl --json capture stop)
	[ "$(json capture 0 lost <<<"$said")" = 0 ] || fail "lost: $said"
	[ "$(ctl --json show capture | json capture '#')" = 0 ] || fail "the capture is still there"
	ctl_fails 'there is no capture' --socket "$LIB_TMP/ctl" capture stop
	tern_end
	[ "$(how_many "$f" frame)" = "$(json capture 0 packets <<<"$said")" ] || fail "packets: $said"
	[ "$(how_many "$f" _ws.malformed)" = 0 ] || fail "malformed"
	[ "$(shark "$f" frame -e frame.interface_name | sort -u)" = net_tap0 ] || fail "the interface's name"
	# the first connection: its states, on the packets that made them
	sport=$(shark "$f" 'tcp.flags == 0x002 && tcp.dstport == 80 && ip' -e tcp.srcport | head -1)
	said=$(shark "$f" "tcp.port == $sport && frame.comment" -e tcp.srcport -e frame.packet_flags_direction -e frame.comment | sed "s/^$sport/peer/")
	grep -qE '^peer\s+0x0*1\s+LISTEN -> SYN_RCVD$' <<<"$said" || fail "SYN: $said"
	grep -qE '^peer\s+0x0*1\s+SYN_RCVD -> ESTABLISHED$' <<<"$said" || fail "its ACK: $said"
	grep -qE '^80\s+0x0*2\s+ESTABLISHED -> FIN_WAIT_1$' <<<"$said" || fail "FIN: $said"
	grep -qE '^peer\s+0x0*1\s+.*-> TIME_WAIT$' <<<"$said" || fail "their FIN: $said"
	[ "$(how_many "$f" 'ipv6 && frame.comment == "SYN_RCVD -> ESTABLISHED"')" = 1 ] || fail "IPv6"
	# all of a connection is there, in its order: nothing that tshark remarks on
	[ "$(how_many "$f" "tcp.port == $sport && tcp.analysis.flags")" = 0 ] || fail "tshark remarks: $(shark "$f" tcp.analysis.flags -e frame.number -e _ws.expert)"
	# what was dropped says why
	[ "$(shark "$f" 'tcp.dstport == 81' -e frame.comment)" = "DropNoSocket: no connection and no listener (RST sent unless limited)" ] ||
		fail "no socket: $(shark "$f" 'tcp.port == 81' -e tcp.dstport -e frame.comment)"
	[ "$(shark "$f" 'tcp.checksum == 0xbeef' -e frame.comment)" = "DropTcpCsum: bad TCP checksum" ] || fail "checksum"
}

test_capture_filter() {
	local f=$LIB_TMP/syn.pcapng
	tern_serve --role http --root "$LIB_TMP/www" --ctl "$LIB_TMP/ctl" --capture "$f" \
		--capture-filter 'tcp port 80 and tcp[tcpflags] & tcp-syn != 0'
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST/10m.bin" || fail "curl"
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST:81/" 2>/dev/null
	tern_end
	[ "$(how_many "$f" frame)" -ge 2 ] || fail "no SYN, or no SYN-ACK"
	[ "$(how_many "$f" '!(tcp.flags.syn == 1 && tcp.port == 80)')" = 0 ] || fail "others than SYNs of port 80"
	[ "$(how_many "$f" 'tcp.flags == 0x012')" -ge 1 ] || fail "no SYN-ACK"
}

# The client's end: what it opens, and closes. Bulk: nothing is missing, unless that is said.
test_capture_client() {
	local f=$LIB_TMP/client.pcapng
	nginx_start "$NS" 80 "$LIB_TMP/www" || fail "nginx"
	tern_bg --role client --connect 192.0.2.2:80 --http /index.html --total 2 --concurrency 1 --capture "$f"
	wait_exit 60 $TERN_PID || fail "status $?"
	[ "$(how_many "$f" 'frame.comment == "CLOSED -> SYN_SENT"')" = 2 ] || fail "no open: $(shark "$f" frame.comment -e frame.comment)"
	[ "$(how_many "$f" 'frame.comment == "SYN_SENT -> ESTABLISHED"')" = 2 ] || fail "no handshake"
	tern_bg --role client --connect 192.0.2.2:80 --http /10m.bin --total 2 --concurrency 1 --capture "$f"
	wait_exit 60 $TERN_PID || fail "status $?"
	[ "$(how_many "$f" 'frame.comment == "CLOSED -> SYN_SENT"')" -ge 1 ] || fail "no open of a bulk transfer"
	grep -q 'lacks' "$LIB_TMP/tern.err" || [ "$(how_many "$f" tcp.analysis.ack_lost_segment)" = 0 ] || fail "packets are missing"
}

# Two workers behind one queue: a frame that is handed over is there once, with what became of it.
test_capture_two_workers() {
	local f=$LIB_TMP/two.pcapng i n
	LCORES=0-1 tern_serve --role http --root "$LIB_TMP/www" --capture "$f"
	for i in {1..12}; do
		in_ns curl -sS --max-time 60 -o /dev/null -H 'Connection: close' "http://$HOST/index.html" || fail "curl"
		in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST:81/" 2>/dev/null
	done
	tern_end
	want_counter HandoverIn -ge 12
	n=$(shark "$f" 'tcp.flags == 0x002 && tcp.dstport == 80' -e tcp.srcport | sort -u | wc -l)
	[ "$n" = 12 ] || fail "$n connections"
	[ "$(how_many "$f" 'tcp.dstport == 80 && tcp.flags.syn == 1 && !(frame.comment == "LISTEN -> SYN_RCVD")')" = 0 ] || fail "a SYN without its state"
	[ "$(how_many "$f" 'tcp.dstport == 80 && frame.comment == "SYN_RCVD -> ESTABLISHED"')" = 12 ] || fail "handshakes"
	[ "$(how_many "$f" 'tcp.dstport == 81 && frame.comment contains "DropNoSocket"')" = "$(how_many "$f" 'tcp.dstport == 81')" ] || fail "port 81"
	n=$(shark "$f" 'tcp.dstport == 80 && ip' -e ip.id | sort | uniq -d)
	[ -z "$n" ] || fail "a frame is there twice: $n"
}

# What dpdk-dumpcap does, by librte_pdump: a second process, which needs the memory that processes share, in huge pages. Those are
# mounted for tern alone.
test_second_process() {
	local eal=(--file-prefix "tern-$NS" --huge-dir /mnt --no-pci --no-telemetry --log-level=lib.eal:error --log-level=pmd.net.tap:critical)
	[ "$(huge_free)" -ge 220 ] || { say "not tried: less than 220 huge pages are free"; return; }
	bg tern ip netns exec "$NS" bash -c 'mount -t hugetlbfs none /mnt && exec "$@"' - "$TERN" "${eal[@]}" -m 400 -l $LCORES \
		--vdev net_tap0,iface=dtap0 -- --addr $HOST/24 --role http --root "$LIB_TMP/www"
	TERN_PID=$BG_PID
	tap_up "$NS" || fail "the tap device did not appear"
	wait_for 10 ip netns exec "$NS" ping -c 1 -W 1 -q $HOST || fail "no answer to ping"
	bg second nsenter -t $TERN_PID -m -n "$BUILD/tests/second/second" "${eal[@]}" --proc-type=secondary -l $LCORES -- 0 6
	wait_for 30 grep -q listening "$LIB_TMP/second.out" || fail "it does not listen"
	grep -qE '^port 0: net_tap0, rx [1-9][0-9]*, tx [1-9][0-9]*$' "$LIB_TMP/second.out" || fail "the port"
	in_ns curl -sS --max-time 60 -o /dev/null -H 'Connection: close' "http://$HOST/index.html" || fail "curl"
	wait_exit 30 $BG_PID || fail "status $?"
	grep -qE '^IP 192\.0\.2\.2\.[0-9]+ > 192\.0\.2\.1\.80: Flags \[S\]$' "$LIB_TMP/second.out" || fail "no SYN"
	grep -qE '^IP 192\.0\.2\.1\.80 > 192\.0\.2\.2\.[0-9]+: Flags \[S\.\]$' "$LIB_TMP/second.out" || fail "no SYN-ACK"
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST/index.html" || fail "curl when it has left"
	tern_end
	rm -rf "/var/run/dpdk/tern-$NS"
}

test_capture_refused() {
	local ok=(--role http --body x --addr $HOST/24)
	refused '--capture-filter: .*no filter of tcpdump' "${ok[@]}" --capture "$LIB_TMP/x" --capture-filter 'tcp prot 80'
	refused '--capture-filter: of which file' "${ok[@]}" --capture-filter tcp
	refused '--capture: /nowhere/x: No such file' "${ok[@]}" --capture /nowhere/x
	refused '--capture: wire cannot' --role wire --capture "$LIB_TMP/x"
	tern_serve --role http --root "$LIB_TMP/www" --ctl "$LIB_TMP/ctl"
	ctl_fails "'tcp prot 80' is no filter of tcpdump's: (syntax error|can't parse)" --socket "$LIB_TMP/ctl" capture "$LIB_TMP/x" tcp prot 80
	ctl_fails '/nowhere/x: No such file' --socket "$LIB_TMP/ctl" capture /nowhere/x
	ctl_fails 'capture: needs FILE' --socket "$LIB_TMP/ctl" capture
	ctl_fails 'no filter of tcpdump' --socket "$LIB_TMP/ctl" trace on 'port x x'
	[ ! -e "$LIB_TMP/x" ] || fail "a file was made"
	# a full disk, at once and later: said, and tern goes on
	ctl_fails '/dev/full: No space left' --socket "$LIB_TMP/ctl" capture /dev/full
	mkdir "$LIB_TMP/small" && nsenter -t $TERN_PID -m mount -t tmpfs -o size=200k none "$LIB_TMP/small" || fail "no small file system"
	ctl capture "$LIB_TMP/small/big" || fail "capture"
	in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" "http://$HOST/10m.bin" || fail "curl while the file is full"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	ended() { grep -q 'capture: .*/big: No space left on device, after [0-9]* packets: it ends here' "$LIB_TMP/tern.err"; }
	wait_for 20 ended || fail "nothing is said of the file"
	grep -q 'No space left' <<<"$(ctl show capture)" || fail "show capture"
	ctl_fails 'capture stop: .*/big: No space left' --socket "$LIB_TMP/ctl" capture stop
	ctl capture "$LIB_TMP/big" && ctl capture stop >/dev/null || fail "a capture after that"
	tern_end
}

test_trace_command() {
	tern_serve --role http --root "$LIB_TMP/www" --ctl "$LIB_TMP/ctl"
	ctl trace on port 80 || fail "trace on"
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST/index.html" || fail "curl"
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST:81/" 2>/dev/null
	ctl trace off || fail "trace off"
	grep -q '^IP 192.0.2.2.[0-9]* > 192.0.2.1.80: Flags \[S\]' "$LIB_TMP/tern.out" || fail "no SYN"
	grep -q '^192.0.2.1.80 > .*: SYN_RCVD -> ESTABLISHED' "$LIB_TMP/tern.out" || fail "no state"
	! grep -qE '\.81: |ARP|ICMP' "$LIB_TMP/tern.out" || fail "what the filter does not take"
	grep -c '^IP' "$LIB_TMP/tern.out" >"$LIB_TMP/lines"
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST/index.html" || fail "curl"
	[ "$(grep -c '^IP' "$LIB_TMP/tern.out")" = "$(cat "$LIB_TMP/lines")" ] || fail "lines after trace off"
	ctl trace on || fail "trace on, all"
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST:81/" 2>/dev/null
	grep -q '\.81: Flags \[S\]' "$LIB_TMP/tern.out" || fail "trace on without a filter"
	tern_end
}
