# SPDX-License-Identifier: BSD-3-Clause
# tern as the client; nginx on the kernel's TCP answers.

# tern_get PATH [ARGS...]: tern fetches one page of the nginx at 192.0.2.2:8080 into $LIB_TMP/got; sets RC.
tern_get() {
	local path=$1
	shift
	rm -f "$LIB_TMP/got"
	tern_bg --role client --connect "${PEER_ADDR:-192.0.2.2:8080}" --http "$path" --output "$LIB_TMP/got" --total 1 \
		--concurrency 1 "$@"
	wait_exit 40 $TERN_PID
	RC=$?
}

# nginx has to listen before the tap exists: on the wildcard.
test_client_gets_10mb() {
	nginx_start "$NS" '8080; listen [::]:8080' "$LIB_TMP/www" || fail "nginx did not start"
	tern_get /10m.bin
	[ $RC = 0 ] || fail "the client ended with $RC"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	pools_clean
	PEER_ADDR='[2001:db8::2]:8080'
	tern_get /10m.bin
	[ $RC = 0 ] || fail "the client ended with $RC over IPv6"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	pools_clean
}

test_client_many() {
	nginx_start "$NS" 8080 "$LIB_TMP/www" || fail "nginx did not start"
	tern_bg --role client --connect 192.0.2.2:8080 --http /index.html --total 5000 --concurrency 20
	wait_exit 60 $TERN_PID
	[ $? = 0 ] || fail "the client failed"
	want_counter TcpExtTernEstablished -eq 5000
	pools_clean
}

test_client_refused() {
	tern_get /
	[ $RC != 0 ] && [ $RC != 124 ] || fail "a refused connection must end the client with an error, not $RC"
	want_counter TcpAttemptFails -eq 1
	pools_clean
}

# tern and the peer open and close a connection of known sequence; the trace of it is tcpdump's.
test_client_trace_is_tcpdump() {
	nginx_start "$NS" 8080 "$LIB_TMP/www" || fail "nginx did not start"
	tern_bg --role client --connect 192.0.2.2:8080 --http /index.html --output "$LIB_TMP/got" --total 1 --trace
	wait_exit 40 $TERN_PID || fail "the client failed"
	grep -c '^IP 192.0.2.1.*192.0.2.2.8080: Flags \[S\], seq [0-9]*, win [0-9]*, options \[mss' "$LIB_TMP/tern.out" |
		grep -qx 1 || fail "the trace does not show one SYN"
	grep -qE '^192.0.2.1.[0-9]+ > 192.0.2.2.8080: SYN_SENT -> ESTABLISHED' "$LIB_TMP/tern.out" || fail "no state line"
}
