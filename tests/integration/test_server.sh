# SPDX-License-Identifier: BSD-3-Clause
# tern as the server; the kernel's TCP connects.

test_ping() {
	tern_serve --role http --root "$LIB_TMP/www"
	for host in $HOST $HOST6; do
		for size in 0 56 1400; do
			in_ns ping -c 3 -i 0.2 -W 10 -q -s $size $host || fail "ping -s $size $host"
		done
	done
	tern_end
	want_counter IcmpOutEchoReps -ge 18
}

test_page() {
	tern_serve --role http --root "$LIB_TMP/www"
	for url in "http://$HOST/index.html" "http://$HOST/" "http://[$HOST6]/index.html"; do
		in_ns curl -sS --max-time 60 -o "$LIB_TMP/page" "$url" || fail "curl $url"
		same_sha "$LIB_TMP/www/index.html" "$LIB_TMP/page"
	done
	[ "$(in_ns curl -s --max-time 60 -o /dev/null -w '%{http_code}' http://$HOST/none)" = 404 ] || fail "no 404 for a page that is not there"
	tern_end
	want_counter TcpPassiveOpens -eq 4
	want_counter TcpOutRsts -eq 0
}

# The kernel's client: a cookie with the first connection, the request in the SYN of the next ones (RFC 7413).
test_fastopen() {
	tern_serve --role http --root "$LIB_TMP/www" --fastopen 16
	for host in $HOST "[$HOST6]"; do
		for i in 1 2 3; do
			in_ns curl -sS --tcp-fastopen --max-time 60 -o "$LIB_TMP/page" "http://$host/index.html" || fail "curl $i"
			same_sha "$LIB_TMP/www/index.html" "$LIB_TMP/page"
		done
	done
	tern_end
	want_counter TcpExtTCPFastOpenCookieReqd -eq 2
	want_counter TcpExtTCPFastOpenPassive -eq 4
	want_counter TcpExtTCPFastOpenPassiveFail -eq 0
}

# The kernel asks for ECN and gets it; a transfer with it is right.
test_ecn() {
	in_ns sysctl -qw net.ipv4.tcp_ecn=1 || fail "sysctl"
	tern_serve --role http --root "$LIB_TMP/www"
	capture ecn -i dtap0 -w "$LIB_TMP/ecn.pcap"
	in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" "http://$HOST/10m.bin" || fail "curl"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	capture_end "$LIB_TMP/ecn.pcap"
	tern_end
	[ "$(tshark -r "$LIB_TMP/ecn.pcap" -Y 'tcp.flags == 0x052' 2>/dev/null | wc -l)" -ge 1 ] || fail "no SYN-ACK with ECE"
	[ "$(tshark -r "$LIB_TMP/ecn.pcap" -Y "ip.src == $HOST && ip.dsfield.ecn == 2" 2>/dev/null | wc -l)" -ge 1000 ] ||
		fail "data is not marked ECT(0)"
}

test_file_10mb() {
	tern_serve --role http --root "$LIB_TMP/www"
	for host in $HOST "[$HOST6]"; do
		in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" "http://$host/10m.bin" || fail "curl from $host"
		same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	done
	tern_end
}

test_keepalive() {
	tern_serve --role http --root "$LIB_TMP/www"
	in_ns curl -sS --max-time 60 -o "$LIB_TMP/a" "http://$HOST/index.html" -o "$LIB_TMP/b" "http://$HOST/10m.bin" ||
		fail "curl of two pages"
	same_sha "$LIB_TMP/www/index.html" "$LIB_TMP/a"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/b"
	tern_end
	want_counter TcpPassiveOpens -eq 1
}

# 100 000 connections of one request each; the server closes first and keeps the TIME-WAITs.
test_100k_connections() {
	tern_serve --role http --root "$LIB_TMP/www"
	in_ns ab -q -r -s 20 -n 100000 -c 50 "http://$HOST/index.html" >"$LIB_TMP/ab.out" 2>&1 || fail "ab did not finish"
	grep -E 'Complete requests|Failed|Requests per' "$LIB_TMP/ab.out"
	grep -qE '^Complete requests: +100000$' "$LIB_TMP/ab.out" || fail "not every request was answered"
	grep -qE '^Failed requests: +0$' "$LIB_TMP/ab.out" || fail "requests failed"
	sleep 0.5
	tern_end
	want_counter TcpExtTernEstablished -ge 100000
	want_counter TcpExtListenDrops -eq 0
}

# wrk keeps its connections: requests by the thousand on each, pipelines of none.
test_wrk_keep_alive() {
	tern_serve --role http --root "$LIB_TMP/www"
	in_ns wrk -t 1 -c 50 -d 3s "http://$HOST/index.html" >"$LIB_TMP/wrk.out" 2>&1 || fail "wrk did not finish"
	grep -E 'requests in|Requests/sec|Socket errors|Non-2xx' "$LIB_TMP/wrk.out"
	grep -qE '^ +[0-9]{3,} requests in' "$LIB_TMP/wrk.out" || fail "hardly a request was answered"
	grep -qE 'Socket errors|Non-2xx' "$LIB_TMP/wrk.out" && fail "requests failed"
	sleep 0.5
	tern_end
	want_counter TcpExtTernEstablished -ge 50
}

test_half_close() {
	tern_serve --role echo --port 7
	for host in $HOST $HOST6; do
		in_ns timeout 60 nc -N $host 7 <"$LIB_TMP/www/10m.bin" >"$LIB_TMP/echoed" || fail "nc -N $host"
		same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/echoed"
	done
	tern_end
	want_counter TcpOutRsts -eq 0
}

test_reset_mid_transfer() {
	tern_serve --role http --root "$LIB_TMP/www"
	for _ in {1..20}; do
		in_ns python3 "$PEER" linger0 $HOST 80 /10m.bin || fail "the resetting client"
	done
	in_ns curl -sS --max-time 60 -o "$LIB_TMP/page" "http://$HOST/" || fail "no page after the resets"
	tern_end
	want_counter TcpEstabResets -eq 20
}

test_refused_port() {
	tern_serve --role http --root "$LIB_TMP/www"
	in_ns curl -s --max-time 60 "http://$HOST:81/"
	[ $? = 7 ] || fail "a closed port must be refused (curl's error 7)"
	tern_end
	want_counter TcpOutRsts -eq 1
	want_counter DropNoSocket -eq 1
}

# 2 MSL of 3 s: the tuple is held, its FIN acknowledged again and 2 MSL started anew, RST ignored; then it is gone.
test_time_wait() {
	tern_serve --role http --root "$LIB_TMP/www" --time-wait-ms 3000
	in_ns python3 "$PEER" timewait $HOST 80 3 || fail "TIME-WAIT did not behave"
	tern_end
	want_counter TcpExtTW -eq 1
	want_counter TcpExtTernTWReAck -ge 2
	want_counter TcpExtTernTWRstIgnored -ge 2
}

# One queue, two workers: whoever polls the tap hands the other's packets over, and the start-up report says so.
test_two_workers() {
	LCORES=0,1
	tern_serve --role http --root "$LIB_TMP/www" --workers 2
	cat "$LIB_TMP/tern.out" "$LIB_TMP/tern.err" | grep -qi 'hand-over' || fail "the start-up report does not mention the hand-over"
	for host in $HOST "[$HOST6]"; do
		for _ in {1..4}; do
			in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" "http://$host/10m.bin" || fail "curl from $host"
			same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
		done
	done
	in_ns ab -q -r -s 20 -n 2000 -c 10 "http://$HOST/index.html" >"$LIB_TMP/ab.out" 2>&1 || fail "ab did not finish"
	grep -qE '^Failed requests: +0$' "$LIB_TMP/ab.out" || fail "requests failed"
	tern_end
	want_counter HandoverOut -gt 100
	want_counter DropHandoverFull -eq 0
}

test_sigint_drains() {
	tern_serve --role http --root "$LIB_TMP/www"
	ip netns exec "$NS" curl -sS --max-time 60 --limit-rate 5M -o "$LIB_TMP/got" "http://$HOST/10m.bin" 2>"$LIB_TMP/curl.err" &
	local curl=$!
	LIB_PIDS+=($curl)
	sleep 0.5
	tern_end
	kill -0 $TERN_PID 2>/dev/null && fail "still there"
	wait_exit 5 $curl
	[ $? != 124 ] || fail "curl still waits for a server that left"
}

# What Wireshark's analysis thinks of an undisturbed download and upload.
test_wireshark_is_content() {
	local bad good
	tern_serve --role http --root "$LIB_TMP/www"
	capture clean -s 200 -i dtap0 -w "$LIB_TMP/clean.pcap" tcp
	for host in $HOST "[$HOST6]"; do
		in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" "http://$host/10m.bin" || fail "curl from $host"
		in_ns curl -sS --max-time 60 -H 'Connection: close' -o "$LIB_TMP/got" "http://$host/" || fail "curl from $host"
	done
	capture_end "$LIB_TMP/clean.pcap"
	bad=$(shark_remarks "$LIB_TMP/clean.pcap" tcp)
	[ -z "$bad" ] || fail "tshark: $(head -5 <<<"$bad")"
	good=$(tshark -n -r "$LIB_TMP/clean.pcap" -Y 'tcp.flags.syn == 1 || tcp.flags.fin == 1' 2>/dev/null | wc -l)
	[ "$good" -ge 14 ] || fail "the capture holds only $good SYNs and FINs"
	capture lossy -s 200 -i dtap0 -w "$LIB_TMP/lossy.pcap" tcp
	drop_first 1 in tcp sport 80 meta length 1400-1500
	in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" "http://$HOST/10m.bin" || fail "curl with a loss"
	capture_end "$LIB_TMP/lossy.pcap"
	[ "$(dropped)" = 1 ] || fail "$(dropped) segments were lost"
	shark_remarks "$LIB_TMP/lossy.pcap" tcp | grep -q Retransmission || fail "a segment was lost, and nothing is remarked on"
	tern_end
}

# Whole frames this time: every checksum that tern sent is right.
test_checksums() {
	tern_serve --role http --root "$LIB_TMP/www"
	local bad good
	capture sum -i dtap0 -w "$LIB_TMP/sum.pcap" "src host $HOST or src host $HOST6"
	for host in $HOST "[$HOST6]"; do
		in_ns curl -sS --max-time 60 -o /dev/null "http://$host/10m.bin" || fail "curl from $host"
	done
	in_ns ping -c 1 -q $HOST || fail ping
	capture_end "$LIB_TMP/sum.pcap"
	set -- -n -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -r "$LIB_TMP/sum.pcap"
	bad=$(tshark "$@" -Y 'tcp.checksum.status == "Bad" || ip.checksum.status == "Bad" || icmp.checksum.status == "Bad"' 2>/dev/null)
	good=$(tshark "$@" -Y 'tcp.checksum.status == "Good"' 2>/dev/null | wc -l)
	[ -z "$bad" ] || fail "bad checksum: $(head -3 <<<"$bad")"
	[ "$good" -gt 1000 ] || fail "only $good checksums were verified"
	tern_end
}

# The trace of a connection is, line by line, what the real tcpdump prints.
test_trace_is_tcpdump() {
	tern_serve --role http --root "$LIB_TMP/www" --trace
	local n port=40000
	capture tcpdump -t -S -l -i dtap0 tcp
	for url in "http://$HOST/" "http://[$HOST6]/" "http://$HOST:81/"; do
		port=$((port + 1))
		in_ns curl -s --max-time 60 --local-port $port -H 'Connection: close' -o /dev/null "$url"
	done
	capture_end "$LIB_TMP/tcpdump.out"
	tern_end
	for port in 40001 40002 40003; do
		tcp_lines "$LIB_TMP/tcpdump.out" $port | sort >"$LIB_TMP/a"
		tcp_lines "$LIB_TMP/tern.out" $port | sort >"$LIB_TMP/b"
		n=$(wc -l <"$LIB_TMP/a")
		[ "$n" -ge 2 ] || fail "tcpdump saw only $n packets of port $port"
		diff "$LIB_TMP/a" "$LIB_TMP/b" || fail "the trace of port $port differs from tcpdump's"
	done
}
