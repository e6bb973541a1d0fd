# SPDX-License-Identifier: BSD-3-Clause
# `tern run`: programs from Debian as they are, with their TCP sockets on tern, against the kernel's.

# program_bg PROGRAM ARGS...: in the background; what it and tern say is in $LIB_TMP/run.err.
program_bg() {
	bg run env -C "${RUN_DIR:-$LIB_TMP}" ip netns exec "$NS" "$TERN" run --stats ${RUN_OPTIONS:-} -- "$@"
	RUN_PID=$BG_PID
}

# run_serve PORT PROGRAM ARGS...: as above, and tern listens there.
run_serve() {
	local port=$1
	shift
	: >"$LIB_TMP/nginx.err"
	program_bg "$@"
	wait_for 15 grep -qsE "tern: listening on .*:$port\$" "$LIB_TMP/run.err" "$LIB_TMP/nginx.err" || fail "$1 does not listen on $HOST:$port"
}

tern0_gone() { ! ip -n "$NS" link show tern0; }

# run_end [SIGNAL [STATUS]]: it leaves by the signal.
run_end() {
	local rc
	kill -"${1:-TERM}" $RUN_PID 2>/dev/null
	wait_exit 15 $RUN_PID
	rc=$?
	[ $rc = "${2:-0}" ] || fail "exit status $rc after SIG${1:-TERM}, expected ${2:-0} (124: it did not leave)"
	wait_for 5 tern0_gone || fail "tern0 is still there"
}

# A counter that tern printed when the program left: its connections were tern's. RUN_LOG: nginx has its own stderr.
run_counter() { awk -v n="$1" '$1 == n { v += $2 } END { print v + 0 }' "$LIB_TMP/run.err" ${RUN_LOG:-}; }
want_tern() { # NAME AT-LEAST
	[ "$(run_counter "$1")" -ge "$2" ] || fail "$1 is $(run_counter "$1"), expected $2 at least"
}

# ab_all N ARGS...: N requests, none of which fails, in AB_S seconds.
ab_all() {
	local n=$1
	shift
	in_ns timeout "${AB_S:-60}" ab -q -n "$n" "$@" >"$LIB_TMP/ab.out" 2>&1 || fail "ab $*"
	grep -q "Complete requests: *$n$" "$LIB_TMP/ab.out" && grep -q "Failed requests: *0$" "$LIB_TMP/ab.out" ||
		fail "ab $*: not all of $n, or some failed"
}

nginx_conf() { # LISTEN...: a config on stdout
	cat <<EOF
user root; worker_processes 1; daemon off; pid $LIB_TMP/nginx.pid; error_log $LIB_TMP/nginx.err;
events { worker_connections 1024; }
http {
	access_log off; sendfile on; client_body_temp_path $LIB_TMP; proxy_temp_path $LIB_TMP; fastcgi_temp_path $LIB_TMP;
	uwsgi_temp_path $LIB_TMP; scgi_temp_path $LIB_TMP;
	server { $(printf 'listen %s; ' "$@") root $LIB_TMP/www; ${NGINX_MORE:-} }
}
EOF
}

# Pages, files by sendfile, many connections, kept alive or not; the same over the loopback, which stays the kernel's.
test_run_nginx() {
	run_serve 80 nginx -e "$LIB_TMP/nginx.err" -p "$LIB_TMP" -c "$TOP/config/nginx.conf"
	for url in http://$HOST "http://[$HOST6]" http://127.0.0.1; do
		in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" "$url/10m.bin" || fail "curl $url/10m.bin"
		same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	done
	ab_all 1000 -c 20 http://$HOST/index.html
	ab_all 5000 -k -c 20 http://$HOST/index.html
	run_end QUIT
	RUN_LOG=$LIB_TMP/nginx.err
	want_tern TcpPassiveOpens 1022
}

pids() { # N: which processes answer N requests, and how often
	for ((i = 0; i < $1; i++)); do in_ns curl -sS --max-time 60 http://$HOST/pid || return; done | sort | uniq -c
}
new_workers() { ! pgrep -P "$(cat "$LIB_TMP/nginx.pid")" | grep -qFxf "$LIB_TMP/old"; }

# Two workers on one tap, each with a queue of its own: both answer, one that is killed is replaced, and a reload refuses nobody and
# cuts nobody off. A program that is not nginx's joins them.
test_run_processes() {
	NGINX_MORE="location /pid { return 200 \$pid\\n; }" nginx_conf 80 | sed 's/worker_processes 1/worker_processes 2/' >"$LIB_TMP/nginx.conf"
	run_serve 80 nginx -e "$LIB_TMP/nginx.err" -c "$LIB_TMP/nginx.conf"
	wait_for 15 eval '[ "$(grep -c "tern: listening" "$LIB_TMP/nginx.err")" = 2 ]' || fail "the second worker does not listen"
	pids 24 >"$LIB_TMP/pids" || fail "a request, two workers"
	[ "$(wc -l <"$LIB_TMP/pids")" = 2 ] || fail "of two workers $(wc -l <"$LIB_TMP/pids") answered 24 requests"
	ab_all 1000 -c 10 http://$HOST/index.html
	bg py ip netns exec "$NS" "$TERN" run -- /usr/bin/python3 -m http.server -b $HOST 81 -d "$LIB_TMP/www"
	local py=$BG_PID old
	wait_for 15 grep -q "listening on $HOST:81" "$LIB_TMP/py.err" || fail "python3 does not listen beside nginx"
	for i in {1..6}; do
		in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" http://$HOST:81/index.html || fail "python3 beside nginx"
		same_sha "$LIB_TMP/www/index.html" "$LIB_TMP/got"
	done
	in_ns curl -sS --max-time 40 --limit-rate 3M -o "$LIB_TMP/long" http://$HOST/10m.bin &
	local long=$!
	pgrep -P "$(cat "$LIB_TMP/nginx.pid")" >"$LIB_TMP/old"
	kill -HUP "$(cat "$LIB_TMP/nginx.pid")"
	pids 24 >"$LIB_TMP/pids" || fail "a request during a reload"
	wait $long || fail "a download during a reload"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/long"
	wait_for 15 new_workers || fail "old workers did not leave"
	old=$(pgrep -P "$(cat "$LIB_TMP/nginx.pid")" | head -n 1)
	kill -KILL "$old"
	wait_for 15 eval '[ "$(grep -c "tern: listening" "$LIB_TMP/nginx.err")" = 5 ]' || fail "who was killed has no successor"
	pids 12 >"$LIB_TMP/pids" || fail "a request after one was killed"
	! grep -qw "$old" "$LIB_TMP/pids" || fail "a dead one answered"
	kill -TERM $py
	wait_exit 15 $py
	run_end QUIT
}

generation() { [ "$(grep -c "tern: listening" "$LIB_TMP/nginx.err")" -ge "$1" ]; }

# load_begin ARGS...: ab runs until load_end; then none failed.
load_begin() {
	ip netns exec "$NS" ab -q -r -t 100 -n 10000000 "$@" http://$HOST/index.html >"$LIB_TMP/ab.out" 2>&1 &
	AB_PID=$!
	LIB_PIDS+=($AB_PID)
	sleep 0.2 # of load
}
load_end() {
	kill -0 $AB_PID || fail "ab ended by itself"
	kill -INT $AB_PID # it prints what it has
	wait_exit 15 $AB_PID
	[ "$(awk '/^Complete requests:/ { print $3 }' "$LIB_TMP/ab.out")" -ge 100 ] || fail "ab: fewer than 100 requests"
	grep -q "^Failed requests: *0$" "$LIB_TMP/ab.out" || fail "ab: $(grep -A 1 '^Failed' "$LIB_TMP/ab.out" | tr '\n' ' ')"
}

# reload_loaded TIMES ARGS...: each generation comes while the one before it is loaded.
reload_loaded() {
	local times=$1 n=2 i
	shift
	load_begin "$@"
	for ((i = 0; i < times; i++)); do
		pgrep -P "$(cat "$LIB_TMP/nginx.pid")" >"$LIB_TMP/old"
		kill -HUP "$(cat "$LIB_TMP/nginx.pid")"
		wait_for 60 generation $((n += 2)) || fail "reload $i: the new workers do not listen"
		wait_for 60 new_workers || fail "reload $i: old workers did not leave"
		sleep 0.2 # of load
	done
	load_end
}

# What waits in the old workers' queues is served by the new ones: reloads under load lose no connection.
test_run_reload() {
	nginx_conf 80 | sed 's/worker_processes 1/worker_processes 2/' >"$LIB_TMP/nginx.conf"
	RUN_LOG=$LIB_TMP/nginx.err
	run_serve 80 nginx -e "$LIB_TMP/nginx.err" -c "$LIB_TMP/nginx.conf"
	wait_for 30 generation 2 || fail "the second worker does not listen"
	reload_loaded ${RELOADS:-1} -c ${RELOAD_CLIENTS:-50}
	run_end QUIT
	want_tern TcpExtTernImported 1
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# A new program takes the old one's listeners by their descriptors, in an environment that it cleaned; both answer until the old one leaves.
test_run_upgrade() {
	local old new
	nginx_conf 80 | sed 's/daemon off;//' >"$LIB_TMP/nginx.conf"
	RUN_LOG=$LIB_TMP/nginx.err
	run_serve 80 "$(command -v nginx)" -e "$LIB_TMP/nginx.err" -c "$LIB_TMP/nginx.conf"
	old=$(cat "$LIB_TMP/nginx.pid")
	LIB_PIDS+=("$old")
	load_begin -c 20
	kill -USR2 "$old"
	wait_for 60 generation 2 || fail "the new program's worker does not listen"
	new=$(cat "$LIB_TMP/nginx.pid") # the old one's is nginx.pid.oldbin
	LIB_PIDS+=("$new")
	[ "$new" != "$old" ] || fail "there is no new master"
	kill -QUIT "$old"
	wait_for 30 gone "$old" || fail "the old master did not leave"
	sleep 0.2 # of load
	load_end
	[ "$(in_ns curl -sS --max-time 60 "http://$HOST/index.html" | sha256sum)" = "$(sha256sum <"$LIB_TMP/www/index.html")" ] || fail "another page"
	kill -QUIT "$new"
	wait_for 15 gone "$new" || fail "the new master did not leave"
	wait_for 15 tern0_gone || fail "tern0 is still there"
	want_tern TcpPassiveOpens 100
}

# TLS looks into what came before it reads (MSG_PEEK); HTTP/2 has many streams of one connection.
test_run_nginx_tls() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tern -keyout "$LIB_TMP/key.pem" -out "$LIB_TMP/cert.pem" 2>/dev/null ||
		fail "no certificate"
	NGINX_MORE="ssl_certificate $LIB_TMP/cert.pem; ssl_certificate_key $LIB_TMP/key.pem;"
	nginx_conf '443 ssl http2' >"$LIB_TMP/nginx.conf"
	run_serve 443 nginx -e "$LIB_TMP/nginx.err" -c "$LIB_TMP/nginx.conf"
	for version in --http1.1 --http2; do
		in_ns curl -sSk $version --max-time 60 -o "$LIB_TMP/got" https://$HOST/10m.bin || fail "curl $version"
		same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	done
	in_ns curl -sSk --max-time 60 --parallel --parallel-max 50 -o "$LIB_TMP/page#1" "https://$HOST/index.html?[1-50]" 2>/dev/null ||
		fail "curl, 50 at a time"
	for i in {1..50}; do same_sha "$LIB_TMP/www/index.html" "$LIB_TMP/page$i"; done
	run_end QUIT
	RUN_LOG=$LIB_TMP/nginx.err
	want_tern TcpPassiveOpens 3
}

# A child that saves while the parent serves has the parent's sockets, and leaves them alone.
test_run_redis() {
	run_serve 6379 redis-server "$TOP/config/redis.conf" --dir "$LIB_TMP"
	[ "$(in_ns redis-cli -h $HOST set key value)" = OK ] || fail "redis-cli set"
	in_ns timeout 60 redis-benchmark -h $HOST -q -n 5000 -c 20 -t set,get >"$LIB_TMP/rb.out" 2>&1 &
	local bench=$!
	in_ns redis-cli -h $HOST bgsave | grep -q started || fail "redis-cli bgsave"
	wait $bench || fail "redis-benchmark"
	wait_for 10 grep -q 'Background saving terminated with success' "$LIB_TMP/run.out" || fail "bgsave did not end"
	[ "$(in_ns redis-cli -h $HOST get key)" = value ] || fail "redis-cli get after bgsave"
	[ "$(in_ns redis-cli get key)" = value ] || fail "redis-cli get over the loopback"
	run_end TERM
	want_tern TcpPassiveOpens 40
}

# Four threads that share the stack.
test_run_memcached() {
	run_serve 11211 memcached -u root -t 4 -l 0.0.0.0 -p 11211
	printf 'set a 0 0 3\r\nxyz\r\nquit\r\n' | in_ns nc -w 30 $HOST 11211 | grep -q STORED || fail "set"
	local pids=() i
	for i in {1..16}; do
		(for _ in {1..5}; do
			printf 'get a\r\nquit\r\n' | in_ns nc -w 30 $HOST 11211 | grep -q xyz || exit 1
		done) &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || fail "get"; done
	run_end TERM
	want_tern TcpPassiveOpens 81
}

# --idle spin: of threads that wait one polls for all, whatever the others wait for, and each is heard at once.
test_run_one_spins() {
	local most rest i
	RUN_OPTIONS="--idle spin" run_serve 11211 memcached -u root -t 4 -l 0.0.0.0 -p 11211
	for i in 1 2; do # CPU time of each thread
		awk '{print $1, $14 + $15}' /proc/$RUN_PID/task/*/stat >"$LIB_TMP/ticks$i"
		[ $i = 2 ] || sleep 2
	done
	read -r most rest < <(awk 'NR == FNR {was[$1] = $2; next} {n = $2 - was[$1]; all += n; if (n > most) most = n}
		END {print most, all - most}' "$LIB_TMP/ticks1" "$LIB_TMP/ticks2")
	[ "$most" -gt 20 ] || fail "nobody spins: $most ticks"
	[ $((rest * 3)) -lt "$most" ] || fail "$rest ticks beside the $most of who spins"
	printf 'set a 0 0 3\r\nxyz\r\nquit\r\n' | in_ns nc -w 30 $HOST 11211 | grep -q STORED || fail "set"
	for i in {1..40}; do # a connection's first thread is another than who serves it, and than who polls
		printf 'get a\r\nquit\r\n' | in_ns timeout 5 nc -w 5 $HOST 11211 | grep -q xyz || fail "get"
	done
	run_end TERM
}

# A proxy is both ends: from the kernel's client to the kernel's server, with one thread and with two.
test_run_haproxy() {
	local threads
	nginx_start "$NS" 8081 "$LIB_TMP/www" || fail "nginx"
	for threads in 1 2; do
		sed "s/nbthread 2/nbthread $threads/" "$TOP/config/haproxy.cfg" >"$LIB_TMP/haproxy.cfg"
		run_serve 8080 haproxy -f "$LIB_TMP/haproxy.cfg"
		in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" http://$HOST:8080/10m.bin || fail "curl, $threads threads"
		same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
		ab_all 500 -c 10 http://$HOST:8080/index.html
		run_end USR1
		want_tern TcpActiveOpens 1
	done
}

# The README's command, as a user in this namespace would give it: a thread for each request.
test_run_python() {
	local i pids=()
	RUN_DIR=$LIB_TMP/www run_serve 8000 /usr/bin/python3 -m http.server 8000
	for i in {1..8}; do
		in_ns curl -sS --max-time 60 -o "$LIB_TMP/got$i" http://$HOST:8000/10m.bin &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || fail "curl"; done
	for i in {1..8}; do same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got$i"; done
	run_end TERM 143
}

test_run_iperf3() {
	for way in '' -R; do
		run_serve 5201 iperf3 -s -1
		in_ns timeout 60 iperf3 -c $HOST -t 1 $way >"$LIB_TMP/iperf.out" 2>&1 || fail "iperf3 -c $way"
		wait_exit 10 $RUN_PID || fail "the server left with $?"
		want_tern TcpPassiveOpens 2
	done
}

# Programs that connect.
test_run_clients() {
	nginx_start "$NS" 8081 "$LIB_TMP/www" || fail "nginx"
	in_ns "$TERN" run --stats -- curl -sS --max-time 60 -o "$LIB_TMP/got" http://192.0.2.2:8081/10m.bin 2>"$LIB_TMP/run.err" ||
		fail "curl"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	want_tern TcpActiveOpens 1
	in_ns "$TERN" run --stats -- ab -q -n 500 -c 10 http://192.0.2.2:8081/index.html >"$LIB_TMP/ab.out" 2>"$LIB_TMP/run.err" || fail "ab"
	grep -q "Failed requests: *0$" "$LIB_TMP/ab.out" || fail "ab: requests failed"
	want_tern TcpActiveOpens 500
	in_ns "$TERN" run --stats -- wrk -t 2 -c 10 -d 1 http://192.0.2.2:8081/index.html >"$LIB_TMP/wrk.out" 2>"$LIB_TMP/run.err" || fail "wrk"
	! grep -q 'Socket errors' "$LIB_TMP/wrk.out" || fail "wrk: $(grep 'Socket errors' "$LIB_TMP/wrk.out")"
	want_tern TcpActiveOpens 10
}

# passed NAME: how often, says the only report of the only process in run.err; 0 when it is not there.
passed() { awk -v n="$1" '$1 == n { v = $2 } END { print v + 0 }' "$LIB_TMP/run.err"; }

# --stats names what was not tern's: calls of the kernel's descriptors, counted from the first socket on, and options that tern has not.
test_run_stats() {
	cat >"$LIB_TMP/stats.py" <<-'EOF'
		import fcntl, os, socket, sys
		zero = os.open("/dev/zero", os.O_RDONLY)
		one = bytearray(1)
		os.readv(zero, [one])
		s = socket.socket()
		for _ in range(5):
		    os.readv(zero, [one])
		if len(sys.argv) > 1:
		    try:
		        socket.send_fds(socket.socketpair()[0], [b"x"], [s.fileno()])
		    except OSError as e:
		        print(e, file=sys.stderr)
		    s.connect(("192.0.2.2", 8081))
		    for _ in range(3):
		        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
		    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		    os.writev(s.fileno(), [b"GET / HTTP/1.0\r\n\r\n"])
		    while os.readv(s.fileno(), [bytearray(1000)]):
		        pass
	EOF
	nginx_start "$NS" 8081 "$LIB_TMP/www" || fail "nginx"
	in_ns "$TERN" run --stats -- /usr/bin/python3 "$LIB_TMP/stats.py" connect 2>"$LIB_TMP/run.err" || fail "python"
	want_tern TcpActiveOpens 1
	[ "$(passed readv)" = 5 ] || fail "$(passed readv) calls of readv were the kernel's, not 5"
	[ "$(passed writev)" = 0 ] || fail "writev of a tern socket was passed to the kernel"
	[ "$(passed 'setsockopt(6,9)')" = 3 ] && [ "$(passed 'setsockopt(6,1)')" = 0 ] || fail "TCP_DEFER_ACCEPT is not named, or TCP_NODELAY is"
	[ "$(passed 'sendmsg(1,1)')" = 1 ] || fail "a socket that is given away is not counted"
	in_ns "$TERN" run --stats -- /usr/bin/python3 "$LIB_TMP/stats.py" 2>"$LIB_TMP/run.err" || fail "python"
	[ "$(passed readv)" = 5 ] || fail "$(passed readv) calls of readv without a stack, not 5"
	in_ns "$TERN" run -- /usr/bin/python3 "$LIB_TMP/stats.py" connect 2>"$LIB_TMP/run.err" || fail "python"
	! grep -q 'passed to the kernel' "$LIB_TMP/run.err" || fail "numbers that nobody asked for"
	[ "$(grep -c '^tern: setsockopt(6,9) .*without effect' "$LIB_TMP/run.err")" = 1 ] || fail "TCP_DEFER_ACCEPT without effect is not named once"
	[ "$(grep -c '^tern: sendmsg(1,1) ' "$LIB_TMP/run.err")" = 1 ] || fail "a socket that is given away is not named"
}

# What is used up is said as the kernel would: connections ENOBUFS, descriptors EMFILE; afterwards all goes on.
test_run_exhausted() {
	cat >"$LIB_TMP/many.py" <<-'EOF'
		import errno, resource, socket, time
		def many(make):
		    got = []
		    try:
		        while len(got) < 100:
		            got.append(make())
		    except OSError as e:
		        print(len(got), errno.errorcode[e.errno])
		    return got
		def connected():
		    s = socket.socket()
		    s.connect(("192.0.2.2", 8081))
		    return s
		conns = many(connected)
		for s in conns: # ends in order: TIME-WAIT is another object
		    s.close()
		time.sleep(0.2)
		conns = many(connected)
		for s in conns:
		    s.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
		    while s.recv(1000):
		        pass
		    s.close()
		server = socket.create_server(("192.0.2.1", 7000))
		server.settimeout(10)
		resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))
		for s in many(socket.socket):
		    s.close()
		s = connected()
		print("after", s.getpeername())
	EOF
	nginx_start "$NS" 8081 "$LIB_TMP/www" || fail "nginx"
	in_ns "$TERN" run --max-conns 5 -- /usr/bin/python3 "$LIB_TMP/many.py" >"$LIB_TMP/many.out" 2>"$LIB_TMP/run.err" || fail "python"
	sed -i -E 's/^[0-9]+ EMFILE/N EMFILE/' "$LIB_TMP/many.out"
	printf '%s\n' '5 ENOBUFS' '5 ENOBUFS' 'N EMFILE' "after ('192.0.2.2', 8081)" | diff - "$LIB_TMP/many.out" || fail "another answer"
}

# Killed at any time: the next start works at once.
test_run_killed() {
	local i
	nginx_conf 80 >"$LIB_TMP/nginx.conf"
	sed -i 's/daemon off;/daemon off; master_process off;/' "$LIB_TMP/nginx.conf"
	for i in 1 2 3; do
		run_serve 80 nginx -e "$LIB_TMP/nginx.err" -c "$LIB_TMP/nginx.conf"
		in_ns timeout 60 ab -q -n 100000 -c 10 http://$HOST/index.html >/dev/null 2>&1 &
		LIB_PIDS+=($!)
		sleep 0.$((RANDOM % 9 + 1))
		kill -KILL $RUN_PID
		wait $RUN_PID 2>/dev/null
		kill -KILL $! 2>/dev/null
	done
	run_serve 80 nginx -e "$LIB_TMP/nginx.err" -c "$LIB_TMP/nginx.conf"
	ab_all 200 -c 10 http://$HOST/index.html
	run_end QUIT
}

# So it does when a child outlives it that had copies of all its descriptors: neither the device nor a queue of it stays behind.
test_run_killed_with_a_child() {
	cat >"$LIB_TMP/child.py" <<-'EOF'
		import os, select, signal, socket, sys, time
		s = socket.create_server(("192.0.2.1", int(sys.argv[1])))
		select.select([s], [], [], 0)
		if sys.argv[2:]:
		    if os.fork() == 0:
		        time.sleep(60)
		        os._exit(0)
		    os.kill(os.getpid(), signal.SIGKILL)
		s.accept()[0].sendall(b"here")
	EOF
	in_ns "$TERN" run -- /usr/bin/python3 "$LIB_TMP/child.py" 8000 killed >"$LIB_TMP/killed.out" 2>&1
	LIB_PIDS+=($(pgrep -f "^/usr/bin/python3 $LIB_TMP/child.py 8000 killed"))
	[ ${#LIB_PIDS[@]} = 1 ] || fail "no child is left"
	run_serve 8001 /usr/bin/python3 "$LIB_TMP/child.py" 8001
	[ "$(in_ns timeout 10 nc -d $HOST 8001)" = here ] || fail "no answer"
	wait_exit 15 $RUN_PID || fail "status $?"
	kill -0 "${LIB_PIDS[0]}" || fail "the child is gone"
}

# What is left to the kernel by a rule, on either side, never comes to tern.
test_run_rules() {
	nginx_conf 80 81 >"$LIB_TMP/nginx.conf"
	RUN_OPTIONS='--except 81' run_serve 80 nginx -e "$LIB_TMP/nginx.err" -c "$LIB_TMP/nginx.conf"
	in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" http://$HOST/ || fail "port 80"
	! in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" http://$HOST:81/ 2>/dev/null || fail "port 81 is tern's"
	in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" http://127.0.0.1:81/ || fail "port 81 is not the kernel's"
	run_end QUIT
	in_ns ip addr add 198.51.100.1/32 dev lo
	nginx_start "$NS" 8081 "$LIB_TMP/www" || fail "nginx"
	in_ns "$TERN" run --stats --only 198.51.100.0/24 -- curl -sS --max-time 60 http://198.51.100.1:8081/ >"$LIB_TMP/got" 2>"$LIB_TMP/run.err" ||
		fail "an address that tern has no way to"
	in_ns "$TERN" run --stats --only 192.0.2.2:8080-8090 -- curl -sS --max-time 60 http://192.0.2.2:8081/ >"$LIB_TMP/got" 2>"$LIB_TMP/run.err" ||
		fail "curl"
	want_tern TcpActiveOpens 1
}

# A signal that ends a program without a handler: its peers hear of it.
test_run_signalled() {
	cat >"$LIB_TMP/wait.py" <<-'EOF'
		import socket
		s = socket.socket()
		s.bind(("0.0.0.0", 8000))
		s.listen()
		s.accept()[0].recv(1)
	EOF
	run_serve 8000 /usr/bin/python3 "$LIB_TMP/wait.py"
	in_ns timeout 60 nc -d $HOST 8000 >/dev/null 2>&1 &
	local client=$!
	wait_for 10 sh -c "ip netns exec $NS ss -tn state established dst $HOST | grep -q :8000" || fail "not connected"
	run_end TERM 143
	wait_exit 5 $client
	[ $? != 124 ] || fail "the client was not told"
}

# A device that is taken away: who waits says so and does not burn a core, and the next start works at once.
test_run_device_gone() {
	run_serve 8000 /usr/bin/python3 -m http.server 8000
	in_ns ip link del tern0
	wait_for 15 grep -q "tern: device 0 of this program is gone" "$LIB_TMP/run.err" || fail "it is not said"
	run_end TERM 143
	RUN_DIR=$LIB_TMP/www run_serve 8000 /usr/bin/python3 -m http.server 8000
	in_ns curl -sS --max-time 30 -o "$LIB_TMP/got" http://$HOST:8000/index.html || fail "the next start"
	run_end TERM 143
}

# _exit() runs no destructor; what is open is closed in order all the same.
test_run_exits() {
	cat >"$LIB_TMP/exits.py" <<-'EOF'
		import os, socket
		c = socket.create_server(("0.0.0.0", 8000)).accept()[0]
		c.sendall(bytes(300000))
		os._exit(5)
	EOF
	run_serve 8000 /usr/bin/python3 "$LIB_TMP/exits.py"
	in_ns timeout 30 nc -d $HOST 8000 >"$LIB_TMP/got" || fail "the client was not told"
	[ "$(wc -c <"$LIB_TMP/got")" = 300000 ] || fail "$(wc -c <"$LIB_TMP/got") bytes of 300000"
	wait_exit 15 $RUN_PID
	[ $? = 5 ] || fail "another status"
}

# run_refused WHAT ARGS...: `tern run ARGS` says WHAT in its only line, and fails.
run_refused() {
	local want=$1
	shift
	! in_ns "$@" >"$LIB_TMP/refused.out" 2>&1 || fail "taken: $*"
	[ "$(grep -vc 'the program is at' "$LIB_TMP/refused.out")" = 1 ] && grep -q "^tern: .*$want" "$LIB_TMP/refused.out" || {
		cat "$LIB_TMP/refused.out"
		fail "no line that says '$want': $*"
	}
}

# What is taken already: a port by the kernel, all places of the device by others.
test_run_taken() {
	cat >"$LIB_TMP/taken.py" <<-'EOF'
		import socket, sys, time
		if sys.argv[1] == "port":
		    held = [socket.create_server(("0.0.0.0", 8000))]
		else:
		    held = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for i in range(16)]
		    for i, s in enumerate(held):
		        s.bind(f"\0tern.tern0.{i}")
		print("held", flush=True)
		time.sleep(60)
	EOF
	local what
	for what in port places; do
		: >"$LIB_TMP/held.log"
		(exec ip netns exec "$NS" /usr/bin/python3 "$LIB_TMP/taken.py" $what) >>"$LIB_TMP/held.log" 2>&1 &
		LIB_PIDS+=($!)
		wait_for 10 grep -q held "$LIB_TMP/held.log" || fail "nobody holds it"
		! in_ns timeout 20 "$TERN" run -- /usr/bin/python3 -m http.server -b $HOST 8000 >"$LIB_TMP/taken.$what.out" 2>&1 || fail "taken: $what"
		kill -KILL $!
		wait $! 2>/dev/null
	done
	grep -q 'Address already in use' "$LIB_TMP/taken.port.out" || fail "a port of the kernel's, without EADDRINUSE"
	grep -q 'tern: run: 16 processes are on tern0 already' "$LIB_TMP/taken.places.out" || fail "no line about 16 processes"
}

test_run_refused() {
	run_refused 'no program' "$TERN" run
	run_refused 'no such program' "$TERN" run -- nosuchprogram
	run_refused 'statically linked' "$TERN" run -- /sbin/ldconfig
	run_refused 'setuid' "$TERN" run -- /bin/su
	run_refused "'x' is none of" "$TERN" run --idle x -- true
	run_refused 'neither an address' "$TERN" run --except 192.0.2.x -- true
	run_refused 'the first is the lower' "$TERN" run --only 80,90-80 -- true
	run_refused 'is not an option' "$TERN" run --nosuch 1 -- true
	in_ns "$TERN" run --dry-run --only 80 --stats -- true >"$LIB_TMP/dry.out" 2>/dev/null || fail "--dry-run"
	grep -q '^TERN_OPTIONS=--only 80 --stats$' "$LIB_TMP/dry.out" && grep -q "^tern's: " "$LIB_TMP/dry.out" ||
		fail "--dry-run does not say what would be intercepted"
	run_refused 'nosuch.cfg: No such file' "$TERN" run --config nosuch.cfg -- true
	run_refused 'needs root' setpriv --reuid=65534 --clear-groups "$TERN" run -- curl -sS http://192.0.2.2/
	ip -n "$NS" link add tern0 type veth peer name other0 # no tap of ours, which could be shared
	run_refused 'tern0 is there already' "$TERN" run -- curl -sS http://192.0.2.2/
	ip -n "$NS" link del tern0
	# what never opens such a socket is as it was
	[ "$(in_ns "$TERN" run -- sh -c 'echo "$0 $#"; exit 3' a b 2>/dev/null; echo $?)" = "$(printf 'a 1\n3')" ] || fail "a shell was disturbed"
}
