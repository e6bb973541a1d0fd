# SPDX-License-Identifier: BSD-3-Clause
# `tern run`: programs that talk to programs: proxies and copies, and clients, one end on tern and the other on the kernel or on
# tern, too, in a process of its own on the same tap. (Such a client reaches 192.0.2.1 through the host's end: connect() to the stack's
# own address is the kernel's.)

# beside NAME PROGRAM ARGS...: another program on tern. LIB_TMP/NAME.log has what both say.
beside() {
	local name=$1
	shift
	: >"$LIB_TMP/$name.log"
	(cd "$LIB_TMP/www" && exec ip netns exec "$NS" "$TERN" run --stats -- "$@") >>"$LIB_TMP/$name.log" 2>&1 &
	BESIDE=$!
	LIB_PIDS+=($BESIDE)
}

# kernel NAME PROGRAM ARGS...: on the kernel, in the background.
kernel() {
	local name=$1
	shift
	: >"$LIB_TMP/$name.log"
	(exec ip netns exec "$NS" "$@") >>"$LIB_TMP/$name.log" 2>&1 &
	BESIDE=$!
	LIB_PIDS+=($BESIDE)
}

listens() { # PORT: in the kernel, at whatever address
	wait_for 15 sh -c "ip netns exec $NS ss -Hltn 'sport = :$1' | grep -q ." || fail "nobody listens on $1"
}

said_by() { # NAME REGEX
	wait_for 20 grep -qE "$2" "$LIB_TMP/$1.log" || { tail -n 15 "$LIB_TMP/$1.log"; fail "$1 does not say '$2'"; }
}

# end_beside NAME SIGNAL [STATUS]
end_beside() {
	local rc
	kill -"$2" $BESIDE
	wait_exit 15 $BESIDE
	rc=$?
	[ $rc = "${3:-0}" ] || { tail -n 15 "$LIB_TMP/$1.log"; fail "$1: exit status $rc after SIG$2"; }
}

certificate() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tern -keyout "$LIB_TMP/key.pem" -out "$LIB_TMP/cert.pem" 2>/dev/null ||
		fail "no certificate"
}

# nginx as a proxy: its upstream is the kernel's, or another process' on tern.
test_run_nginx_proxy() {
	nginx_start "$NS" 8081 "$LIB_TMP/www" || fail "nginx"
	NGINX_MORE="proxy_buffering off; location /kernel/ { proxy_pass http://192.0.2.2:8081/; } location /tern/ { proxy_pass http://$HOST:81/; }"
	nginx_conf 80 >"$LIB_TMP/nginx.conf"
	run_serve 80 nginx -e "$LIB_TMP/nginx.err" -c "$LIB_TMP/nginx.conf"
	beside python /usr/bin/python3 -m http.server -b $HOST 81
	said_by python "listening on $HOST:81"
	for up in kernel tern; do
		in_ns curl -sS --max-time 30 -o "$LIB_TMP/got" http://$HOST/$up/10m.bin || fail "an upstream on the $up"
		same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
		ab_all 200 -c 10 http://$HOST/$up/index.html
	done
	end_beside python TERM 143
	run_end QUIT
	RUN_LOG=$LIB_TMP/nginx.err
	want_tern TcpActiveOpens 201
}

# Who was the client is told on both sides: haproxy on tern says it to the kernel's, and that one says it to haproxy on tern.
test_run_haproxy_proxy_protocol() {
	nginx_start "$NS" 8081 "$LIB_TMP/www" || fail "nginx"
	cat >"$LIB_TMP/tern.cfg" <<-EOF
		defaults
			timeout connect 5s
			timeout client 10s
			timeout server 10s
		frontend clients
			bind $HOST:8080
			default_backend there
		backend there
			server s1 192.0.2.2:8082 send-proxy-v2
		frontend back
			mode http
			bind $HOST:8083 accept-proxy
			http-request return status 200 content-type text/plain lf-string "%[src]\n" if { path /src }
			default_backend pages
		backend pages
			mode http
			server s1 192.0.2.2:8081
	EOF
	cat >"$LIB_TMP/kernel.cfg" <<-EOF
		defaults
			timeout connect 5s
			timeout client 10s
			timeout server 10s
		frontend clients
			bind 192.0.2.2:8082 accept-proxy
			default_backend there
		backend there
			server s1 $HOST:8083 send-proxy
	EOF
	run_serve 8083 haproxy -f "$LIB_TMP/tern.cfg"
	kernel haproxy haproxy -f "$LIB_TMP/kernel.cfg"
	listens 8082
	in_ns ip addr add 192.0.2.9/24 dev tern0
	[ "$(in_ns curl -sS --max-time 10 --interface 192.0.2.9 http://$HOST:8080/src)" = 192.0.2.9 ] || fail "who came is not known"
	in_ns curl -sS --max-time 20 -o "$LIB_TMP/got" http://$HOST:8080/10m.bin || fail "curl"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	run_end USR1
	want_tern TcpActiveOpens 3
}

# 100 transfers at a time of one process on tern, and HTTPS.
test_run_curl() {
	local i
	certificate
	NGINX_MORE="listen 8443 ssl http2; ssl_certificate $LIB_TMP/cert.pem; ssl_certificate_key $LIB_TMP/key.pem;" nginx_conf 8081 >"$LIB_TMP/nginx.conf"
	kernel nginx nginx -e "$LIB_TMP/nginx.err" -c "$LIB_TMP/nginx.conf"
	listens 8443
	in_ns "$TERN" run --stats -- curl -sS --max-time 60 --parallel --parallel-immediate --parallel-max 100 -o "$LIB_TMP/page#1" \
		"http://192.0.2.2:8081/index.html?[1-100]" 2>"$LIB_TMP/run.err" || fail "curl, 100 at a time"
	for i in {1..100}; do cmp -s "$LIB_TMP/www/index.html" "$LIB_TMP/page$i" || fail "page $i"; done
	want_tern TcpActiveOpens 100
	for i in --http1.1 --http2; do
		in_ns "$TERN" run --stats -- curl -sSk $i --max-time 30 -o "$LIB_TMP/got" https://192.0.2.2:8443/10m.bin 2>"$LIB_TMP/run.err" ||
			fail "curl $i"
		same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
		want_tern TcpActiveOpens 1
	done
}

# openssl and socat, each end on tern once.
test_run_openssl() {
	certificate
	beside server openssl s_server -quiet -naccept 1 -accept $HOST:4433 -key "$LIB_TMP/key.pem" -cert "$LIB_TMP/cert.pem" -WWW
	said_by server "listening on $HOST:4433"
	printf 'GET /10m.bin HTTP/1.0\r\n\r\n' | in_ns timeout 30 openssl s_client -quiet -connect $HOST:4433 2>/dev/null | tail -c 10485760 >"$LIB_TMP/got"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	wait_exit 15 $BESIDE || fail "s_server: status $?"
	cd "$LIB_TMP/www" || fail "cd"
	kernel server openssl s_server -quiet -naccept 1 -accept 4433 -key "$LIB_TMP/key.pem" -cert "$LIB_TMP/cert.pem" -WWW
	listens 4433
	printf 'GET /10m.bin HTTP/1.0\r\n\r\n' | in_ns timeout 30 "$TERN" run --stats -- openssl s_client -quiet -connect 192.0.2.2:4433 2>"$LIB_TMP/run.err" |
		tail -c 10485760 >"$LIB_TMP/got"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	want_tern TcpActiveOpens 1
}

test_run_socat() {
	beside socat socat -u TCP4-LISTEN:9000,bind=$HOST,reuseaddr "CREATE:$LIB_TMP/got"
	said_by socat "listening on $HOST:9000"
	in_ns timeout 30 socat -u "OPEN:$LIB_TMP/www/10m.bin" TCP4:$HOST:9000 || fail "socat to tern"
	wait_exit 15 $BESIDE || fail "socat: status $?"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	kernel socat socat -u TCP4-LISTEN:9001,reuseaddr "CREATE:$LIB_TMP/back"
	listens 9001
	in_ns timeout 30 "$TERN" run --stats -- socat -u "OPEN:$LIB_TMP/www/10m.bin" TCP4:192.0.2.2:9001 2>"$LIB_TMP/run.err" || fail "socat from tern"
	wait_exit 15 $BESIDE || fail "socat: status $?"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/back"
	want_tern TcpActiveOpens 1
}

redis_is() { [ "$(in_ns redis-cli -h "$1" -p "$2" get "$3")" = "$4" ]; }

# One of two redis is on tern, with threads for text in and out, and each follows the other once.
test_run_redis_replication() {
	sed 's/io-threads 1/io-threads 4/' "$TOP/config/redis.conf" >"$LIB_TMP/redis.conf"
	run_serve 6379 redis-server "$LIB_TMP/redis.conf" --io-threads-do-reads yes --repl-diskless-sync-delay 0 --dir "$LIB_TMP"
	kernel redis redis-server --bind 192.0.2.2 --port 6380 --protected-mode no --save '' --repl-diskless-sync-delay 0 --dir "$LIB_TMP"
	listens 6380
	in_ns timeout 60 redis-benchmark -h $HOST -q -n 5000 -c 20 -d 1000 -r 100000 -t set >"$LIB_TMP/rb.out" 2>&1 || fail "redis-benchmark"
	in_ns redis-cli -h $HOST set of tern >/dev/null
	in_ns redis-cli -h 192.0.2.2 -p 6380 replicaof $HOST 6379 >/dev/null
	wait_for 20 redis_is 192.0.2.2 6380 of tern || fail "the kernel's does not follow tern's"
	[ "$(in_ns redis-cli -h $HOST dbsize)" = "$(in_ns redis-cli -h 192.0.2.2 -p 6380 dbsize)" ] || fail "a copy of another size"
	in_ns redis-cli -h 192.0.2.2 -p 6380 replicaof no one >/dev/null
	in_ns redis-cli -h 192.0.2.2 -p 6380 set of kernel >/dev/null
	in_ns redis-cli -h $HOST replicaof 192.0.2.2 6380 >/dev/null
	wait_for 20 redis_is $HOST 6379 of kernel || fail "tern's does not follow the kernel's"
	in_ns redis-cli -h 192.0.2.2 -p 6380 set after sync >/dev/null
	wait_for 10 redis_is $HOST 6379 after sync || fail "tern's does not go on following"
	run_end TERM
	want_tern TcpActiveOpens 1
}
