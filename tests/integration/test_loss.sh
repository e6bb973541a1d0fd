# SPDX-License-Identifier: BSD-3-Clause
# The first SYN, SYN-ACK, ACK or FIN of either side is lost; nothing else may be.

SYN='tcp flags & (syn|ack) == syn'
SYNACK='tcp flags & (syn|ack) == (syn|ack)'
ACK='tcp flags & (syn|ack) == ack' # the third packet; tern's carries the request
FIN='tcp flags & fin == fin'

lose_at_server() { # in|out MATCH; in is what tern sends
	tern_serve --role http --root "$LIB_TMP/www"
	drop_first 1 "$@"
	in_ns curl -sS --max-time 60 -w 'took %{time_total} s\n' -H 'Connection: close' -o "$LIB_TMP/page" "http://$HOST/" ||
		fail "curl failed after one loss"
	same_sha "$LIB_TMP/www/index.html" "$LIB_TMP/page"
	wait_for 5 no_sockets || fail "the kernel still has a connection open: $(in_ns ss -tan)"
	[ "$(dropped)" = 1 ] || fail "$(dropped) packets were dropped, expected 1"
	tern_end
	want_counter TcpOutRsts -eq 0
	want_counter TcpPassiveOpens -eq 1
}
no_sockets() { [ -z "$(in_ns ss -Htan state connected exclude time-wait | grep -v LISTEN)" ]; }

test_lost_syn_to_server() { lose_at_server out "$SYN"; }
test_lost_synack_from_server() { lose_at_server in "$SYNACK"; want_counter TcpExtTCPSynRetrans -ge 1; }
test_lost_ack_to_server() { lose_at_server out "$ACK"; }
test_lost_fin_from_server() { lose_at_server in "$FIN"; want_counter TcpRetransSegs -ge 1; }
test_lost_fin_to_server() { lose_at_server out "$FIN"; }

lose_at_client() { # in|out MATCH
	nginx_start "$NS" 8080 "$LIB_TMP/www" || fail "nginx did not start"
	drop_first 1 "$@"
	tern_get /index.html --close client
	[ $RC = 0 ] || fail "the client ended with $RC"
	[ "$(dropped)" = 1 ] || fail "$(dropped) packets were dropped, expected 1"
	same_sha "$LIB_TMP/www/index.html" "$LIB_TMP/got"
	pools_clean
	want_counter TcpOutRsts -eq 0
	wait_for 5 no_sockets || fail "the kernel still has a connection open: $(in_ns ss -tan)"
}

test_lost_syn_from_client() { lose_at_client in "$SYN"; want_counter TcpExtTCPSynRetrans -eq 1; }
test_lost_synack_to_client() { lose_at_client out "$SYNACK"; }
test_lost_ack_from_client() { lose_at_client in "$ACK"; }
test_lost_fin_from_client() { lose_at_client in "$FIN"; want_counter TcpRetransSegs -ge 1; }
test_lost_fin_to_client() { lose_at_client out "$FIN"; }

# Every 50th data segment is lost, each way: slower, never wrong.
test_lossy_transfer() {
	tern_serve --role echo --port 7
	in_ns nft -f - <<-EOF || fail "nft refused the rules"
	table inet lose {
		chain i { type filter hook input priority 0; policy accept; tcp sport 7 numgen inc mod 50 == 49 counter drop; }
		chain o { type filter hook output priority 0; policy accept; tcp dport 7 numgen inc mod 50 == 49 counter drop; }
	}
	EOF
	head -c 5000000 "$LIB_TMP/www/10m.bin" >"$LIB_TMP/part"
	in_ns timeout 100 nc -N $HOST 7 <"$LIB_TMP/part" >"$LIB_TMP/echoed" || fail "nc under loss"
	same_sha "$LIB_TMP/part" "$LIB_TMP/echoed"
	for n in $(dropped); do [ "$n" -ge 10 ] || fail "only $n packets were dropped"; done
	sleep 1
	tern_end
	want_counter TcpRetransSegs -ge 10
}
