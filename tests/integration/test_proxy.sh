# SPDX-License-Identifier: BSD-3-Clause
# The front for servers of the kernel's: clients of the kernel's by tap, a backend at the loopback or at a path.

# proxy_nginx: at 127.0.0.1:8080; with the PROXY protocol at 127.0.0.1:8082 and $LIB_TMP/sock. /who says who the client is.
proxy_nginx() {
	mkdir -p "$LIB_TMP/www/up"
	cat >"$LIB_TMP/nginx.conf" <<-EOF
		user root; worker_processes 1; daemon off; pid $LIB_TMP/nginx.pid; error_log $LIB_TMP/nginx.err;
		events { worker_connections 1024; }
		http {
			access_log off; client_max_body_size 0; client_body_temp_path $LIB_TMP; proxy_temp_path $LIB_TMP;
			fastcgi_temp_path $LIB_TMP; uwsgi_temp_path $LIB_TMP; scgi_temp_path $LIB_TMP; root $LIB_TMP/www;
			server { listen 127.0.0.1:8080; }
			server {
				listen 127.0.0.1:8082 proxy_protocol; listen unix:$LIB_TMP/sock proxy_protocol;
				location = /who { return 200 "\$proxy_protocol_addr \$proxy_protocol_server_port"; }
				location /up/ { dav_methods PUT; }
			}
		}
	EOF
	ip netns exec "$NS" nginx -e "$LIB_TMP/nginx.err" -c "$LIB_TMP/nginx.conf" &
	LIB_PIDS+=($!)
	wait_for 5 test -S "$LIB_TMP/sock" || fail "nginx"
}

# proxy_to WHERE FILE: it comes and goes, by either family; a page by many connections; the backend knows whose.
proxy_to() {
	proxy_nginx
	tern_serve --role proxy --proxy-protocol --to "$1"
	[ "$(in_ns curl -sS --max-time 60 "http://$HOST/who")" = "192.0.2.2 80" ] || fail "IPv4: the wrong client"
	[ "$(in_ns curl -sS --max-time 60 "http://[$HOST6]/who")" = "2001:db8::2 80" ] || fail "IPv6: the wrong client"
	in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" "http://$HOST/$2" || fail "$2 from the backend"
	same_sha "$LIB_TMP/www/$2" "$LIB_TMP/got"
	in_ns curl -sS --max-time 60 -T "$LIB_TMP/www/$2" "http://[$HOST6]/up/x" || fail "$2 to the backend"
	same_sha "$LIB_TMP/www/$2" "$LIB_TMP/www/up/x"
	in_ns ab -q -n 500 -c 20 "http://$HOST/index.html" >"$LIB_TMP/ab.out" 2>&1 || fail "ab did not finish"
	grep -qE '^Failed requests: +0$' "$LIB_TMP/ab.out" || fail "requests failed"
	tern_end
	grep -q 'backend: 0 refused, 0 timed out, 0 reset, 0 had no' "$LIB_TMP/tern.out" || fail "a backend that failed"
}

test_proxy_tcp() {
	random_file "$LIB_TMP/www/64m.bin" 64
	proxy_to 127.0.0.1:8082 64m.bin
}

test_proxy_unix() { proxy_to "unix:$LIB_TMP/sock" 10m.bin; }

# The config as it is shipped. A flood of SYNs is answered with cookies and never comes to the backend; requests beside it are all answered.
test_proxy_flood() {
	local flood n
	proxy_nginx
	config_bg proxy-tap.cfg -- --backlog 16 --gw 192.0.2.2
	tern0_up
	wait_for 10 ip netns exec "$NS" ping -c 1 -W 1 -q $HOST || fail "no answer to ping"
	bg flood ip netns exec "$NS" python3 "$PEER" syn-flood $HOST 80 60
	flood=$BG_PID
	wait_for 20 grep -q flooding "$LIB_TMP/flood.out" || fail "no flood"
	n=$(in_ns ab -q -s 20 -n 500 -c 5 "http://$HOST/index.html" 2>&1 | awk '/^Complete requests/ { n = $3 } /^Failed requests/ { n -= $3 } END { print n + 0 }')
	kill -TERM $flood 2>/dev/null || fail "the flood was over before the requests were"
	wait_exit 10 $flood || fail "the flood"
	[ "$n" = 500 ] || fail "$n of 500 requests were answered beside the flood"
	tern_end
	want_counter TcpExtSyncookiesSent -ge 500
	want_counter TcpPassiveOpens -le 510 # ab opens a few that it does not use
}

# An end goes through each way; a backend that dies takes its clients with it, is missed, and is there again.
test_proxy_backend() {
	local echo client i
	ulimit -n 1000
	tern_serve --role proxy --port 7 --to 127.0.0.1:7777
	in_ns nc -N -w 30 $HOST 7 </dev/null >/dev/null 2>"$LIB_TMP/nc.err"
	for i in 1 2; do
		bg echo ip netns exec "$NS" python3 -B "$HERE/server.py" echo 7777
		echo=$BG_PID
		wait_for 10 grep -q listening "$LIB_TMP/echo.out" || fail "no backend"
		in_ns timeout 60 nc -N $HOST 7 <"$LIB_TMP/www/10m.bin" >"$LIB_TMP/echoed" || fail "nc -N, $i"
		same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/echoed"
		bg client ip netns exec "$NS" timeout 60 nc -d $HOST 7
		client=$BG_PID
		wait_for 10 sh -c "ip netns exec $NS ss -Htn state established dport = :7777 | grep -q ." || fail "the client is not joined"
		kill -KILL $echo
		wait_exit 5 $client
		[ $? != 124 ] || fail "the client of a backend that died was not told"
		: >"$LIB_TMP/echo"
	done
	tern_end
	grep -q -- '--max-conns 16384 of 1 workers needs 16449 descriptors, 1000 there may be' "$LIB_TMP/tern.err" || fail "no word of the limit"
	grep -q 'proxy: 5 connections' "$LIB_TMP/tern.out" || fail "not 5 connections"
	grep -q 'backend: 1 refused' "$LIB_TMP/tern.out" || fail "nobody was refused"
	grep -q 'Connection refused: such clients are reset' "$LIB_TMP/tern.err" || fail "no word of it"
}
