# SPDX-License-Identifier: BSD-3-Clause
# `tern run`: what must not grow. CI runs it small, which tests the test: scripts/soak.sh has the sizes that count.
SOAK_CONNS=${SOAK_CONNS:-2000}   # of nginx, and of redis
SOAK_SECONDS=${SOAK_SECONDS:-1}  # of everything at once
SOAK_FILE_MB=${SOAK_FILE_MB:-64}
SOAK_FDS=${SOAK_FDS:-100}        # a placeholder of each connection that was open at a time is kept: 50 clients, and some
SOAK_RSS_KB=${SOAK_RSS_KB:-8192} # of a million connections: 8 bytes each

rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$RUN_PID/status"; }
fds() { find "/proc/$RUN_PID/fd" -type l | wc -l; }

# not_growing WHAT COMMAND...: once to grow to what it needs, then it counts.
not_growing() {
	local what=$1 rss fds
	shift
	"$@" 1 || fail "$what, the first time"
	wait_for 5 settled || fail "$what: connections stay open"
	rss=$(rss_kb) fds=$(fds)
	"$@" "$GROWS" || fail "$what"
	wait_for 5 settled || fail "$what: connections stay open"
	say "$what: RSS $rss kB before, $(rss_kb) after; descriptors $fds before, $(fds) after"
	[ "$(fds)" -le $((fds + SOAK_FDS)) ] || fail "$what: descriptors grow"
	[ "$(rss_kb)" -le $((rss + SOAK_RSS_KB)) ] || fail "$what: memory grows"
}

settled() { [ "$(in_ns ss -Htn state established dst $HOST | wc -l)" = 0 ]; }

# Each time with N times SOAK_CONNS / 10 connections.
many_nginx() { ab_all $(($1 * SOAK_CONNS / 10)) -c 50 http://$HOST/index.html; }
many_redis() {
	in_ns redis-benchmark -h $HOST -q -k 0 -c 50 -n $(($1 * SOAK_CONNS / 10)) -t ping_mbulk >"$LIB_TMP/rb.out" 2>&1 &&
		! grep -qi error "$LIB_TMP/rb.out"
}

# Kept alive, closed, and broken off in the midst, N times SOAK_SECONDS / 10.
mixed() {
	local end=$((SECONDS + $1 * SOAK_SECONDS / 10 + 1))
	while [ $SECONDS -lt $end ]; do
		ab_all 1000 -k -c 50 http://$HOST/index.html
		ab_all 500 -c 50 http://$HOST/index.html
		in_ns curl -sS --max-time 30 -o "$LIB_TMP/got" http://$HOST/10m.bin || return
		in_ns timeout 0.1 curl -s -o /dev/null --limit-rate 100k http://$HOST/10m.bin
		cmp -s "$LIB_TMP/www/10m.bin" "$LIB_TMP/got" || return
	done
}

# Clients' ports come round in a second, not in a minute.
ports_again() { in_ns sh -c 'echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range; echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse'; }

soak_nginx() {
	nginx_conf 80 | sed 's/daemon off;/daemon off; master_process off;/' >"$LIB_TMP/nginx.conf"
	run_serve 80 nginx -e "$LIB_TMP/nginx.err" -c "$LIB_TMP/nginx.conf"
}

test_run_soak() {
	GROWS=10 AB_S=1000
	ports_again
	soak_nginx
	not_growing "nginx, $SOAK_CONNS connections" many_nginx
	not_growing "nginx, $SOAK_SECONDS s of everything" mixed
	run_end QUIT
	run_serve 6379 redis-server "$TOP/config/redis.conf" --dir "$LIB_TMP"
	not_growing "redis, $SOAK_CONNS connections" many_redis
	run_end TERM
}

test_run_sendfile() {
	openssl enc -aes-128-ctr -nosalt -pass pass:tern -in /dev/zero 2>/dev/null | head -c $((SOAK_FILE_MB * 1048576)) >"$LIB_TMP/www/big.bin"
	soak_nginx
	in_ns curl -sS --max-time 300 http://$HOST/big.bin | sha256sum >"$LIB_TMP/big.sum"
	[ "$(sha256sum <"$LIB_TMP/www/big.bin")" = "$(cat "$LIB_TMP/big.sum")" ] || fail "$SOAK_FILE_MB MB differ"
	run_end QUIT
}
